"""Parts of the losses: targets in their form, the mean over one sample's outputs, the declaration of targets."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...dtypes import countable
from ...namespace import device, namespace
from ...typing import Array, Op


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
    target = countable(target)
    classes = xp.arange(y.shape[-1], dtype=target.dtype, device=device(y))
    return xp.astype(target[..., None] == classes, y.dtype)


def class_targets(
    loss: str, y: Array, target: Array, *, ignore_index: int | None = None, label_smoothing: float = 0.0
) -> tuple[Array, Array | int]:
    """(the target as probabilities t, how many positions of each sample count, at least 1).

    y (n, c) has one position a sample, y (n, ..., c) one for each label. Where a label is `ignore_index` t is 0,
    smoothed or not, and with it the loss and its derivative.
    """
    t = class_probabilities(loss, y, target)
    t = smoothed(loss, t, label_smoothing, y.shape[-1])
    if ignore_index is None:
        return t, max(1, math.prod(y.shape[1:-1]))
    whole = isinstance(ignore_index, int) and not isinstance(ignore_index, bool)
    fits = whole and -(2**31) <= ignore_index < 2**31  # which JAX's integers hold
    require(loss, "ignore_index", ignore_index, fits, "must be an integer that int32 holds, or None")
    if target.ndim == y.ndim:
        return t, max(1, math.prod(y.shape[1:-1]))
    xp = namespace(y)
    counts = xp.astype(countable(target) != ignore_index, y.dtype)
    number = xp.sum(counts, axis=tuple(range(1, counts.ndim))) if y.ndim > 2 else 1
    return t * counts[..., None], xp.where(number == 0, 1.0, number) if y.ndim > 2 else 1


def mean_over_positions(values: Array, number: Array | int) -> Array:
    """(n, ...) -> (n,), the mean over the positions of each sample that count."""
    if values.ndim < 2:
        return values
    return namespace(values).sum(values, axis=tuple(range(1, values.ndim))) / number


def spread_over_positions(dloss: Array, y: Array, number: Array | int) -> Array:
    """(n,) -> (n, 1, ..., 1), the pullback of `mean_over_positions` of values (n, ...) beside y (n, ..., c)."""
    if y.ndim < 3:
        return dloss[..., None]
    return namespace(y).reshape(dloss / number, (y.shape[0], *(1 for _ in y.shape[1:])))


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


def smoothed(loss: str, t: Array, smoothing: float, classes: int) -> Array:
    """(1 - e) t + e / classes, for a smoothing e in [0, 1]."""
    require(loss, "label_smoothing", smoothing, 0 <= smoothing <= 1, "is not in [0, 1]")
    return t if smoothing == 0 else (1.0 - smoothing) * t + smoothing / classes


def without_zeros(values: Array, t: Array) -> Array:
    """t values, and 0 where t is 0, even if the value is infinite."""
    return namespace(values).where(t == 0, 0.0, values) * t


def require(loss: str, name: str, value: Any, fits: bool, wanted: str) -> None:
    """ValueError for an option of a loss that does not fit."""
    if not fits:
        raise ValueError(f"{loss}: {name} {value!r} {wanted}")


def takes(
    kind: str,
    *,
    threshold: float = 0.5,
    link: Op | None = None,
    outputs: int = 1,
    of: str | None = None,
) -> Callable[[Any], Any]:
    """Declares the targets of a loss, as attributes of the function.

    kind: "classes" (one of the outputs), "binary" (each output yes or no) or "values".
    threshold: a binary output above it means yes.
    link: the op from the outputs to probabilities, where they are none.
    outputs: the number of the network's outputs for one target value.
    of: "probabilities" or "log-probabilities", where the outputs must be such.
    """

    def mark(loss: Any) -> Any:
        loss.kind, loss.threshold, loss.link, loss.outputs, loss.of = kind, threshold, link, outputs, of
        return loss

    return mark
