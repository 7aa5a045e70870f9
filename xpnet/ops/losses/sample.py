"""What the losses share: targets brought into form, and the mean over one sample's outputs."""

from __future__ import annotations

import math

from ...namespace import device, namespace
from ...typing import Array


def same_shape(loss: str, y: Array, target: Array) -> Array:
    """The target in y's dtype; ValueError where its shape is not y's, since broadcasting would hide it."""
    if target.shape != y.shape:
        raise ValueError(f"{loss}: target {target.shape} must have the outputs' shape {y.shape}")
    return target if target.dtype == y.dtype else namespace(y).astype(target, y.dtype)


def class_probabilities(loss: str, y: Array, target: Array) -> Array:
    """The target as probabilities of y's classes, from class numbers (...) or from probabilities (..., c)."""
    if target.ndim == y.ndim:
        return same_shape(loss, y, target)
    if target.shape != y.shape[:-1]:
        raise ValueError(
            f"{loss}: target {target.shape} must be class numbers {y.shape[:-1]} or probabilities {y.shape}"
        )
    xp = namespace(y)
    classes = xp.arange(y.shape[-1], dtype=target.dtype, device=device(y))
    return xp.astype(target[..., None] == classes, y.dtype)


def mean_per_sample(values: Array) -> Array:
    """(n, ...) -> (n,), the mean over all axes but the first."""
    if values.ndim == 1:
        return values
    xp = namespace(values)
    return xp.mean(values, axis=tuple(range(1, values.ndim)))


def spread_per_sample(dloss: Array, y: Array) -> Array:
    """(n,) -> (n, 1, ...), the pullback of `mean_per_sample` before it is broadcast."""
    if y.ndim == 1:
        return dloss
    shape = (y.shape[0], *(1 for _ in y.shape[1:]))
    return namespace(y).reshape(dloss / math.prod(y.shape[1:]), shape)


def guarded_log(p: Array) -> tuple[Array, Array]:
    """log p and its slope, with p below max(exp(-100), the smallest normal number) taken to be that.

    So the log is at least -100 (-87.3 in float32) and its slope is 0 below the guard, where it is constant.
    """
    xp = namespace(p)
    floor = max(3.720075976020836e-44, float(xp.finfo(p.dtype).smallest_normal))  # exp(-100)
    below = p <= floor  # not `p > floor`: a NaN must come through
    safe = xp.where(below, floor, p)
    return xp.log(safe), xp.where(below, 0.0, 1.0 / safe)
