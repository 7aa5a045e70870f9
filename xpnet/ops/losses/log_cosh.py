"""The logarithm of the hyperbolic cosine."""

from __future__ import annotations

import math

from ...namespace import namespace
from ...typing import Array, Pullback
from .sample import mean_per_sample, same_shape, spread_per_sample


def log_cosh(y: Array, /, *, target: Array) -> tuple[Array, Pullback]:
    """Logarithm of the hyperbolic cosine of the error, one value per sample: squared near 0, linear far away.

    loss_i = mean_j log cosh(y_ij - target_ij);  dy_ij = dloss_i tanh(y_ij - target_ij) / k, k = size(y_i)
    y and target (n, ...). Computed as -log(1 - tanh^2(e)) / 2 where |e| < 1, which loses no
    digits, and as |e| + log(1 + exp(-2 |e|)) - log 2 beyond, which does not overflow.
    """
    xp = namespace(y)
    error = y - same_shape("log_cosh", y, target)
    size, slope = xp.abs(error), xp.tanh(error)
    near = size < 1
    inner = -0.5 * xp.log1p(-xp.where(near, slope * slope, 0.0))
    outer = size + (xp.log1p(xp.exp(-2.0 * size)) - math.log(2.0))

    def pullback(dloss: Array) -> tuple[Array]:
        return (slope * spread_per_sample(dloss, slope),)

    return mean_per_sample(xp.where(near, inner, outer)), pullback
