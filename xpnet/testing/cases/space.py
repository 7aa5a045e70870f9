"""The rows of convolution and pooling, ops and layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

from ... import layers, ops
from ...namespace import device
from ...typing import Array
from ..case import Case, layer_case
from ..draws import Draw, normal


def _padded(xp: Any, x: Array, pads: Any, value: float = 0.0) -> Array:
    for axis, (before, after) in enumerate(pads, start=1):
        shape = tuple(x.shape)
        ends = [
            xp.full((*shape[:axis], size, *shape[axis + 1 :]), value, dtype=x.dtype, device=device(x))
            for size in (before, after)
        ]
        x = xp.concat([ends[0], x, ends[1]], axis=axis)
    return x


def _each(xp: Any, x: Array, kernel: Any, stride: int, dilation: int, f: Callable[[Array], Array]) -> Array:
    """f of each window of x, at the window's position in the output."""
    counts = [
        (size - dilation * (k - 1) - 1) // stride + 1 for size, k in zip(x.shape[1:-1], kernel, strict=True)
    ]
    found = []
    for place in product(*map(range, counts)):
        spans = (
            slice(o * stride, o * stride + dilation * (k - 1) + 1, dilation)
            for o, k in zip(place, kernel, strict=True)
        )
        found.append(f(x[(slice(None), *spans, slice(None))]))
    return xp.reshape(xp.stack(found, axis=1), (x.shape[0], *counts, found[0].shape[-1]))


def _conv(
    xp: Any,
    x: Array,
    w: Array,
    b: Any = 0.0,
    *,
    stride: int = 1,
    pads: Any = ((0, 0), (0, 0)),
    dilation: int = 1,
    groups: int = 1,
) -> Array:
    """Convolution: each output is a window of x times the weights, group by group."""
    *kernel, a, out = w.shape
    each = out // groups

    def one(window: Array) -> Array:
        parts = [
            xp.reshape(window[..., g * a : (g + 1) * a], (x.shape[0], math.prod(kernel) * a))
            @ xp.reshape(w[..., g * each : (g + 1) * each], (math.prod(kernel) * a, each))
            for g in range(groups)
        ]
        return xp.concat(parts, axis=-1)

    return _each(xp, _padded(xp, x, pads[: len(kernel)]), kernel, stride, dilation, one) + b


def _transposed(
    xp: Any,
    x: Array,
    w: Array,
    b: Any = 0.0,
    *,
    stride: int,
    padding: int,
    output_padding: int = 0,
    groups: int = 1,
) -> Array:
    """Transposed convolution: x with zeros between its elements, convolved with the flipped weights."""
    kernel = w.shape[:-2]
    for axis in range(1, x.ndim - 1):
        y = xp.stack([x, *[xp.zeros_like(x)] * (stride - 1)], axis=axis + 1)
        y = xp.reshape(y, (*x.shape[:axis], x.shape[axis] * stride, *x.shape[axis + 1 :]))
        x = y[(*(slice(None),) * axis, slice(0, y.shape[axis] - stride + 1), ...)]
    pads = [(k - 1 - padding, k - 1 - padding + output_padding) for k in kernel]
    turned = xp.flip(w, axis=tuple(range(len(kernel))))
    return _conv(xp, x, turned, b, pads=pads, groups=groups)


def _largest(xp: Any, x: Array, kernel: Any, stride: int, padding: int) -> Array:
    axes = tuple(range(1, x.ndim - 1))
    x = _padded(xp, x, [(padding, padding)] * len(axes), -1e9)
    return _each(xp, x, kernel, stride, 1, lambda window: xp.max(window, axis=axes))


def _mean(xp: Any, x: Array, kernel: Any, stride: int, padding: int) -> Array:
    axes = tuple(range(1, x.ndim - 1))
    x = _padded(xp, x, [(padding, padding)] * len(axes))
    return _each(xp, x, kernel, stride, 1, lambda window: xp.mean(window, axis=axes))


def _counted(xp: Any, x: Array, mask: Array) -> Array:
    """The mean of the unmasked positions, 0 if there are none."""
    real = xp.astype(mask[..., None], x.dtype)
    number = xp.sum(real, axis=1)
    return xp.sum(x * real, axis=1) / xp.where(number == 0, 1.0, number)


def _highest(xp: Any, x: Array, mask: Array) -> Array:
    """The largest of the unmasked positions, 0 if there are none."""
    y = xp.max(xp.where(mask[..., None], x, -1e9), axis=1)
    return xp.where(xp.any(mask, axis=1)[:, None], y, 0.0)


def _leaky(xp: Any, x: Array, alpha: float = 0.2) -> Array:
    return xp.where(x > 0, x, alpha * x)


SEQUENCE, IMAGE = normal("n", 7, 2), normal("n", 5, 4, 2)
SOME = Draw(("n", 7), lambda rng, shape: rng.random(shape) < 0.4)

