"""Convolution of sequences and images, and its transpose.

Three sums over the elements k of the kernel serve both ops, for each group of channels. x_k (outputs, a) is the part
of x that element k reads, v_k (a, b) its weights:
    y = sum_k x_k v_k;  dv_k = x_k^T dy;  dx at a place is the sum of dy v_k^T over the x_k that hold the place
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import reduce
from operator import add
from typing import Any

from ..errors import integer
from ..namespace import device, namespace, replaceable
from ..typing import Array, Pullback, Shape
from .sums import BLOCK, sum_over_batch
from .windows import Places, Window, moved, pad, per_axis, reach, read, space_of, windows

Over = tuple[Window, Window]
"""The windows along the height and along the width."""


@replaceable
def conv(
    x: Array,
    w: Array,
    b: Array | None = None,
    /,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    wants_dx: bool = True,
) -> tuple[Array, Pullback]:
    """Convolution of sequences or images, in the sense of neural networks: a cross-correlation.

    y[o] = sum_k x[o stride + k dilation - padding] w[k] + b;
    dx[p] = sum_ok (dy[o] w[k]^T where o stride + k dilation - padding = p, else 0),
    dw[k] = sum_o x[o stride + k dilation - padding]^T dy[o], db = sum dy
    x (n, length, in) or (n, height, width, in), w (*kernel, in / groups, out), b (out,) or left out
    -> y (n, *outputs, out), outputs = (size + 2 padding - dilation (kernel - 1) - 1) // stride + 1 along each axis.
    stride, padding, dilation: an integer, or one for each axis; padding with zeros, or "same", which for stride 1
    keeps the sizes, or "valid", which is 0. groups: the number of convolutions side by side, each of its own channels.
    The pullback returns (dx, dw), and db where b was given; `wants_dx=False` saves dx's products and returns None.
    Source: PyTorch's conv1d and conv2d, which have the channels second.
    """
    xp, space = namespace(x), space_of("conv: x", x.shape[1:])
    _require_fit("conv", x, w, b, groups)
    over = _two(
        windows("conv", space, tuple(w.shape[:-2]), stride=stride, padding=padding, dilation=dilation)
    )
    v = _grouped(xp, w, groups)
    y = _together(xp, _correlated(xp, _apart(xp, x, groups), v, over), len(space))

    def pullback(dy: Array) -> tuple[Array | None, ...]:
        dy_g = _apart(xp, dy, groups)
        dx = _together(xp, _spread(xp, dy_g, v, over), len(space)) if wants_dx else None
        dw = _ungrouped(xp, _weights(xp, _apart(xp, x, groups), dy_g, over), w.shape)
        return (dx, dw) if b is None else (dx, dw, sum_over_batch(xp, dy, long=BLOCK))

    return (y if b is None else y + b), pullback


def conv_transpose(
    x: Array,
    w: Array,
    b: Array | None = None,
    /,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    wants_dx: bool = True,
) -> tuple[Array, Pullback]:
    """Transposed convolution: the derivative of `conv` by its input, which makes sequences and images larger.

    y[p] = sum_ok (x[o] w[k] where o stride + k dilation - padding = p, else 0) + b;
    dx[o] = sum_k dy[o stride + k dilation - padding] w[k]^T,
    dw[k] = sum_o x[o]^T dy[o stride + k dilation - padding], db = sum dy
    x (n, length, in) or (n, height, width, in), w (*kernel, in / groups, out), b (out,) or left out -> y (n, *outputs,
    out), outputs = (size - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1 along each axis.
    output_padding: the number of outputs added at the end of each axis, less than its stride or its dilation.
    The pullback returns (dx, dw), and db where b was given; `wants_dx=False` saves dx's products and returns None.
    Source: PyTorch's conv_transpose1d and conv_transpose2d, which have the channels second.
    """
    xp, space = namespace(x), space_of("conv_transpose: x", x.shape[1:])
    _require_fit("conv_transpose", x, w, b, groups)
    over = _two(
        transposed(
            "conv_transpose",
            space,
            tuple(w.shape[:-2]),
            stride=stride,
            padding=padding,
            output_padding=output_padding,
            dilation=dilation,
        )
    )
    v = xp.matrix_transpose(_grouped(xp, w, groups))
    y = _together(xp, _spread(xp, _apart(xp, x, groups), v, over), len(space))

    def pullback(dy: Array) -> tuple[Array | None, ...]:
        dy_g = _apart(xp, dy, groups)
        dx = _together(xp, _correlated(xp, dy_g, v, over), len(space)) if wants_dx else None
        dv = _weights(xp, dy_g, _apart(xp, x, groups), over)
        dw = _ungrouped(xp, xp.matrix_transpose(dv), w.shape)
        return (dx, dw) if b is None else (dx, dw, sum_over_batch(xp, dy, long=BLOCK))

    return (y if b is None else y + b), pullback


def transposed(
    what: str,
    space: Shape,
    kernel: Shape,
    *,
    stride: Any,
    padding: Any,
    output_padding: Any,
    dilation: Any,
) -> tuple[Window, ...]:
    """The windows of the convolution whose outputs have the sizes `space`; its inputs are the transpose's outputs."""
    axes, wanted = len(space), "must be an integer, 0 or more, one for each axis"
    kernels, strides, dilations = (
        per_axis(f"{what}: {name}", value, axes)
        for name, value in (("kernel", kernel), ("stride", stride), ("dilation", dilation))
    )
    pads, more = (
        per_axis(f"{what}: {name}", value, axes, wanted, low=0)
        for name, value in (("padding", padding), ("output_padding", output_padding))
    )
    found = []
    for size, k, s, d, p, extra in zip(space, kernels, strides, dilations, pads, more, strict=True):
        if extra >= max(s, d):
            raise ValueError(
                f"{what}: output_padding {extra} must be less than the stride {s} or the dilation {d}"
            )
        outputs = (size - 1) * s - 2 * p + d * (k - 1) + extra + 1
        if outputs < 1:
            raise ValueError(
                f"{what}: {size} elements less 2 x {p} of padding leave {outputs} outputs: pad less"
            )
        found.append(Window(outputs, k, s, d, p, p - extra))
    return tuple(found)


def _require_fit(what: str, x: Array, w: Array, b: Array | None, groups: int) -> None:
    integer(f"{what}: groups", groups)
    features, rank = x.shape[-1], x.ndim
    if w.ndim != rank or w.shape[-2] * groups != features or w.shape[-1] % groups:
        raise ValueError(
            f"{what}: x {tuple(x.shape)} and w {tuple(w.shape)} do not fit in {groups} group(s): w must be "
            f"({rank - 2} kernel sizes, features of x / groups, outputs), the outputs a multiple of the groups"
        )
    if b is not None and b.shape != w.shape[-1:]:
        raise ValueError(
            f"{what}: b {tuple(b.shape)} must be ({w.shape[-1]},), one for each output of w {tuple(w.shape)}"
        )


def _two(found: tuple[Window, ...]) -> Over:
    """A sequence as an image of height 1."""
    return (found[0], found[1]) if len(found) == 2 else (Window(1, 1), found[0])


def _apart(xp: Any, x: Array, groups: int) -> Array:
    """(n, height, width, c) as (groups, height, n, width, c / groups); the height of a sequence is 1."""
    n, *space, c = x.shape
    h, w = space if len(space) == 2 else (1, *space)
    return xp.permute_dims(xp.reshape(x, (n, h, w, groups, c // groups)), (3, 1, 0, 2, 4))


def _together(xp: Any, x: Array, axes: int) -> Array:
    """`_apart` undone, for images of two axes or sequences of one.

    By way of a matrix, for which NumPy copies: elementwise loops want one number behind the other.
    """
    groups, h, n, w, c = x.shape
    space = (h, w) if axes == 2 else (w,)
    matrix = xp.reshape(xp.permute_dims(x, (2, 1, 3, 0, 4)), (n * h * w, groups * c))
    return xp.reshape(matrix, (n, *space, groups * c))


def _grouped(xp: Any, w: Array, groups: int) -> Array:
    """(*kernel, a, groups b) as (groups, kernel's height, its width, a, b)."""
    *kernel, a, out = w.shape
    kh, kw = kernel if len(kernel) == 2 else (1, *kernel)
    return xp.permute_dims(xp.reshape(w, (kh, kw, a, groups, out // groups)), (3, 0, 1, 2, 4))


def _ungrouped(xp: Any, v: Array, shape: Shape) -> Array:
    v = xp.permute_dims(v, (1, 2, 3, 0, 4))
    if v.shape[3] > 1:
        # a copy: the strides of a view would go over to the optimizer's slots, for which a step is compiled anew
        v = xp.stack([v[i, ...] for i in range(v.shape[0])])
    return xp.reshape(v, shape)


def _correlated(xp: Any, x: Array, v: Array, over: Over) -> Array:
    """y = sum_k x_k v_k."""
    g, _, kw, a, b = v.shape
    y = _total(
        _product(xp, part, xp.reshape(v[:, i, ...], (g, kw * a, b)))
        for i, part in enumerate(_columns(xp, x, over))
    )
    return xp.reshape(y, (g, over[0].outputs, x.shape[2], over[1].outputs, b))


def _spread(xp: Any, dy: Array, v: Array, over: Over) -> Array:
    """dx of `_correlated`."""
    rows, cols = over
    g, n, a = dy.shape[0], dy.shape[2], v.shape[3]
    for axis, window in ((1, rows), (3, cols)):
        dy = pad(xp, dy, window.margins, axis)
    vt = xp.matrix_transpose(v)

    def across(reached: Places) -> Array:
        joint = _joined(xp, [moved(dy, cols, shift, 3) for _, shift in reached]) if reached else None

        def down(places: Places) -> Array:
            if joint is None or not places:
                return xp.zeros((g, rows.length, n, cols.length, a), dtype=dy.dtype, device=device(dy))
            dx = _total(
                _product(
                    xp, _flat(xp, moved(joint, rows, shift, 1)), _taken(xp, vt, i, [j for j, _ in reached])
                )
                for i, shift in places
            )
            return xp.reshape(dx, (g, rows.length, n, cols.length, a))

        return reach(xp, rows, 1, down)

    return reach(xp, cols, 3, across)


def _weights(xp: Any, x: Array, dy: Array, over: Over) -> Array:
    """dv of `_correlated`; the columns are gathered again, since keeping them takes more memory."""
    (g, *_, a), (*_, b) = x.shape, dy.shape
    flat = _flat(xp, dy)
    found = [_product(xp, xp.matrix_transpose(part), flat) for part in _columns(xp, x, over)]
    return xp.reshape(xp.stack(found, axis=1), (g, over[0].kernel, over[1].kernel, a, b))


def _columns(xp: Any, x: Array, over: Over) -> list[Array]:
    """The inputs that each row of the kernel reads for an output, (groups, outputs, width of the kernel times a).

    Rows of an image come first: the rows that a row of the kernel reads are then contiguous, and not copied.
    """
    rows, cols = over
    x = pad(xp, x, (rows.before, rows.after), 1)
    joint = _joined(xp, read(pad(xp, x, (cols.before, cols.after), 3), cols, 3))
    return [_flat(xp, part) for part in read(joint, rows, 1)]


def _joined(xp: Any, found: list[Array]) -> Array:
    return xp.concat(found, axis=-1) if len(found) > 1 else found[0]


def _taken(xp: Any, vt: Array, i: int, columns: list[int]) -> Array:
    """Row i of the kernel, these columns of it, as matrices."""
    g, _, kw, b, a = vt.shape
    part = vt[:, i, ...]
    if len(columns) < kw:
        part = xp.stack([part[:, j, ...] for j in columns], axis=1)
    return xp.reshape(part, (g, len(columns) * b, a))


def _flat(xp: Any, x: Array) -> Array:
    g, *sizes, c = x.shape
    return xp.reshape(x, (g, math.prod(sizes), c))


def _product(xp: Any, x: Array, y: Array) -> Array:
    """Matrices group by group; one group as plain matrices, which every library multiplies best."""
    if x.shape[0] > 1:
        return x @ y
    return xp.reshape(xp.reshape(x, x.shape[1:]) @ xp.reshape(y, y.shape[1:]), (1, x.shape[1], y.shape[2]))


def _total(terms: Iterable[Array]) -> Array:
    return reduce(add, terms)
