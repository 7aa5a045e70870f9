"""The table of JAX's natives: `scan` everywhere; on a CPU also XLA's convolution and scatter-add.

XLA fuses elementwise ops itself, so that few natives are needed. They agree with their portable twins to rounding,
since XLA sums in another order.

scan: tracing unrolls a Python loop along time, and XLA compiles each iteration, minutes for a long sequence;
`jax.lax.scan` compiles the body once.
conv: its value is native and its derivatives are portable. Within the body of a loop, where an epoch's steps run, XLA
takes several times as long for the convolutions of `jax.vjp` (https://github.com/jax-ml/jax/issues/12868).
Pooling stays portable: the derivative of `reduce_window` is slow inside and outside of a loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax

from ... import ops
from ...ops.windows import windows
from ...typing import Array, Pullback


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
    """y of images by XLA, and the twin's pullback. The twin's y is traced, and XLA removes it as dead code.

    Portable with groups, for which XLA takes two to three times as long, and for sequences, where it is no faster.
    """
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    y, pullback = ops.conv.portable(x, w, b, **options, groups=groups, wants_dx=wants_dx)
    if x.ndim < 4 or groups > 1 or not y.size:
        return y, pullback
    over = windows("conv", x.shape[1:-1], w.shape[:-2], **options)
    y = jax.lax.conv_general_dilated(
        x,
        w,
        window_strides=[axis.stride for axis in over],
        padding=[(axis.before, axis.after) for axis in over],
        rhs_dilation=[axis.dilation for axis in over],
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return (y if b is None else y + b), pullback


def scan(
    *start: Array, body: Callable[..., Any], xs: tuple[Array, ...], reverse: bool = False
) -> tuple[Any, tuple[Array, ...]]:
    """By `jax.lax.scan`."""
    return jax.lax.scan(lambda states, x: body(states, *x), start, xs, reverse=reverse)


def add_rows(x: Array, /, *, ids: Array, rows: int) -> Array:
    """By scatter-add, row by row in order. On a CPU alone: a GPU's order changes between runs."""
    return jax.numpy.zeros((rows, x.shape[1]), x.dtype).at[ids].add(x)


ANYWHERE: Mapping[str, Any] = MappingProxyType({"scan": scan})
"""The natives for any device."""
ON_CPU: Mapping[str, Any] = MappingProxyType({**ANYWHERE, "add_rows": add_rows, "conv": conv})
"""The natives for a CPU."""
