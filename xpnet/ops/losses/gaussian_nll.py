"""The likelihood of values whose variance is learned, too."""

from __future__ import annotations

import math

from ...namespace import namespace
from ...typing import Array, Pullback
from .sample import mean_per_sample, same_shape, spread_per_sample, takes


@takes("values", outputs=2)
def gaussian_nll(y: Array, /, *, target: Array, full: bool = False) -> tuple[Array, Pullback]:
    """Negative log-likelihood of values under normal distributions, one value per sample.

    loss_i = mean_j (s_ij + (m_ij - t_ij)^2 exp(-s_ij)) / 2, (m | s) = y, t = target;
    dy = (dm | ds), dm_ij = dloss_i (m_ij - t_ij) exp(-s_ij) / k,
    ds_ij = dloss_i (1 - (m_ij - t_ij)^2 exp(-s_ij)) / (2 k), k = size(m_i)
    y (n, ..., 2 c): the means m, then the logarithms s of the variances; target (n, ..., c). `full` adds log(2 pi) / 2.
    PyTorch takes the variance, which its users must keep positive, and clamps it; a logarithm needs neither.
    """
    xp = namespace(y)
    count, odd = divmod(y.shape[-1], 2)
    if odd or y.ndim < 2:
        raise ValueError(f"gaussian_nll: y {y.shape} must be (n, ..., 2 c): c means, then c log-variances")
    mean, log_var = y[..., :count], y[..., count:]
    error = mean - same_shape("gaussian_nll", mean, target)
    scaled = error * xp.exp(-log_var)
    squared = error * scaled

    def pullback(dloss: Array) -> tuple[Array]:
        dvalues = spread_per_sample(dloss, error)
        return (xp.concat((scaled * dvalues, (0.5 - 0.5 * squared) * dvalues), axis=-1),)

    constant = 0.5 * math.log(2.0 * math.pi) if full else 0.0
    return mean_per_sample(0.5 * (log_var + squared) + constant), pullback
