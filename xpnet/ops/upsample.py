"""Images and sequences of more points, from fewer."""

from __future__ import annotations

import math

from ..dtypes import counting, shortened
from ..errors import choose
from ..namespace import device, namespace
from ..typing import Array, Namespace, Pullback

UPSAMPLE_METHODS = ("nearest", "linear")
"""The interpolations between the points that are given."""


def upsample(x: Array, /, *, factor: int = 2, method: str = "nearest") -> tuple[Array, Pullback]:
    """Interpolation on a grid `factor` times as fine along every axis of space.

    nearest: y_i = x[floor(i / factor)];  dx_j = sum_i (dy_i where floor(i / factor) = j, else 0)
    linear: y_i = sum_j max(0, 1 - |s_i - j|) x_j, s_i = min(max((i + 1/2) / factor - 1/2, 0), m - 1), m = size(x);
    dx_j = sum_i max(0, 1 - |s_i - j|) dy_i
    x (n, ..., c) -> y (n, factor times each size between, c). Linear along two axes is bilinear. The corners of the
    images agree, not the centres of their corner points, as in PyTorch without `align_corners`.
    """
    choose("upsample: method", method, UPSAMPLE_METHODS)
    return _nearest(x, factor) if method == "nearest" else _linear(x, factor)


def _nearest(x: Array, factor: int) -> tuple[Array, Pullback]:
    xp, shape = namespace(x), x.shape
    space = shape[1:-1]
    ones = tuple(size for points in space for size in (points, 1))
    cells = tuple(size for points in space for size in (points, factor))
    finer = tuple(factor * points for points in space)
    spread = xp.broadcast_to(xp.reshape(x, (shape[0], *ones, shape[-1])), (shape[0], *cells, shape[-1]))

    def pullback(dy: Array) -> tuple[Array]:
        parts = xp.reshape(dy, (shape[0], *cells, shape[-1]))
        return (xp.sum(parts, axis=tuple(range(2, 2 * len(space) + 1, 2))),)

    return xp.reshape(spread, (shape[0], *finer, shape[-1])), pullback


def _linear(x: Array, factor: int) -> tuple[Array, Pullback]:
    xp = namespace(x)
    axes = range(1, x.ndim - 1)
    weights = [_weights(xp, x, x.shape[axis], factor) for axis in axes]

    def pullback(dy: Array) -> tuple[Array]:
        for axis, w in zip(axes, weights, strict=True):
            dy = _along(xp, axis, dy, xp.matrix_transpose(w))
        return (dy,)

    y = x
    for axis, w in zip(axes, weights, strict=True):
        y = _along(xp, axis, y, w)
    return y, pullback


def _weights(xp: Namespace, x: Array, points: int, factor: int) -> Array:
    """The weight of each old point in each new one, (factor points, points)."""
    wide = counting(xp, x.dtype)
    new = xp.arange(factor * points, dtype=wide, device=device(x))
    old = xp.arange(points, dtype=wide, device=device(x))
    place = (new + 0.5) / factor - 0.5
    place = xp.where(place < 0, 0.0, xp.where(place > points - 1, points - 1.0, place))
    share = 1.0 - xp.abs(place[:, None] - old)
    return shortened(xp.where(share > 0, share, 0.0), x.dtype)


def _along(xp: Namespace, axis: int, x: Array, w: Array) -> Array:
    """The sum over one axis of w (k, points) x, in its place an axis of k."""
    last = xp.moveaxis(x, axis, -1)
    rows = xp.reshape(last, (math.prod(last.shape[:-1]), w.shape[1])) @ xp.matrix_transpose(w)
    return xp.moveaxis(xp.reshape(rows, (*last.shape[:-1], w.shape[0])), -1, axis)
