"""Plain formulas shared by several rows: the definitions, without the guards and shifts of the ops."""

from __future__ import annotations

import math
from typing import Any

from ...namespace import device
from ...typing import Array


def one_hot(xp: Any, y: Array, target: Array) -> Array:
    """The target as probabilities of the classes."""
    if target.ndim == y.ndim:
        return target
    return xp.astype(target[..., None] == xp.arange(y.shape[-1], device=device(y)), y.dtype)


def softmax(xp: Any, x: Array) -> Array:
    """exp(x) / sum exp(x), along the last axis."""
    return xp.exp(x) / xp.sum(xp.exp(x), axis=-1, keepdims=True)


def logistic(xp: Any, x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + xp.exp(-x))


def tanh(xp: Any, x: Array) -> Array:
    """The hyperbolic tangent, by one exponential."""
    return 1 - 2 / (1 + xp.exp(2 * x))


def erf(xp: Any, x: Array) -> Array:
    """The error function by its power series, for |x| up to 2.5; in float32 more terms would overflow."""
    terms = [(-1) ** k / (math.factorial(k) * (2 * k + 1)) for k in range(40)]
    total = 0.0 * x
    for term in reversed(terms):
        total = total * (x * x) + term
    return 2 / math.sqrt(math.pi) * x * total


def rows(xp: Any, values: Array) -> Array:
    """The mean over all axes but the first."""
    return xp.mean(values, axis=tuple(range(1, values.ndim))) if values.ndim > 1 else values


def binary(xp: Any, p: Array, target: Array) -> Array:
    """Cross-entropy of yes-or-no probabilities."""
    return -(target * xp.log(p) + (1 - target) * xp.log(1 - p))


def batch_norm(xp: Any, x: Array, scale: Array, shift: Array) -> Array:
    """Features normalised by the batch's own statistics."""
    axes = tuple(range(x.ndim - 1))
    mean = xp.mean(x, axis=axes)
    return (x - mean) / xp.sqrt(xp.mean((x - mean) ** 2, axis=axes) + 1e-5) * scale + shift


def layer_norm(xp: Any, x: Array, scale: Array, shift: Array) -> Array:
    """Each sample normalised over the axes of `scale`."""
    axes = tuple(range(-scale.ndim, 0))
    centred = x - xp.mean(x, axis=axes, keepdims=True)
    return centred / xp.sqrt(xp.mean(centred**2, axis=axes, keepdims=True) + 1e-5) * scale + shift


def rms_norm(xp: Any, x: Array, scale: Array) -> Array:
    """Each sample divided by its root mean square over the axes of `scale`."""
    axes = tuple(range(-scale.ndim, 0))
    tiny = float(xp.finfo(x.dtype).eps)
    return x / xp.sqrt(xp.mean(x**2, axis=axes, keepdims=True) + tiny) * scale


def group_norm(xp: Any, x: Array, scale: Array, shift: Array, groups: int) -> Array:
    """Each group of channels normalised by itself, then side by side."""
    size, axes = x.shape[-1] // groups, tuple(range(1, x.ndim))
    parts = []
    for start in range(0, x.shape[-1], size):
        part = x[..., start : start + size]
        centred = part - xp.mean(part, axis=axes, keepdims=True)
        parts.append(centred / xp.sqrt(xp.mean(centred**2, axis=axes, keepdims=True) + 1e-5))
    return xp.concat(parts, axis=-1) * scale + shift


def nearest(xp: Any, x: Array, factor: int) -> Array:
    """Each point repeated `factor` times along each axis but the first and the last."""
    for axis in range(1, x.ndim - 1):
        x = xp.repeat(x, factor, axis=axis)
    return x


def doubled(xp: Any, x: Array) -> Array:
    """Linear interpolation at a quarter and three quarters between neighbours; the outer points are repeated."""
    for axis in range(1, x.ndim - 1):
        x = xp.moveaxis(x, axis, 0)
        before, behind = (
            xp.concat([x[:1, ...], x[:-1, ...]], axis=0),
            xp.concat([x[1:, ...], x[-1:, ...]], axis=0),
        )
        pairs = xp.stack([0.25 * before + 0.75 * x, 0.75 * x + 0.25 * behind], axis=1)
        x = xp.moveaxis(xp.reshape(pairs, (2 * x.shape[0], *x.shape[1:])), 0, axis)
    return x
