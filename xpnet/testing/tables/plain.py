"""Plain formulas that several rows share, from the definitions, without the guards and shifts that the ops have."""

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
    """Normalised by the batch's own statistics."""
    axes = tuple(range(x.ndim - 1))
    mean = xp.mean(x, axis=axes)
    return (x - mean) / xp.sqrt(xp.mean((x - mean) ** 2, axis=axes) + 1e-5) * scale + shift
