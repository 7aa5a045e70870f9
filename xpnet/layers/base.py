"""The base of all layers: a frozen description that makes its parameters and runs one op."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from ..calls import checked_constructor
from ..describe import Description
from ..errors import as_pair, as_single, choose, integer, number, refuse_foreign, unknown
from ..ops import ACTIVATIONS
from ..ops.opspec import OpSpec, bind, check_options, named
from ..typing import Array, Nested, Op, Pullback, Shape
from .context import Context


@checked_constructor
@dataclass(frozen=True)
class Layer(Description):
    """A frozen description of a layer; its fields are numbers, strings, None, tuples and layers.

    Override `output_shape`, `forward`, and for a layer with arrays of its own `init`. No array is ever kept
    on the layer: parameters and buffers come in with each call.

    >>> class Double(xn.Layer):
    ...     def forward(self, params, x, ctx):
    ...         return 2 * x, lambda dy: (2 * dy, {})
    >>> xn.Sequential(xn.Dense(3), Double())
    Sequential(Dense(3), Double())
    """

    @property
    def takes_ids(self) -> bool:
        """True where the input is integer ids, which must not be cast to floats."""
        return False

    @property
    def id_limit(self) -> int | None:
        """The number of ids, which count from 0; None where it is not known, or the input is no ids."""
        return None

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

    def __post_init__(self) -> None:
        super().__post_init__()
        check_options(type(self).__name__, type(self).op, self._options)

    @property
    def _options(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def bound(self) -> Op:
        """The op with its options."""
        return bind(type(self).op, self._options)

    def forward(self, params: Nested, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        y, pull = self.bound(x)

        def pullback(dy: Array) -> tuple[Array, Nested]:
            return pull(dy)[0], {}

        return y, pullback


def is_layer(thing: Any) -> bool:
    """True for an instance of `Layer`, or of any class with its methods `init` and `forward`."""
    return hasattr(thing, "init") and hasattr(thing, "forward") and not isinstance(thing, type)


def require_between(layer: str, name: str, value: Any, low: float, high: float, wanted: str) -> None:
    """ValueError for a value that is no number in [low, high); `wanted` ends the message."""
    number(f"{layer}: {name}", value, wanted, low=low, high=high)


class Activation(OpSpec, Stateless):
    """An activation by its op's name, with options, `Activation("leaky_relu", alpha=0.2)`, or a function of one's own.

    y = f(x), f = function;  dx = dy f'(x)
    The function returns `y, pullback` like an op, and keeps the shape. A model with one cannot be saved.

    >>> xn.Activation("leaky_relu", alpha=0.1).bound(np.array([-1.0, 2.0]))[0]
    array([-0.1,  2. ])
    """

    table = ACTIVATIONS

    def output_shape(self, input_shape: Shape) -> Shape:
        return shape_after(self, input_shape)

    def forward(self, params: Nested, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        y, pull = as_pair("activation", self.bound(x))

        def pullback(dy: Array) -> tuple[Array, Nested]:
            return as_single("activation", pull(dy)), {}

        return y, pullback


def activation(spec: Any) -> Op | None:
    """The op that an activation's name, a layer such as `LeakyReLU(0.2)`, or an op stands for; None for None."""
    if spec is None or (callable(spec) and not isinstance(spec, type)):
        return spec
    if isinstance(spec, Stateless):
        known = isinstance(spec, Activation) or activation_name(spec) in ACTIVATIONS
        if not known and type(spec).output_shape is not Layer.output_shape:
            raise ValueError(
                f"activation {spec!r} may change the shape: put it after the layer, as one of its own"
            )
        return spec.bound
    if isinstance(spec, Layer):
        raise ValueError(
            f"activation {spec!r} has parameters or a mode: put it after the layer, as one of its own"
        )
    if isinstance(spec, int) and not isinstance(spec, bool):
        advice = "a layer is given its outputs alone, since sizes of inputs follow from the data; "
        raise unknown("activation", spec, ACTIVATIONS, advice=advice)
    return ACTIVATIONS[choose("activation", spec, ACTIVATIONS)]


def check_activation(spec: Any) -> None:
    """TypeError or ValueError for what `activation` does not know, or what is no activation of one op."""
    activation(spec)
    refuse_foreign("activation", spec, ACTIVATIONS)


def activation_name(spec: Any) -> Any:
    """The name of the op that an activation runs; the function itself where it has no name."""
    if isinstance(spec, Activation):
        return spec.function
    return named(ACTIVATIONS, type(spec).op if isinstance(spec, Stateless) else spec)


def shape_after(spec: Any, shape: Shape) -> Shape:
    """The shape of an activation's output: the gated ones halve the last axis."""
    if activation_name(spec) not in ("glu", "swiglu"):
        return shape
    if not shape or shape[-1] % 2:
        raise ValueError(f"{spec!r} halves the features, and takes an even number of them, not (n, *{shape})")
    return (*shape[:-1], shape[-1] // 2)


def require_count(layer: str, name: str, value: Any) -> None:
    """ValueError for a size that is not a positive integer."""
    integer(f"{layer}: {name}", value)
