"""Pooling: windows of a sequence or an image, each as one value."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial, reduce
from operator import add
from typing import Any

from ..errors import batch_of, flag, shown
from ..namespace import device, namespace, replaceable
from ..typing import Array, Pullback, Shape
from .sums import mean_rows, sum_rows
from .windows import Places, Window, moved, pad, per_axis, reach, read, space_of, windows


@replaceable
def max_pool(
    x: Array, /, *, kernel_size: Any, stride: Any = None, padding: Any = 0
) -> tuple[Array, Pullback]:
    """The largest of each window.

    y[o] = max_k x[o stride + k - padding];
    dx[p] = sum_o (dy[o] where o stride + m - padding = p, else 0), m = argmax_k x[o stride + k - padding]
    x (n, length, c) or (n, height, width, c) -> y (n, *outputs, c), outputs = (size + 2 padding - kernel_size) //
    stride + 1. kernel_size, stride, padding: an integer, or one for each axis; stride is kernel_size where it is left
    out, padding at most half of it, with -inf. A NaN is the largest, and unlike PyTorch's gets no derivative.
    Source: PyTorch's max_pool1d and max_pool2d.
    """
    over = pooled("max_pool", space_of("max_pool: x", x.shape[1:]), kernel_size, stride, padding)
    return _along_each(x, over, _max_along)


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

    y[o] = sum_k x[o stride + k - padding] / count;
    dx[p] = sum_ok (dy[o] / count where o stride + k - padding = p, else 0),
    count = sum_k 1 where count_include_pad, else sum_k (1 where 0 <= o stride + k - padding < shape(x), else 0)
    x (n, length, c) or (n, height, width, c) -> y (n, *outputs, c), outputs = (size + 2 padding - kernel_size) //
    stride + 1. kernel_size, stride, padding: an integer, or one for each axis; stride is kernel_size where it is left
    out, padding at most half of it. count is the window's size, or with `count_include_pad=False` the number of inputs
    in it. Source: PyTorch's avg_pool1d and avg_pool2d.
    """
    over = pooled("average_pool", space_of("average_pool: x", x.shape[1:]), kernel_size, stride, padding)
    flag("average_pool: count_include_pad", count_include_pad)
    return _along_each(x, over, partial(_mean_along, padded=count_include_pad))


def global_max_pool(x: Array, /, *, mask: Array | None = None) -> tuple[Array, Pullback]:
    """The largest of each feature, over all axes but the first and the last.

    y = max_i x_i;  dx_i = dy where i = argmax_j x_j, else 0
    x (n, ..., c) -> y (n, c); NaN as in `max_pool`. `mask` (n, time) bool is true where a position of sequences
    (n, time, c) counts; where none does y and dx are 0. Source: PyTorch's adaptive_max_pool1d and 2d, to size 1.
    """
    xp, shape = namespace(x), x.shape
    n, (count, c) = shape[0], flat_shape("global_max_pool: x", shape[1:])
    flat, real = xp.reshape(x, (n, count, c)), None
    if mask is not None:
        real = _real("global_max_pool", x, mask)
        flat = xp.where(real, flat, -math.inf)
    y = xp.max(flat, axis=1, keepdims=True)
    order = xp.reshape(xp.arange(count, dtype=xp.int32, device=device(x)), (1, count, 1))
    largest = flat == y if real is None else xp.logical_and(flat == y, real)
    first = xp.min(xp.where(largest, order, count), axis=1, keepdims=True)
    if real is not None:
        y = xp.where(xp.any(real, axis=1, keepdims=True), y, 0.0)

    def pullback(dy: Array) -> tuple[Array]:
        dx = xp.where(order == first, xp.reshape(dy, (n, 1, c)), 0.0)
        return (xp.reshape(dx, shape),)

    return xp.reshape(y, (n, c)), pullback


