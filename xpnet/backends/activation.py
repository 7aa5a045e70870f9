"""Activations as expressions: each op is traced once on symbolic scalars, and the residuals of its derivative chosen.

NumPy and CuPy generate their kernels from the result. y is an expression of x, dx one of dy and of the residuals.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

from .. import ops
from ..compiler.expression import Expression, NotElementwiseError, Symbol
from ..ops.opspec import option_defaults
from ..typing import Op


class Activation(NamedTuple):
    """A traced activation.

    formula: the expression that x, y, dx and the residuals belong to.
    x: the input; z + b for a biased activation.
    y: the value.
    dx: the derivative, an expression of dy, the residuals and the options.
    residuals: the values that the forward pass stores for the backward pass.
    options: the names of the op's options that are numbers.
    """

    formula: Expression
    x: Symbol
    y: Symbol
    dx: Symbol
    residuals: tuple[Symbol, ...]
    options: tuple[str, ...]

    @classmethod
    def of(cls, op: Any, *, biased: bool = False, **flags: bool) -> Activation | None:
        """The trace of an op, of the identity for None; None for an op that is not elementwise.

        biased: x is z + b, as in a dense layer. flags: values of the op's boolean options.
        """
        formula = Expression()
        x = formula.add("add", *map(formula.input, "zb")) if biased else formula.input("x")
        flags = {**_flags(op), **flags}
        options = {name: formula.input(name) for name in _options(op)}
        try:
            y, pullback = (x, lambda dy: (dy,)) if op is None else op.portable(x, **options, **flags)
            (dx,) = pullback(formula.input("dy"))
            return cls(formula, x, y, dx, _residuals(formula, x, y, dx, tuple(options)), tuple(options))
        except NotElementwiseError:
            return None


def _residuals(
    formula: Expression, x: Symbol, y: Symbol, dx: Symbol, options: tuple[str, ...]
) -> tuple[Symbol, ...]:
    """The residuals of the backward pass: none if possible, else y (the next layer keeps it anyway), else the smallest
    set found: x, x and y, or the slope dx / dy."""
    given = [x.name, *options]
    cuts = formula.transcendental_levels([y], given)
    for kept in ((), (y,), *(() if cuts else ((x,), (x, y)))):
        if formula.is_arithmetic([dx], ["dy", *(element.name for element in kept), *options]):
            return kept
    slope = [Symbol(formula, name) for name in formula.coefficients(dx, "dy") if name not in options]
    if len(slope) == 1 and len(formula.transcendental_levels([y, *slope], given)) == len(cuts):
        return tuple(slope)
    places = {x.name: x, y.name: y}
    return tuple([places[name] for name in formula.live_inputs([dx], places, beside=["dy", *options])])


def _flags(op: Any) -> dict[str, bool]:
    """The op's boolean options and their defaults: each combination is an expression of its own."""
    defaults = {} if op is None else option_defaults(op)
    return {name: default for name, default in defaults.items() if isinstance(default, bool)}


def _options(op: Any) -> dict[str, Any]:
    """The op's numeric options and their defaults: they are inputs of one expression."""
    defaults = {} if op is None else option_defaults(op)
    return {name: default for name, default in defaults.items() if not isinstance(default, bool)}


def specialize(op: Any, make: Callable[..., Any], number: Any = float) -> Callable[[dict[str, Any]], Any]:
    """A function of an op's options that returns (make(op, **flags), numeric options).

    make: called once for each combination of flags. number: the type that each numeric option is converted to.
    """
    flags, numbers = _flags(op), tuple(_options(op).items())
    made = cache(lambda *values: make(op, **dict(zip(flags, values, strict=True))))

    def choose(options: dict[str, Any]) -> Any:
        values = [bool(options.get(name, default)) for name, default in flags.items()] if flags else ()
        return made(*values), [number(options.get(name, default)) for name, default in numbers]

    return choose


def expressible() -> dict[str, Op]:
    """The activations that an expression can state, that is, the elementwise ones, by name."""
    replaceable = {name: op for name, op in ops.ACTIVATIONS.items() if hasattr(op, "portable")}
    return {name: op for name, op in replaceable.items() if Activation.of(op)}


def unwrap(activation: Any) -> tuple[Any, dict[str, Any]]:
    """(op, options) of a `functools.partial` of an op, or of the op itself."""
    return (activation.func, activation.keywords) if type(activation) is partial else (activation, {})
