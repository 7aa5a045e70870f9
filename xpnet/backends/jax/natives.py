"""What runs on JAX's arrays in the place of portable ops: its loop along time, and on a CPU XLA's convolution.

They add in orders of their own, and give the same numbers to rounding. A loop of Python's is written out in the trace,
and compiled time by time, which for a long one takes minutes; `jax.lax.scan` is compiled once.
Convolution's derivatives stay portable, and so does pooling: in a loop's body, which is where an epoch's steps run, XLA
takes several times as long for the convolutions of `jax.vjp` (https://github.com/jax-ml/jax/issues/12868), and
everywhere for the derivative of `reduce_window`.
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
    """y of images by XLA, and the twin's pullback; the twin's y is traced, and not compiled.

    Groups take XLA two to three times as long as the twin, and sequences are no faster.
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
    """JAX's own."""
    return jax.lax.scan(lambda states, x: body(states, *x), start, xs, reverse=reverse)


def add_rows(x: Array, /, *, ids: Array, rows: int) -> Array:
    """Row by row, in order; on a GPU the order would change from run to run."""
    return jax.numpy.zeros((rows, x.shape[1]), x.dtype).at[ids].add(x)


ANYWHERE: Mapping[str, Any] = MappingProxyType({"scan": scan})
ON_CPU: Mapping[str, Any] = MappingProxyType({**ANYWHERE, "add_rows": add_rows, "conv": conv})
