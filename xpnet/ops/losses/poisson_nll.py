"""The likelihood of counts."""

from __future__ import annotations

import math

from ...namespace import namespace
from ...typing import Array, Pullback
from .sample import mean_per_sample, require, same_shape, spread_per_sample


def poisson_nll(
    y: Array, /, *, target: Array, log_input: bool = True, full: bool = False, eps: float = 1e-8
) -> tuple[Array, Pullback]:
    """Negative log-likelihood of counts under Poisson distributions, one value per sample.

    loss_i = mean_j (exp(y_ij) - t_ij y_ij), t = target;  dy_ij = dloss_i (exp(y_ij) - t_ij) / k, k = size(y_i)
    y is the logarithm of the rate. With `log_input=False` y is the rate itself: then the loss is the mean of
    y_ij - t_ij log(y_ij + eps), with the slope 1 - t_ij / (y_ij + eps).
    `full` adds Stirling's t log t - t + log(2 pi t) / 2 for the constant log t!, where t > 1.
    y and target (n, ...).
    """
    require("poisson_nll", "eps", eps, eps >= 0, "must be 0 or more")
    xp = namespace(y)
    t = same_shape("poisson_nll", y, target)
    if log_input:
        rate = xp.exp(y)
        values, slope = rate - t * y, rate - t
    else:
        values, slope = y - t * xp.log(y + eps), 1.0 - t / (y + eps)
    if full:
        several = xp.where(t > 1, t, 1.0)
        stirling = several * xp.log(several) - several + 0.5 * xp.log(2.0 * math.pi * several)
        values = values + xp.where(t > 1, stirling, 0.0)

    def pullback(dloss: Array) -> tuple[Array]:
        return (slope * spread_per_sample(dloss, y),)

    return mean_per_sample(values), pullback
