"""Pooling of sequences and images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from .. import ops
from ..errors import flag
from ..ops.pool import flat_shape, pooled
from ..ops.windows import space_of
from ..typing import Array, Nested, Pullback, Shape
from .base import Stateless
from .context import Context
from .conv import LARGE


@dataclass(frozen=True)
class _Pooling(Stateless):
    """The base of the four: windows along each axis of space, a stride apart."""

    kernel_size: Any
    stride: Any = None
    padding: Any = 0

    axes: ClassVar[int]

    def __post_init__(self) -> None:
        super().__post_init__()
        self._outputs((LARGE,) * self.axes)

    def _outputs(self, space: Shape) -> Shape:
        what = type(self).__name__
        return tuple(w.outputs for w in pooled(what, space, self.kernel_size, self.stride, self.padding))

    def output_shape(self, input_shape: Shape) -> Shape:
        space = space_of(type(self).__name__, input_shape, self.axes)
        return (*self._outputs(space), input_shape[-1])


class MaxPool1D(_Pooling):
    """The largest of each window of a sequence; see `ops.max_pool`.

    >>> xn.MaxPool1D(2).bound(np.array([[[1.0], [4.0], [9.0], [0.0]]]))[0]
    array([[[4.],
           [9.]]])
    """

    op, axes = staticmethod(ops.max_pool), 1


class MaxPool2D(_Pooling):
    """The largest of each window of an image; see `ops.max_pool`.

    >>> xn.MaxPool2D(2).output_shape((28, 28, 16))
    (14, 14, 16)
    """

    op, axes = staticmethod(ops.max_pool), 2


@dataclass(frozen=True)
class _AveragePooling(_Pooling):
    """The mean of each window."""

    count_include_pad: bool = True

    op = staticmethod(ops.average_pool)

    def __post_init__(self) -> None:
        super().__post_init__()
        flag(f"{type(self).__name__}: count_include_pad", self.count_include_pad)


class AveragePool1D(_AveragePooling):
    """The mean of each window of a sequence; see `ops.average_pool`.

    >>> xn.AveragePool1D(2).bound(np.array([[[1.0], [3.0], [4.0], [6.0]]]))[0]
    array([[[2.],
           [5.]]])
    """

    axes = 1


class AveragePool2D(_AveragePooling):
    """The mean of each window of an image; see `ops.average_pool`.

    >>> xn.AveragePool2D(2).output_shape((28, 28, 16))
    (14, 14, 16)
    """

    axes = 2


class _Global(Stateless):
    """(n, ..., c) to (n, c). Positions of sequences where `ctx.mask` is false are left out."""

    def output_shape(self, input_shape: Shape) -> Shape:
        return (flat_shape(type(self).__name__, input_shape)[1],)

    def forward(self, params: Nested, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        y, pull = type(self).op(x, mask=ctx.mask)
        ctx.mask = None
        return y, lambda dy: (pull(dy)[0], {})


class GlobalAveragePool(_Global):
    """The mean of each feature over its image or sequence, padding left out; see `ops.global_average_pool`.

    >>> xn.GlobalAveragePool().bound(np.array([[[1.0], [3.0]]]))[0]
    array([[2.]])
    """

    op = staticmethod(ops.global_average_pool)


class GlobalMaxPool(_Global):
    """The largest of each feature over its image or sequence, padding left out; see `ops.global_max_pool`.

    >>> xn.GlobalMaxPool().bound(np.array([[[1.0], [3.0]]]))[0]
    array([[3.]])
    """

    op = staticmethod(ops.global_max_pool)