OPS = (
    Case(
        "conv, sequence",
        ops.conv,
        (SEQUENCE, normal(3, 2, 4), normal(4)),
        options={"stride": 2, "padding": 1, "dilation": 2},
        plain=lambda xp, x, w, b: _conv(xp, x, w, b, stride=2, pads=((1, 1),), dilation=2),
    ),
    Case(
        "conv, image",
        ops.conv,
        (IMAGE, normal(3, 2, 2, 3), normal(3)),
        plain=_conv,
    ),
    Case(
        "conv, same sizes, no bias",
        ops.conv,
        (IMAGE, normal(2, 3, 2, 3)),
        options={"padding": "same"},
        plain=lambda xp, x, w: _conv(xp, x, w, pads=((0, 1), (1, 1))),
    ),
    Case(
        "conv, groups, strides larger than the kernel",
        ops.conv,
        (normal("n", 7, 6, 4), normal(2, 2, 2, 6), normal(6)),
        options={"stride": 3, "padding": (1, 0), "groups": 2},
        plain=lambda xp, x, w, b: _conv(xp, x, w, b, stride=3, pads=((1, 1), (0, 0)), groups=2),
    ),
    Case(
        "conv, each channel by itself",
        ops.conv,
        (normal("n", 4, 4, 3), normal(3, 3, 1, 3), normal(3)),
        options={"padding": 1, "groups": 3},
        plain=lambda xp, x, w, b: _conv(xp, x, w, b, pads=((1, 1), (1, 1)), groups=3),
    ),
    Case(
        "conv_transpose, sequence",
        ops.conv_transpose,
        (normal("n", 4, 2), normal(3, 2, 3), normal(3)),
        options={"stride": 2, "padding": 1, "output_padding": 1},
        plain=lambda xp, x, w, b: _transposed(xp, x, w, b, stride=2, padding=1, output_padding=1),
    ),
    Case(
        "conv_transpose, image, groups",
        ops.conv_transpose,
        (normal("n", 3, 2, 4), normal(2, 3, 2, 4)),
        options={"stride": 3, "groups": 2},
        plain=lambda xp, x, w: _transposed(xp, x, w, stride=3, padding=0, groups=2),
    ),
    Case(
        "max_pool, sequence",
        ops.max_pool,
        (SEQUENCE,),
        options={"kernel_size": 3, "stride": 2, "padding": 1},
        plain=lambda xp, x: _largest(xp, x, (3,), 2, 1),
    ),
    Case(
        "max_pool, image",
        ops.max_pool,
        (IMAGE,),
        options={"kernel_size": 2},
        plain=lambda xp, x: _largest(xp, x, (2, 2), 2, 0),
    ),
    Case(
        "average_pool, sequence",
        ops.average_pool,
        (SEQUENCE,),
        options={"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
        plain=lambda xp, x: _mean(xp, x, (3,), 2, 1) / _mean(xp, xp.ones_like(x), (3,), 2, 1),
    ),
    Case(
        "average_pool, image",
        ops.average_pool,
        (IMAGE,),
        options={"kernel_size": (3, 2), "stride": 1, "padding": 1},
        plain=lambda xp, x: _mean(xp, x, (3, 2), 1, 1),
    ),
    Case("global_max_pool", ops.global_max_pool, (IMAGE,), plain=lambda xp, x: xp.max(x, axis=(1, 2))),
    Case(
        "global_average_pool",
        ops.global_average_pool,
        (IMAGE,),
        plain=lambda xp, x: xp.mean(x, axis=(1, 2)),
    ),
    Case(
        "global_max_pool, masked",
        ops.global_max_pool,
        (SEQUENCE,),
        {"mask": SOME},
        plain=_highest,
    ),
    Case(
        "global_average_pool, masked",
        ops.global_average_pool,
        (SEQUENCE,),
        {"mask": SOME},
        plain=_counted,
    ),
)

LAYERS = (
    layer_case(
        "Conv1D",
        layers.Conv1D(4, 3, stride=2, padding=1, groups=2, bias=False),
        7,
        2,
        plain=lambda xp, x, p: _conv(xp, x, p["weight"], stride=2, pads=((1, 1),), groups=2),
    ),
    layer_case(
        "Conv2D, activation",
        layers.Conv2D(3, (3, 2), dilation=(2, 2), activation=layers.LeakyReLU(0.2)),
        5,
        4,
        2,
        plain=lambda xp, x, p: _leaky(xp, _conv(xp, x, p["weight"], p["bias"], dilation=2)),
    ),
    layer_case(
        "ConvTranspose1D",
        layers.ConvTranspose1D(3, 2, stride=2),
        4,
        2,
        plain=lambda xp, x, p: _transposed(xp, x, p["weight"], p["bias"], stride=2, padding=0),
    ),
    layer_case(
        "ConvTranspose2D",
        layers.ConvTranspose2D(2, 3, stride=2, padding=1, output_padding=1, activation="leaky_relu"),
        2,
        3,
        2,
        plain=lambda xp, x, p: _leaky(
            xp,
            _transposed(xp, x, p["weight"], p["bias"], stride=2, padding=1, output_padding=1),
            0.01,
        ),
    ),
    *(
        layer_case(repr(layer), layer, *sizes, 2, plain=formula)
        for layer, sizes, formula in (
            (layers.MaxPool1D(2), (5,), lambda xp, x, p: _largest(xp, x, (2,), 2, 0)),
            (layers.MaxPool2D(3, 2, 1), (5, 4), lambda xp, x, p: _largest(xp, x, (3, 3), 2, 1)),
            (layers.AveragePool1D(2, 1), (5,), lambda xp, x, p: _mean(xp, x, (2,), 1, 0)),
            (layers.AveragePool2D(2, padding=1), (5, 4), lambda xp, x, p: _mean(xp, x, (2, 2), 2, 1)),
            (layers.GlobalAveragePool(), (5, 4), lambda xp, x, p: xp.mean(x, axis=(1, 2))),
            (layers.GlobalMaxPool(), (5,), lambda xp, x, p: xp.max(x, axis=1)),
        )
    ),
)

# three sizes of each would be three compilations of each step on a library that compiles them all
SPACE = (*(replace(case, rows=(3, 0)) for case in OPS), *(replace(case, rows=(2, 1)) for case in LAYERS))
