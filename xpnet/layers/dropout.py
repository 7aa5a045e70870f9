"""Dropout of elements, and of whole channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .. import ops
from ..errors import batch_of
from ..typing import Array, Nested, Op, Pullback, Shape
from .base import Layer, require_between
from .context import Context


@dataclass(frozen=True)
class Dropout(Layer):
    """Drops each element with probability `rate` while training, the identity at prediction; see `ops.dropout`.

    >>> xn.Sequential(xn.Dense(64, "relu"), xn.Dropout(0.2), xn.Dense(10)).output_shape((5,))
    (10,)
    """

    rate: float = 0.5

    op: ClassVar[Op] = staticmethod(ops.dropout)

    def __post_init__(self) -> None:
        super().__post_init__()
        wanted = "is not in [0, 1): it is the share of elements to drop"
        require_between(type(self).__name__, "rate", self.rate, 0, 1, wanted)

    def forward(self, params: Nested, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        if not ctx.train or self.rate == 0:
            return x, lambda dy: (dy, {})
        y, pull = type(self).op(x, rate=self.rate, key=ctx.key)

        def pullback(dy: Array) -> tuple[Array, Nested]:
            return pull(dy)[0], {}

        return y, pullback


class SpatialDropout(Dropout):
    """Drops each channel of each sample with probability `rate` while training; PyTorch's Dropout1d, 2d and 3d.

    Neighbouring points of an image or a sequence are much alike: a dropped point could be told from its neighbours.
    See `ops.spatial_dropout`.

    >>> xn.SpatialDropout(0.2).output_shape((28, 28, 16))
    (28, 28, 16)
    """

    op: ClassVar[Op] = staticmethod(ops.spatial_dropout)

    def output_shape(self, input_shape: Shape) -> Shape:
        if not input_shape:
            raise ValueError(
                f"SpatialDropout takes inputs (n, ..., channels), these are {batch_of(input_shape)}: reshape to (n, 1)"
            )
        return input_shape
