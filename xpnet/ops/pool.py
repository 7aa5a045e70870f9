"""Pooling: windows of a sequence or an image, each as one value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..errors import batch_of, flag, shown
from ..namespace import device, namespace
from ..typing import Array, Pullback, Shape
from .windows import Places, Window, joined, moved, parts, per_axis, space_of, windows


def max_pool(
    x: Array, /, *, kernel_size: Any, stride: Any = None, padding: Any = 0
) -> tuple[Array, Pullback]:
    """The largest of each window.

    y[o] = max_k x[o stride + k - padding];  dx = sum of dy[o] over the windows of which it is the first largest
    x (n, length, c) or (n, height, width, c) -> y (n, *outputs, c), outputs = (size + 2 padding - kernel_size) //
    stride + 1. kernel_size, stride, padding: an integer, or one for each axis; stride is kernel_size where it is left
    out, padding at most half of it, with -inf. Source: PyTorch's max_pool1d and max_pool2d.
    """
    xp, over = namespace(x), pooled("max_pool", space_of("max_pool: x", x), kernel_size, stride, padding)
    y, *others = parts(xp, x, over, 1, -math.inf)
    for part in others:
        y = xp.maximum(y, part)

    def pullback(dy: Array) -> tuple[Array]:
        found, free = [], None
        for part in parts(xp, x, over, 1, math.nan):  # no padding is ever equal to y
            hit = part == y if free is None else xp.logical_and(part == y, free)
            free = xp.logical_not(hit) if free is None else xp.logical_and(free, xp.logical_not(hit))
            found.append(xp.where(hit, dy, 0.0))
        return (_gathered(xp, found, over),)

    return y, pullback


def average_pool(
    x: Array,
    /,
    *,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    count_include_pad: bool = True,
) -> tuple[Array, Pullback]:
    """The mean of each window.

    y[o] = sum_k x[o stride + k - padding] / count;  dx = sum of dy[o] / count over the windows that it is in
    x (n, length, c) or (n, height, width, c) -> y (n, *outputs, c), outputs = (size + 2 padding - kernel_size) //
    stride + 1. kernel_size, stride, padding: an integer, or one for each axis; stride is kernel_size where it is left
    out, padding at most half of it. count: the window's size, or, with `count_include_pad=False`, how much of it is
    no padding. Source: PyTorch's avg_pool1d and avg_pool2d.
    """
    xp, space = namespace(x), space_of("average_pool: x", x)
    over = pooled("average_pool", space, kernel_size, stride, padding)
    flag("average_pool: count_include_pad", count_include_pad)
    count = math.prod(w.kernel for w in over)
    if not count_include_pad:
        count = sum(parts(xp, xp.ones((1, *space, 1), dtype=x.dtype, device=device(x)), over, 1))

    def pullback(dy: Array) -> tuple[Array]:
        share = dy / count
        return (_gathered(xp, [share] * math.prod(w.kernel for w in over), over),)

    return sum(parts(xp, x, over, 1)) / count, pullback


def global_max_pool(x: Array, /) -> tuple[Array, Pullback]:
    """The largest of each feature, over all axes but the first and the last.

    y = max x;  dx = dy where x is the first largest, else 0
    x (n, ..., c) -> y (n, c). Source: PyTorch's adaptive_max_pool1d and adaptive_max_pool2d, to size 1.
    """
    xp, shape = namespace(x), x.shape
    n, count, c = flat_shape("global_max_pool: x", shape)
    flat = xp.reshape(x, (n, count, c))
    y = xp.max(flat, axis=1, keepdims=True)
    order = xp.reshape(xp.arange(count, dtype=xp.int32, device=device(x)), (1, count, 1))
    first = xp.min(xp.where(flat == y, order, count), axis=1, keepdims=True)

    def pullback(dy: Array) -> tuple[Array]:
        dx = xp.where(order == first, xp.reshape(dy, (n, 1, c)), 0.0)
        return (xp.reshape(dx, shape),)

    return xp.reshape(y, (n, c)), pullback


def global_average_pool(x: Array, /) -> tuple[Array, Pullback]:
    """The mean of each feature, over all axes but the first and the last.

    y = mean x;  dx = dy / count
    x (n, ..., c) -> y (n, c). Source: Lin, Chen, Yan, 2013, arXiv:1312.4400.
    """
    xp, shape = namespace(x), x.shape
    n, count, c = flat_shape("global_average_pool: x", shape)

    def pullback(dy: Array) -> tuple[Array]:
        share = xp.reshape(dy / count, (n, *(1,) * (len(shape) - 2), c))
        return (xp.broadcast_to(share, shape),)

    return xp.mean(xp.reshape(x, (n, count, c)), axis=1), pullback


def pooled(what: str, space: Shape, kernel_size: Any, stride: Any, padding: Any) -> tuple[Window, ...]:
    """The windows of a pooling; ValueError for padding that a window could consist of."""
    kernels = per_axis(f"{what}: kernel_size", kernel_size, len(space))
    wanted = "must be an integer, 0 or more, one for each axis"
    pads = per_axis(f"{what}: padding", padding, len(space), wanted, low=0)
    if any(2 * p > k for p, k in zip(pads, kernels, strict=True)):
        raise ValueError(
            f"{what}: padding {shown(padding)} must be at most half of kernel_size {shown(kernel_size)}"
        )
    return windows(what, space, kernels, stride=kernels if stride is None else stride, padding=pads)


def flat_shape(what: str, shape: Shape) -> Shape:
    """(n, elements of each feature, features); ValueError where there is nothing to pool."""
    count = math.prod(shape[1:-1])
    if len(shape) < 3 or not count:
        raise ValueError(
            f"{what} {batch_of(shape[1:])} has no axis to pool between the samples and the features"
        )
    return shape[0], count, shape[-1]


def _gathered(xp: Any, found: Sequence[Array], over: Sequence[Window]) -> Array:
    """What each element of the kernel gives to the inputs that it read, added up."""

    def phase(places: Places, sizes: Shape) -> Array:
        if not places:
            return xp.zeros(
                (found[0].shape[0], *sizes, found[0].shape[-1]), dtype=found[0].dtype, device=device(found[0])
            )
        return sum(moved(xp, found[k], [shift], sizes, 1)[0] for k, shift in places)

    return joined(xp, over, 1, phase)
