"""The fully connected layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import ops
from ..errors import flag
from ..init import check_initializer, default, initial
from ..ops.opspec import named
from ..typing import Array, Nested, Pullback, Shape
from .base import Layer, activation, activation_name, check_activation, require_count, shape_after
from .context import Context


@dataclass(frozen=True)
class Dense(Layer):
    """Affine map of the last axis, and an activation of it; see `ops.linear`.

    y = activation(x weight + bias)
    x (n, ..., in) -> y (n, ..., units); weight (in, units), bias (units,) starting at 0.
    units: the number of outputs; gated activations halve it.
    activation: an op's name, a layer such as `LeakyReLU(0.2)`, an op of one's own, or None.
    bias: False leaves the bias out.
    initializer: of weight: a name, a tuple such as ("normal", 0.01), a function, or None for the default of the
        activation: He's for rectified ones, LeCun's for selu, Glorot's for the rest (`init.DEFAULTS`).

    >>> xn.Dense(3, "relu").output_shape((5,))
    (3,)
    """

    units: int
    activation: Any = None
    bias: bool = True
    initializer: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count("Dense", "units", self.units)
        object.__setattr__(self, "activation", named(ops.ACTIVATIONS, self.activation))
        check_activation(self.activation)
        flag("Dense: bias", self.bias)
        check_initializer(self._initializer)

    @property
    def _initializer(self) -> Any:
        if self.initializer is not None:
            return self.initializer
        return default(activation_name(self.activation))

    def output_shape(self, input_shape: Shape) -> Shape:
        if not input_shape:
            raise ValueError(
                f"Dense({self.units}) takes inputs (n, ..., features), these are (n,): reshape to (n, 1)"
            )
        return shape_after(self.activation, (*input_shape[:-1], self.units))

    def init(self, rng: np.random.Generator, input_shape: Shape, dtype: Any) -> tuple[Nested, Nested, Shape]:
        output_shape = self.output_shape(input_shape)
        params = {"weight": initial(self._initializer, rng, (input_shape[-1], self.units), dtype)}
        if self.bias:
            params["bias"] = initial("zeros", rng, (self.units,), dtype)
        return params, {}, output_shape

    def forward(self, params: Nested, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        bias = (params["bias"],) if self.bias else ()
        act = activation(self.activation)
        y, pull = ops.linear(x, params["weight"], *bias, activation=act, wants_dx=ctx.wants_dx)

        def pullback(dy: Array) -> tuple[Array, Nested]:
            dx, dw, *db = pull(dy)
            return dx, {"weight": dw, "bias": db[0]} if db else {"weight": dw}

        return y, pullback
