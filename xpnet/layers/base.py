"""What a layer is: a frozen description that makes its parameters and runs one op."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from ..describe import Description
from ..errors import choose, integer, number
from ..ops import ACTIVATIONS
from ..typing import Array, Nested, Op, Pullback, Shape
from .context import Context


@dataclass(frozen=True)
class Layer(Description):
    """A frozen description of a layer; its fields are numbers, strings, None, tuples and layers.

    Override `output_shape`, `forward`, and for a layer with arrays of its own `init`. No array is ever kept
    on the layer: parameters and buffers come in with each call.
    """

    @property
    def takes_ids(self) -> bool:
        """Whether the input is integer ids, which must not be cast to floats."""
        return False

    def init(self, rng: np.random.Generator, input_shape: Shape, dtype: Any) -> tuple[Nested, Nested, Shape]:
        """(params, buffers, output_shape) for inputs of this shape, the batch left out; NumPy arrays."""
        return {}, {}, self.output_shape(input_shape)

    def output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the outputs, the batch left out; ValueError for inputs that do not fit."""
        return input_shape

    def forward(self, params: Nested, x: Any, ctx: Context) -> tuple[Any, Pullback]:
        """`y, pullback`, and `pullback(dy) -> (dx, grads)` with grads named like the trainable params."""
        raise TypeError(f"{type(self).__name__} must define forward(params, x, ctx) -> (y, pullback)")


class Stateless(Layer):
    """A layer that runs one op of one array and has no parameters; its fields are the op's options."""

    op: ClassVar[Op]

    def forward(self, params: Nested, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        options = {field.name: getattr(self, field.name) for field in fields(self)}
        y, pull = type(self).op(x, **options)

        def pullback(dy: Array) -> tuple[Array, Nested]:
            return pull(dy)[0], {}

        return y, pullback


def is_layer(thing: Any) -> bool:
    """Whether it can be used as a layer: an instance, of `Layer` or of anything with its two methods."""
    return hasattr(thing, "init") and hasattr(thing, "forward") and not isinstance(thing, type)


def require_between(layer: str, name: str, value: Any, low: float, high: float, wanted: str) -> None:
    """ValueError for what is no number or outside [low, high); `wanted` says what it should be."""
    number(f"{layer}: {name}", value, wanted, low=low, high=high)


def activation(spec: Any) -> Op | None:
    """The op that an activation's name, or an op itself, stands for; None for None."""
    if spec is None or (callable(spec) and not isinstance(spec, type)):
        return spec
    return ACTIVATIONS[choose("activation", spec, ACTIVATIONS)]


def require_count(layer: str, name: str, value: Any) -> None:
    """ValueError for a size that is not a positive integer."""
    integer(f"{layer}: {name}", value)
