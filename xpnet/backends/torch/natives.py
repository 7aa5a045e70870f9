"""The table of PyTorch's natives: ops that ATen has a faster kernel for than the standard's functions compose.

`torch.where` with a scalar takes 20 to 40 times as long as `torch.threshold`; a product with a one-hot matrix takes
longer than a gather. relu, leaky_relu and softmax_cross_entropy have the bits of their portable twins. conv, add_rows
and a linear layer with few outputs sum in another order, and agree to rounding.

A native has the signature of its portable twin, writes only into arrays that it allocates itself, and calls the twin
for arguments that its kernel does not take. The derivatives call ATen's backward kernels (`aten.*_backward`)
directly, since no graph of autograd is recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import torch

from ... import ops
from ...errors import as_pair, as_single
from ...ops import log_softmax
from ...ops.embedding import add_rows as op_add_rows
from ...ops.windows import windows
from ...typing import Array, Op, Pullback
from ..as_matrix import as_matrix

_conv, _conv_back = torch.ops.aten.convolution.default, torch.ops.aten.convolution_backward.default
_relu_back = torch.ops.aten.threshold_backward.default
_leaky_back = torch.ops.aten.leaky_relu_backward.default

NARROW_COLUMNS = 16
"""The most columns of a product that is computed transposed on a CPU: PyTorch's BLAS is 3 to 7 times as fast so."""
LONG_ELEMENTS = 2**11
"""The fewest elements of the other factor of such a product; for fewer, the transposition costs more than it saves."""


@as_matrix
def linear(
    x: Array, w: Array, b: Array | None = None, /, *, activation: Any = None, wants_dx: bool = True
) -> tuple[Array, Pullback]:
    """Bias and ReLU in place of the product. Equal to the twin; to rounding with few outputs."""
    if b is None or x.ndim != 2 or x.shape[1] != w.shape[0]:
        return ops.linear.portable(x, w, b, activation=activation, wants_dx=wants_dx)
    y, pull = _product(x, w).add_(b), None
    if activation is ops.relu:
        y = torch.threshold_(y, 0.0, 0.0)
        pull = _relu_pullback(y)
    elif activation is not None:
        y, pull = as_pair("activation", activation(y))

    def pullback(dy: Array) -> tuple[Array | None, Array, Array]:
        if pull is not None:
            dy = as_single("activation", pull(dy))
        return (torch.mm(dy, w.t()) if wants_dx else None), _product(x.t(), dy), torch.sum(dy, 0)

    return y, pullback


def _product(a: Array, b: Array) -> Array:
    """a b, computed as (b^T a^T)^T for a narrow b."""
    if b.shape[1] > NARROW_COLUMNS or a.numel() < LONG_ELEMENTS or not a.is_cpu:
        return torch.mm(a, b)
    return torch.mm(b.t(), a.t()).t().contiguous()  # the strides would pass on to all later results


def relu(x: Array, /) -> tuple[Array, Pullback]:
    """By `threshold`, which turns -0 into 0, as the twin does and `torch.relu` does not."""
    y = torch.threshold(x, 0.0, 0.0)
    return y, _relu_pullback(y)


def _relu_pullback(y: Array) -> Pullback:
    return lambda dy: (_relu_back(dy, y, 0.0),)


def leaky_relu(x: Array, /, *, alpha: float = 0.01) -> tuple[Array, Pullback]:
    """By ATen's kernels."""
    return torch.nn.functional.leaky_relu(x, alpha), lambda dy: (_leaky_back(dy, x, alpha, False),)


def softmax_cross_entropy(
    logits: Array, /, *, target: Array, label_smoothing: float = 0.0, ignore_index: int | None = None
) -> tuple[Array, Pullback]:
    """By gather and scatter at the targets, in the place of products with a one-hot matrix."""
    numbers = target.shape == logits.shape[:1] and target.dtype == torch.int64
    if logits.ndim != 2 or not numbers or label_smoothing or ignore_index is not None:
        return ops.softmax_cross_entropy.portable(
            logits, target=target, label_smoothing=label_smoothing, ignore_index=ignore_index
        )
    log_p, _ = log_softmax(logits)
    place = target[:, None]

    def pullback(dlosses: Array) -> tuple[Array]:
        p = torch.exp(log_p)
        p.scatter_add_(1, place, p.new_full((), -1.0).expand(place.shape))
        return (p.mul_(dlosses[:, None]),)

    return -log_p.gather(1, place)[:, 0], pullback


def add_rows(x: Array, /, *, ids: Array, rows: int) -> Array:
    """By index_add, in the order of x. On a CPU alone: CUDA's atomics add in an order that changes between runs."""
    if not x.is_cpu or ids.dtype not in (torch.int32, torch.int64):
        return op_add_rows.portable(x, ids=ids, rows=rows)
    return x.new_zeros((rows, x.shape[1])).index_add_(0, ids, x)


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
    """By ATen's convolution, NCHW views of the NHWC arrays, without copies of x.

    On a CPU alone: on CUDA it would round to TF32, and sum in an order that changes between runs.
    """
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    portable = partial(ops.conv.portable, **options, groups=groups, wants_dx=wants_dx)
    fits = x.ndim == w.ndim in (3, 4) and (b is None or b.shape == w.shape[-1:])
    if not fits or x.device.type != "cpu" or not x.numel() or not isinstance(groups, int) or groups < 1:
        return portable(x, w, b)
    if w.shape[-2] * groups != x.shape[-1] or w.shape[-1] % groups:
        return portable(x, w, b)
    over = windows("conv", tuple(x.shape[1:-1]), tuple(w.shape[:-2]), **options)
    if any(axis.before != axis.after for axis in over):
        return portable(x, w, b)
    numbers = ([a.stride for a in over], [a.before for a in over], [a.dilation for a in over])
    x2, w2 = x.movedim(-1, 1), w.movedim((-1, -2), (0, 1)).contiguous()
    rest = (*numbers, False, [0] * len(over), groups)

    def pullback(dy: Array) -> tuple[Array | None, ...]:
        biased = None if b is None else [w.shape[-1]]
        wanted = [wants_dx, True, b is not None]
        dx, dw, db = _conv_back(dy.movedim(-1, 1), x2, w2, biased, *rest, wanted)
        found = (dx.movedim(1, -1) if wants_dx else None), dw.movedim((0, 1), (-1, -2))
        return found if b is None else (*found, db)

    return _conv(x2, w2, b, *rest).movedim(1, -1), pullback


TABLE: Mapping[str, Op] = MappingProxyType(
    {op.__name__: op for op in (linear, relu, leaky_relu, softmax_cross_entropy, add_rows, conv)}
)
