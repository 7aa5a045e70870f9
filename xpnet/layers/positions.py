"""Encodings of the position in a sequence: fixed waves, or learned rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import ops
from ..errors import batch_of
from ..init import check_initializer, initial
from ..typing import Array, Nested, Op, Pullback, Shape
from .attention import require_sequences
from .base import Layer, Stateless, require_between, require_count
from .context import Context


@dataclass(frozen=True)
class PositionalEncoding(Stateless):
    """Sines and cosines of the position added to sequences (n, time, features); see `ops.positional_encoding`.

    >>> xn.PositionalEncoding().bound(np.array([[[0.0, 0.0]]]))[0]
    array([[[0., 1.]]])
    """

    base: float = 10000.0

    op: ClassVar[Op] = staticmethod(ops.positional_encoding)

    def __post_init__(self) -> None:
        super().__post_init__()
        wanted = "must be a finite number above 0"
        require_between("PositionalEncoding", "base", self.base, 1e-300, math.inf, wanted)

    def output_shape(self, input_shape: Shape) -> Shape:
        require_sequences(self, input_shape)
        return input_shape


@dataclass(frozen=True)
class PositionEmbedding(Layer):
    """A learned row for each position, added to sequences (n, time, features); see `ops.position_embedding`.

    length: the longest sequence. weight is (length, features), of which the first `time` rows are used.
    initializer: of weight, as in `Dense`; the default is GPT-2's.

    >>> xn.PositionEmbedding(length=20).output_shape((20, 32))
    (20, 32)
    """

    length: int
    initializer: Any = ("normal", 0.02)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count("PositionEmbedding", "length", self.length)
        check_initializer(self.initializer)

    def output_shape(self, input_shape: Shape) -> Shape:
        require_sequences(self, input_shape)
        if input_shape[0] > self.length:
            raise ValueError(
                f"{self!r} has rows for {self.length} positions, the sequences {batch_of(input_shape)} have "
                f"{input_shape[0]}: make length {input_shape[0]} or more"
            )
        return input_shape

    def init(self, rng: np.random.Generator, input_shape: Shape, dtype: Any) -> tuple[Nested, Nested, Shape]:
        output_shape = self.output_shape(input_shape)
        weight = initial(self.initializer, rng, (self.length, input_shape[-1]), dtype)
        return {"weight": weight}, {}, output_shape

    def forward(self, params: Nested, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        y, pull = ops.position_embedding(x, params["weight"])

        def pullback(dy: Array) -> tuple[Array, Nested]:
            dx, dweight = pull(dy)
            return dx, {"weight": dweight}

        return y, pullback
