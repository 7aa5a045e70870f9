"""Binary cross-entropy on probabilities."""

from __future__ import annotations

from ...namespace import namespace
from ...typing import Array, Pullback
from .sample import guarded_log, mean_per_sample, same_shape, spread_per_sample, takes


@takes("binary", of="probabilities")
def binary_cross_entropy(p: Array, /, *, target: Array) -> tuple[Array, Pullback]:
    """Binary cross-entropy of independent probabilities, one value per sample.

    loss_i = -mean_j (t_ij log p_ij + (1 - t_ij) log(1 - p_ij)), t = target;
    dp_ij = dloss_i ((1 - t_ij) / (1 - p_ij) - t_ij / p_ij) / k, k = size(p_i)
    p and target (n, ...) in [0, 1], k outputs per sample. The guard against log 0 is `cross_entropy`'s.
    PyTorch's gradient, (p - t) / max(p (1 - p), 1e-12), differs where p is within 1e-12 of 0 or 1: it is no derivative.
    """
    xp = namespace(p)
    t = same_shape("binary_cross_entropy", p, target)
    log_p, slope_p = guarded_log(p)
    log_q, slope_q = guarded_log(1.0 - p)
    small = p < 0.5  # there 1 - p is rounded, and log1p loses nothing
    log_q = xp.where(small, xp.log1p(xp.where(small, -p, 0.0)), log_q)

    def pullback(dloss: Array) -> tuple[Array]:
        return (((1.0 - t) * slope_q - t * slope_p) * spread_per_sample(dloss, p),)

    return -mean_per_sample(t * log_p + (1.0 - t) * log_q), pullback
