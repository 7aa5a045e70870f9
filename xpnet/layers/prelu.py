"""The rectifier whose negative slope is a parameter."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import ops
from ..init import initial
from ..typing import Array, Nested, Pullback, Shape
from .base import Layer, require_between
from .context import Context


@dataclass(frozen=True)
class PReLU(Layer):
    """x, or weight x where x is negative; see `ops.prelu`.

    start: the initial value of the parameter weight.
    shared: True is one slope for all features, weight (1,); False one for each, weight (c,).

    >>> model = xn.Model(xn.PReLU(), loss="mse", optimizer="adam").build((3,))
    >>> model.forward([[-4.0, 0.0, 4.0]])
    array([[-1.,  0.,  4.]], dtype=float32)
    """

    start: float = 0.25
    shared: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.shared, bool):
            raise ValueError(f"PReLU: shared {self.shared!r} must be True or False")
        require_between(
            "PReLU", "start", self.start, -sys.float_info.max, math.inf, "must be a finite number"
        )

    def init(self, rng: np.random.Generator, input_shape: Shape, dtype: Any) -> tuple[Nested, Nested, Shape]:
        if not input_shape:
            raise ValueError("PReLU takes inputs (n, ..., features), these are (n,): reshape to (n, 1)")
        count = 1 if self.shared else input_shape[-1]

        def start(rng: np.random.Generator, shape: Shape, dtype: Any) -> np.ndarray:
            return np.full(shape, self.start, dtype)

        return {"weight": initial(start, rng, (count,), dtype)}, {}, input_shape

    def forward(self, params: Nested, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        y, pull = ops.prelu(x, params["weight"])

        def pullback(dy: Array) -> tuple[Array, Nested]:
            dx, dweight = pull(dy)
            return dx, {"weight": dweight}

        return y, pullback
