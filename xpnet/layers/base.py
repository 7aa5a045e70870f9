"""What a layer is: a frozen description that makes its parameters and runs one op."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar

import numpy as np

from ..errors import unknown
from ..ops import ACTIVATIONS
from ..typing import Array, Nested, Op, Pullback, Shape
from .context import Context


@dataclass(frozen=True)
class Layer:
    """A frozen description of a layer; its fields are numbers, strings, None, tuples and layers.

    Override `output_shape`, `forward`, and for a layer with arrays of its own `init`. No array is ever kept
    on the layer: parameters and buffers come in with each call.
    """

    def __init_subclass__(cls) -> None:
        if "__repr__" not in cls.__dict__:  # a dataclass would write one that shows every default
            inherited = cls.__repr__
            cls.__repr__ = inherited  # type: ignore[method-assign]

    def __repr__(self) -> str:
        """The call that makes it, without what is as by default."""
        shown = [
            repr(value) if field.default is MISSING else f"{field.name}={value!r}"
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

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


def activation(spec: Any) -> Op | None:
    """The op that an activation's name, or an op itself, stands for; None for None."""
    if spec is None or callable(spec):
        return spec
    if spec not in ACTIVATIONS:
        raise unknown("activation", spec, ACTIVATIONS)
    return ACTIVATIONS[spec]


def require_count(layer: str, name: str, value: Any) -> None:
    """ValueError for a size that is not a positive integer."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{layer}: {name} {value!r} must be a positive integer")
