"""Optimizer rules as expressions, from which the kernels of an update are compiled."""

from __future__ import annotations

from typing import Any

from ..compiler.expression import SYMBOL_NAMESPACE, Expression, Symbol
from ..errors import warn


def trace_rule(
    rule: Any, slots: int, scalars: int
) -> tuple[Expression, tuple[str, ...], tuple[str, ...], dict[str, Symbol]]:
    """An optimizer's rule as (expression, arrays p, g, s0, ..., numbers c0, c1, ..., {array: its new value})."""
    kept, constants = [f"s{i}" for i in range(slots)], [f"c{i}" for i in range(scalars)]
    expression, arrays = Expression(), ("p", "g", *kept)
    results = rule(SYMBOL_NAMESPACE, *map(expression.input, (*arrays, *constants)))
    return expression, arrays, tuple(constants), dict(zip(("p", *kept), results, strict=True))


def warn_not_compiled(rule: Any, error: Exception) -> None:
    """Warns that a rule runs portably, and why; the error that stopped its compilation is no error of the rule."""
    reason = str(error).strip().partition("\n")[0]
    warn(f"{rule.__name__} is not compiled and runs portably: {reason}")
