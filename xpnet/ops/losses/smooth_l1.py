"""The smooth L1 loss."""

from __future__ import annotations

from ...typing import Array, Pullback
from .huber import huber
from .sample import require, same_shape


def smooth_l1(y: Array, /, *, target: Array, beta: float = 1.0) -> tuple[Array, Pullback]:
    """Smooth L1 loss, one value per sample: the Huber loss, scaled to slope 1 beyond beta.

    loss_i = mean_j h(y_ij - target_ij), h(e) = e^2 / (2 beta) where |e| <= beta, else |e| - beta / 2;
    dy_ij = dloss_i clip((y_ij - target_ij) / beta, -1, 1) / k, k = size(y_i)
    y and target (n, ...). Source: Girshick, 2015, arXiv:1504.08083.
    """
    require("smooth_l1", "beta", beta, beta > 0, "must be above 0: for 0 use mae")
    losses, pull = huber(y, target=same_shape("smooth_l1", y, target), delta=beta)

    def pullback(dloss: Array) -> tuple[Array]:
        return pull(dloss / beta)

    return losses / beta, pullback
