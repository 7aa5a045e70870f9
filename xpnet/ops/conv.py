"""Convolution of sequences and images, and its transpose.

Three sums serve both ops, over the elements k of the kernel, in g groups of channels: with x (g, n, *inputs, a),
y (g, n, *outputs, b), v (g, k, a, b) and x_k, what of x the element k reads,
    y = sum_k x_k v_k;  dx = the places that x_k was read from, each the sum of its dy v_k^T;  dv_k = x_k^T dy
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..errors import integer
from ..namespace import device, namespace, replaceable
from ..typing import Array, Pullback, Shape
from .windows import Places, Window, joined, moved, parts, per_axis, space_of, windows


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
    """Convolution, as neural networks have it, of sequences or images: a cross-correlation.

    y[o] = sum_k x[o stride + k dilation - padding] w[k] + b;
    dx[p] = sum of dy[o] w[k]^T over p = o stride + k dilation - padding, dw[k] = sum_o x[...]^T dy[o], db = sum dy
    x (n, length, in) or (n, height, width, in), w (*kernel, in / groups, out), b (out,) or left out
    -> y (n, *outputs, out), outputs = (size + 2 padding - dilation (kernel - 1) - 1) // stride + 1 along each axis.
    stride, padding, dilation: an integer, or one for each axis; padding with zeros, or "same", which for stride 1
    keeps the sizes, or "valid", which is 0. groups: so many convolutions side by side, each of its own channels.
    The pullback gives (dx, dw), and db where b was given; `wants_dx=False` saves dx's products and gives None.
    Source: PyTorch's conv1d and conv2d, which have the channels second.
    """
    xp, space = namespace(x), space_of("conv: x", x)
    _require_fit("conv", x, w, b, groups)
    over = windows("conv", space, tuple(w.shape[:-2]), stride=stride, padding=padding, dilation=dilation)
    v = _grouped(xp, w, groups)
    y = _together(xp, _correlated(xp, _apart(xp, x, groups), v, over))

    def pullback(dy: Array) -> tuple[Array | None, ...]:
        dy_g = _apart(xp, dy, groups)
        dx = _together(xp, _spread(xp, dy_g, v, over)) if wants_dx else None
        dw = _ungrouped(xp, _weights(xp, _apart(xp, x, groups), dy_g, over), w.shape)
        return (dx, dw) if b is None else (dx, dw, _summed(xp, dy))

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

    y[p] = sum of x[o] w[k] over p = o stride + k dilation - padding, and b;
    dx[o] = sum_k dy[o stride + k dilation - padding] w[k]^T, dw[k] = sum_o x[o]^T dy[...], db = sum dy
    x (n, length, in) or (n, height, width, in), w (*kernel, in / groups, out), b (out,) or left out -> y (n, *outputs,
    out), outputs = (size - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1 along each axis.
    output_padding: how many places more the last end of each axis has, less than its stride or its dilation.
    The pullback gives (dx, dw), and db where b was given; `wants_dx=False` saves dx's products and gives None.
    Source: PyTorch's conv_transpose1d and conv_transpose2d, which have the channels second.
    """
    xp, space = namespace(x), space_of("conv_transpose: x", x)
    _require_fit("conv_transpose", x, w, b, groups)
    over = transposed(
        "conv_transpose",
        space,
        tuple(w.shape[:-2]),
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        dilation=dilation,
    )
    v = xp.matrix_transpose(_grouped(xp, w, groups))
    y = _together(xp, _spread(xp, _apart(xp, x, groups), v, over))

    def pullback(dy: Array) -> tuple[Array | None, ...]:
        dy_g = _apart(xp, dy, groups)
        dx = _together(xp, _correlated(xp, dy_g, v, over)) if wants_dx else None
        dv = _weights(xp, dy_g, _apart(xp, x, groups), over)
        dw = _ungrouped(xp, xp.matrix_transpose(dv), w.shape)
        return (dx, dw) if b is None else (dx, dw, _summed(xp, dy))

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


