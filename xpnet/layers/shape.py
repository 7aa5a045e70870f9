"""Layers that give each sample another shape."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .. import ops
from ..errors import batch_of, choose, plain, shown
from ..ops.shape import filled, permuted
from ..typing import Array, Nested, Pullback, Shape
from .base import Stateless, require_count
from .context import Context


class _Moving(Stateless):
    """The base of layers that may move the axis of time; then they drop the mask of padding."""

    @property
    def _moves(self) -> bool:
        return True

    def forward(self, params: Nested, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        if self._moves:
            ctx.mask = None
        return super().forward(params, x, ctx)


class Flatten(_Moving):
    """All axes but the batch's as one; see `ops.flatten`.

    >>> xn.Flatten().output_shape((28, 28, 1))
    (784,)
    """

    op = staticmethod(ops.flatten)

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)


@dataclass(frozen=True)
class Reshape(_Moving):
    """Each sample in another shape, the batch left out; one size may be -1, for the rest. See `ops.reshape`.

    >>> xn.Reshape((28, 28, -1)).output_shape((784,))
    (28, 28, 1)
    """

    shape: Shape

    op = staticmethod(ops.reshape)

    def __post_init__(self) -> None:
        super().__post_init__()
        shape = _integers(self.shape, low=-1)
        if shape is None or 0 in shape or shape.count(-1) > 1:
            raise ValueError(
                f"Reshape: shape {shown(self.shape)} must be a tuple of positive sizes, such as (7, 7, 16), "
                "of which one may be -1"
            )
        object.__setattr__(self, "shape", shape)

    @property
    def _moves(self) -> bool:
        return len(self.shape) == 1

    def output_shape(self, input_shape: Shape) -> Shape:
        return filled(self.shape, input_shape)


@dataclass(frozen=True)
class Permute(_Moving):
    """The axes of each sample in another order, counted from 1, as axis 0 is the batch's; see `ops.permute`.

    >>> xn.Permute((3, 1, 2)).output_shape((28, 28, 1))
    (1, 28, 28)
    """

    axes: tuple[int, ...]

    op = staticmethod(ops.permute)

    def __post_init__(self) -> None:
        super().__post_init__()
        axes = _integers(self.axes, low=1)
        if axes is None or len(set(axes)) < len(axes):
            raise ValueError(
                f"Permute: axes {shown(self.axes)} must be a tuple of the numbers of a sample's axes, such as (2, 1)"
            )
        object.__setattr__(self, "axes", axes)

    @property
    def _moves(self) -> bool:
        return self.axes[0] != 1

    def output_shape(self, input_shape: Shape) -> Shape:
        return permuted(self.axes, input_shape)


@dataclass(frozen=True)
class Upsample(Stateless):
    """Interpolation on a grid `factor` times as fine along every axis of space; see `ops.upsample`.

    x (n, ..., c) -> y (n, factor times each size between, c)
    method: "nearest" or "linear".

    >>> xn.Upsample(2).bound(np.array([[[1.0], [3.0]]]))[0]
    array([[[1.],
           [1.],
           [3.],
           [3.]]])
    """

    factor: int = 2
    method: str = "nearest"

    op = staticmethod(ops.upsample)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count("Upsample", "factor", self.factor)
        choose("Upsample: method", self.method, ops.UPSAMPLE_METHODS)

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) < 2:
            raise ValueError(
                "Upsample takes sequences (n, time, features) or images (n, height, width, channels), "
                f"these are {batch_of(input_shape)}: put Reshape before it"
            )
        return (*(self.factor * size for size in input_shape[:-1]), input_shape[-1])


def _integers(given: object, low: int) -> tuple[int, ...] | None:
    """The tuple of integers, Python's or NumPy's, of `low` at least; None for anything else."""
    numbers = tuple(plain(item) for item in given) if isinstance(given, tuple) else ()
    fits = all(isinstance(item, int) and not isinstance(item, bool) and item >= low for item in numbers)
    return numbers if numbers and fits else None
