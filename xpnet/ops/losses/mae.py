"""Mean absolute error."""

from __future__ import annotations

from ...namespace import namespace
from ...typing import Array, Pullback
from .sample import mean_per_sample, same_shape, spread_per_sample


def mae(y: Array, /, *, target: Array) -> tuple[Array, Pullback]:
    """Mean absolute error, one value per sample.

    loss_i = mean_j |y_ij - target_ij|;  dy_ij = dloss_i sign(y_ij - target_ij) / k, k = size(y_i)
    y and target (n, ...); the slope at 0 is 0.
    """
    xp = namespace(y)
    error = y - same_shape("mae", y, target)

    def pullback(dloss: Array) -> tuple[Array]:
        return (xp.sign(error) * spread_per_sample(dloss, error),)

    return mean_per_sample(xp.abs(error)), pullback