def global_average_pool(x: Array, /, *, mask: Array | None = None) -> tuple[Array, Pullback]:
    """The mean of each feature, over all axes but the first and the last.

    y = mean_i x_i;  dx_i = dy / count, count = sum_i 1
    x (n, ..., c) -> y (n, c). `mask` (n, time) bool is true where a position of sequences (n, time, c) counts; where
    none does y and dx are 0. Source: Lin, Chen, Yan, 2013, arXiv:1312.4400.
    """
    xp, shape = namespace(x), x.shape
    n, (count, c) = shape[0], flat_shape("global_average_pool: x", shape[1:])
    if mask is not None:
        real = _real("global_average_pool", x, mask)
        number = xp.sum(xp.astype(real, x.dtype), axis=1, keepdims=True)
        share = xp.where(real, 1.0 / xp.where(number == 0, 1.0, number), 0.0)
        y = sum_rows(xp, xp.where(real, x, 0.0) * share)
        return y, lambda dy: (xp.reshape(dy, (n, 1, c)) * share,)

    def pullback(dy: Array) -> tuple[Array]:
        share = xp.reshape(dy / count, (n, *(1,) * (len(shape) - 2), c))
        return (xp.broadcast_to(share, shape),)

    return mean_rows(xp, xp.reshape(x, (n, count, c))), pullback


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


def flat_shape(what: str, sample: Shape) -> tuple[int, int]:
    """(elements of each feature, features); ValueError where there is nothing to pool."""
    count = math.prod(sample[:-1])
    if len(sample) < 2 or not count:
        raise ValueError(
            f"{what} takes sequences or images (n, ..., features), not {batch_of(sample)}: there is nothing to pool"
        )
    return count, sample[-1]


def _real(what: str, x: Array, mask: Array) -> Array:
    """The mask (n, time, 1); ValueError where it has not x's positions."""
    if x.ndim != 3 or tuple(mask.shape) != tuple(x.shape[:2]):
        raise ValueError(
            f"{what}: the mask of padding {tuple(mask.shape)} must be (n, time) of sequences (n, time, features), "
            f"these are {tuple(x.shape)}: a layer before this one changed the number of time steps: mask after it"
        )
    return mask[..., None]


def _along_each(x: Array, over: tuple[Window, ...], pool: Callable[..., Any]) -> tuple[Array, Pullback]:
    """Along one axis after another, the last one first: the first largest of an image is so that of its first row."""
    pulls = []
    for axis, window in reversed(list(enumerate(over, start=1))):
        x, pull = pool(x, window, axis)
        pulls.append(pull)

    def pullback(dy: Array) -> tuple[Array]:
        for pull in reversed(pulls):
            dy = pull(dy)
        return (dy,)

    return x, pullback


def _max_along(x: Array, window: Window, axis: int) -> tuple[Array, Callable[[Array], Array]]:
    xp, padding = namespace(x), (window.before, window.after)
    y = reduce(xp.maximum, read(pad(xp, x, padding, axis, -math.inf), window, axis))

    def pull(dy: Array) -> Array:
        found, free = [], None
        for part in read(pad(xp, x, padding, axis, math.nan), window, axis):  # no padding is ever equal to y
            hit = part == y if free is None else xp.logical_and(part == y, free)
            free = xp.logical_not(hit) if free is None else xp.logical_and(free, xp.logical_not(hit))
            found.append(xp.where(hit, dy, 0.0))
        return _given_back(xp, found, window, axis)

    return y, pull


def _mean_along(
    x: Array, window: Window, axis: int, *, padded: bool
) -> tuple[Array, Callable[[Array], Array]]:
    xp, padding = namespace(x), (window.before, window.after)
    count: Any = window.kernel
    if not padded:
        ones = xp.ones((window.size, *(1,) * (x.ndim - 1 - axis)), dtype=x.dtype, device=device(x))
        count = reduce(add, read(pad(xp, ones, padding, 0), window, 0))
    y = reduce(add, read(pad(xp, x, padding, axis), window, axis)) / count

    def pull(dy: Array) -> Array:
        return _given_back(xp, [dy / count] * window.kernel, window, axis)

    return y, pull


def _given_back(xp: Any, found: list[Array], window: Window, axis: int) -> Array:
    """The sum, for each input, of the cotangents of the kernel's elements that read it."""
    dy = found[0]
    none = (*dy.shape[:axis], window.length, *dy.shape[axis + 1 :])

    def phase(places: Places) -> Array:
        if not places:
            return xp.zeros(none, dtype=dy.dtype, device=device(dy))
        return reduce(
            add, (moved(pad(xp, found[k], window.margins, axis), window, s, axis) for k, s in places)
        )

    return reach(xp, window, axis, phase)
