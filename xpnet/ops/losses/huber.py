"""The Huber loss."""

from __future__ import annotations

from ...namespace import namespace
from ...typing import Array, Pullback
from .sample import mean_per_sample, require, same_shape, spread_per_sample


def huber(y: Array, /, *, target: Array, delta: float = 1.0) -> tuple[Array, Pullback]:
    """Huber loss, one value per sample: squared near 0, linear beyond delta.

    loss_i = mean_j h(y_ij - target_ij), h(e) = e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2);
    dy_ij = dloss_i clip(y_ij - target_ij, -delta, delta) / k, k = size(y_i)
    y and target (n, ...). Source: Huber, 1964.
    """
    require("huber", "delta", delta, delta > 0, "must be above 0")
    xp = namespace(y)
    error = y - same_shape("huber", y, target)
    size = xp.abs(error)
    clipped = xp.where(size <= delta, error, delta * xp.sign(error))

    def pullback(dloss: Array) -> tuple[Array]:
        return (clipped * spread_per_sample(dloss, clipped),)

    return mean_per_sample(clipped * (error - 0.5 * clipped)), pullback
