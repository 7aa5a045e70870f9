"""The angle between outputs and target."""

from __future__ import annotations

import math

from ...namespace import namespace
from ...typing import Array, Pullback
from .sample import mean_per_sample, require, same_shape, spread_per_sample


def cosine_distance(y: Array, /, *, target: Array, eps: float = 1e-8) -> tuple[Array, Pullback]:
    """1 less the cosine of the angle between outputs and target, one value per sample.

    loss_i = 1 - c_i, c_i = sum_j u_ij v_ij, u_i = y_i / max(|y_i|, eps), v_i = target_i / max(|target_i|, eps);
    dy_i = dloss_i (c_i u_i - v_i) / |y_i| where |y_i| > eps, else -dloss_i v_i / eps
    y and target (n, ..., d): vectors along the last axis, and the mean over those of one sample. NaN where |y_i|^2
    overflows, in float32 from 1.8e19 on. 1 less PyTorch's
    `cosine_similarity`, whose gradient is no derivative where |y_i| < eps.
    """
    require("cosine_distance", "eps", eps, eps > 0, "must be above 0")
    xp = namespace(y)
    t = same_shape("cosine_distance", y, target)
    if y.ndim < 2:
        raise ValueError(f"cosine_distance: y {y.shape} must be (n, ..., d), vectors along its last axis")
    (u, length, short), (v, _, _) = _direction(y, eps), _direction(t, eps)
    cosine = xp.sum(u * v, axis=-1, keepdims=True)

    def pullback(dloss: Array) -> tuple[Array]:
        turned = (xp.where(short, 0.0, cosine) * u - v) / length
        return (turned * spread_per_sample(dloss, cosine),)

    return mean_per_sample(1.0 - cosine[..., 0]), pullback


def _direction(y: Array, eps: float) -> tuple[Array, Array, Array]:
    """(the vectors divided by their lengths, the lengths, at least eps, and a mask of those below eps)."""
    xp = namespace(y)
    length = xp.sqrt(xp.sum(y * y, axis=-1, keepdims=True))
    short = length <= eps
    length = xp.where(short, eps, xp.where(length < math.inf, length, math.nan))  # y / inf would be 0
    return y / length, length, short
