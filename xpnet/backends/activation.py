"""Activations as formulas: each op run once on symbolic elements, with what its derivative takes from y or x."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

from .. import ops
from ..compiler.expression import Expression, NotElementwiseError, Symbol
from ..ops.opspec import option_defaults
from ..typing import Op


class Activation(NamedTuple):
    """An activation as a formula: y of x, and dx of dy and of what is kept for it."""

    formula: Expression
    x: Symbol
    y: Symbol
    dx: Symbol
    kept: tuple[Symbol, ...]
    options: tuple[str, ...]

    @classmethod
    def of(cls, op: Any, *, biased: bool = False, **flags: bool) -> Activation | None:
        """None for an op that mixes elements; without an op the identity. Biased, its x is z + b."""
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
    """What dx takes beside dy: y where that will do, which the next layer keeps anyway, else as little as there is."""
    given = [x.name, *options]
    cuts = formula.transcendental_levels([y], given)
    for kept in ((), (y,), *(() if cuts else ((x,), (x, y)))):
        if formula.is_arithmetic([dx], ["dy", *(element.name for element in kept), *options]):
            return kept
    slope = [Symbol(formula, name) for name in formula.coefficients(dx, "dy") if name not in options]
    if len(slope) == 1 and formula.transcendental_levels([y, *slope], given) == cuts:
        return tuple(slope)
    places = {x.name: x, y.name: y}
    return tuple([places[name] for name in formula.live_inputs([dx], places, beside=["dy", *options])])


def _flags(op: Any) -> dict[str, bool]:
    """The op's options that are True or False, and their defaults: each choice is a formula of its own."""
    defaults = {} if op is None else option_defaults(op)
    return {name: default for name, default in defaults.items() if isinstance(default, bool)}


def _options(op: Any) -> dict[str, Any]:
    """The op's options that are numbers, and their defaults."""
    defaults = {} if op is None else option_defaults(op)
    return {name: default for name, default in defaults.items() if not isinstance(default, bool)}


def specialize(op: Any, make: Callable[..., Any], number: Any = float) -> Callable[[dict[str, Any]], Any]:
    """Options to (what `make` gives for the op and its flags, its numbers, each as a `number`)."""
    flags, numbers = _flags(op), tuple(_options(op).items())
    made = cache(lambda *values: make(op, **dict(zip(flags, values, strict=True))))

    def choose(options: dict[str, Any]) -> Any:
        values = [bool(options.get(name, default)) for name, default in flags.items()] if flags else ()
        return made(*values), [number(options.get(name, default)) for name, default in numbers]

    return choose


def expressible() -> dict[str, Op]:
    """The activations that are formulas, by name."""
    replaceable = {name: op for name, op in ops.ACTIVATIONS.items() if hasattr(op, "portable")}
    return {name: op for name, op in replaceable.items() if Activation.of(op)}


def unwrap(activation: Any) -> tuple[Any, dict[str, Any]]:
    """(the op, its options) of an op with some options decided, or none."""
    return (activation.func, activation.keywords) if type(activation) is partial else (activation, {})
