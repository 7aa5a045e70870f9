"""Mean squared error."""

from __future__ import annotations

from ...typing import Array, Pullback
from .sample import mean_per_sample, same_shape, spread_per_sample


def mse(y: Array, /, *, target: Array) -> tuple[Array, Pullback]:
    """Mean squared error, one value per sample.

    loss_i = mean_j (y_ij - target_ij)^2;  dy_ij = dloss_i 2 (y_ij - target_ij) / k, k = size(y_i)
    y and target (n, ...).
    """
    error = y - same_shape("mse", y, target)

    def pullback(dloss: Array) -> tuple[Array]:
        return (error * (2.0 * spread_per_sample(dloss, error)),)

    return mean_per_sample(error * error), pullback