def _apart(xp: Any, x: Array, groups: int) -> Array:
    """(n, *sizes, c) as (groups, n, *sizes, c / groups)."""
    *sizes, c = x.shape
    if groups == 1:
        return xp.reshape(x, (1, *sizes, c))
    last = len(sizes)
    return xp.permute_dims(xp.reshape(x, (*sizes, groups, c // groups)), (last, *range(last), last + 1))


def _together(xp: Any, x: Array) -> Array:
    """(groups, n, *sizes, c) as (n, *sizes, groups c)."""
    groups, *sizes, c = x.shape
    if groups > 1:
        x = xp.permute_dims(x, (*range(1, x.ndim - 1), 0, x.ndim - 1))
    return xp.reshape(x, (*sizes, groups * c))


def _grouped(xp: Any, w: Array, groups: int) -> Array:
    """(*kernel, a, groups b) as (groups, elements of the kernel, a, b)."""
    *kernel, a, out = w.shape
    v = xp.reshape(w, (math.prod(kernel), a, groups, out // groups))
    return xp.permute_dims(v, (2, 0, 1, 3))


def _ungrouped(xp: Any, v: Array, shape: Shape) -> Array:
    return xp.reshape(xp.permute_dims(v, (1, 2, 0, 3)), shape)


def _correlated(xp: Any, x: Array, v: Array, over: Sequence[Window]) -> Array:
    """y = sum_k x_k v_k."""
    g, k, a, b = v.shape
    y = _product(xp, _columns(xp, x, over), xp.reshape(v, (g, k * a, b)))
    return xp.reshape(y, (g, x.shape[1], *(w.outputs for w in over), b))


def _spread(xp: Any, dy: Array, v: Array, over: Sequence[Window]) -> Array:
    """dx of `_correlated`."""
    (g, n, *_, b), (_, elements, a, _) = dy.shape, v.shape
    vt = xp.matrix_transpose(v)

    def phase(places: Places, sizes: Shape) -> Array:
        if not places:
            return xp.zeros((g, n, *sizes, a), dtype=dy.dtype, device=device(dy))
        columns = _rows(xp, moved(xp, dy, [shift for _, shift in places], sizes, 2))
        used = vt if len(places) == elements else xp.stack([vt[:, k, :, :] for k, _ in places], axis=1)
        dx = _product(xp, columns, xp.reshape(used, (g, len(places) * b, a)))
        return xp.reshape(dx, (g, n, *sizes, a))

    return joined(xp, over, 2, phase)


def _weights(xp: Any, x: Array, dy: Array, over: Sequence[Window]) -> Array:
    """dv of `_correlated`; what of x each element reads is put together anew, since to keep it takes k times x."""
    (g, *_, a), (*_, b) = x.shape, dy.shape
    columns = _columns(xp, x, over)
    dv = _product(xp, xp.matrix_transpose(columns), xp.reshape(dy, (g, columns.shape[1], b)))
    return xp.reshape(dv, (g, columns.shape[2] // a, a, b))


def _columns(xp: Any, x: Array, over: Sequence[Window]) -> Array:
    """(groups, n outputs, k a): one row for each output, of all that it reads."""
    return _rows(xp, parts(xp, x, over, 2))


def _rows(xp: Any, found: Sequence[Array]) -> Array:
    joint = xp.concat(found, axis=-1) if len(found) > 1 else found[0]
    g, *sizes, c = joint.shape
    return xp.reshape(joint, (g, math.prod(sizes), c))


def _product(xp: Any, x: Array, y: Array) -> Array:
    """Matrices group by group; one group as plain matrices, which every library multiplies best."""
    if x.shape[0] > 1:
        return x @ y
    return xp.reshape(xp.reshape(x, x.shape[1:]) @ xp.reshape(y, y.shape[1:]), (1, x.shape[1], y.shape[2]))


def _summed(xp: Any, dy: Array) -> Array:
    return xp.sum(dy, axis=tuple(range(dy.ndim - 1)))
