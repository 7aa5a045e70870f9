"""Elementwise formulas on CuPy's arrays as one kernel each, in CUDA's C: the formulas that Numba compiles for NumPy.

They are `ElementwiseKernel`s and no `cupy.fuse`, which runs a function on variables of its own that `namespace` does
not know, writes `x**2` as pow, takes no compiler options, and traces only on arrays, so that nothing of it can be seen
without a device. Nor is `--fmad=false` given: it would change the last bits within exp and its kin.
Instead every sum, difference and product is an intrinsic that is never contracted, and all else is written as in
CuPy's own functions, each of which is a kernel by itself. So the bits are meant to be the portable ones; the kernels
have been compiled for a device and run as C on a CPU, and wait for a run on a device.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

from ...compiler.expression import (
    INFIX,
    PYTHON,
    TRANSCENDENTAL,
    Expression,
    NotElementwiseError,
    Symbol,
    trace_rule,
    warn_not_compiled,
)
from ...optim import update_each
from ...typing import Array, Flat, Update

Define = Callable[..., Callable[..., tuple[Array, ...]]]
"""`cupy.ElementwiseKernel`, or a stand-in."""

C = (
    INFIX
    | {name: PYTHON[name] for name in ("neg", "sqrt")}
    | {name: f"rounded_{name}({{0}}, {{1}})" for name in ("add", "sub", "mul")}
    | {name: f"{name}({{0}})" for name in TRANSCENDENTAL}
    | {
        "invert": "!{0}",
        "abs": "fabs({0})",
        "where": "{0} ? {1} : {2}",
        "maximum": "isnan({0}) || isnan({1}) ? rounded_add({0}, {1}) : max({0}, {1})",
        "minimum": "isnan({0}) || isnan({1}) ? rounded_add({0}, {1}) : min({0}, {1})",
    }
)
"""How CUDA's C writes each operation."""

ROUNDED = "\n".join(
    f"__device__ __forceinline__ {kind} rounded_{name}({kind} x, {kind} y) {{ return __{letter}{name}_rn(x, y); }}"
    for name in ("add", "sub", "mul")
    for kind, letter in (("float", "f"), ("double", "d"))
)
"""What kernels call in the place of +, - and *: a product and a sum in one kernel would else be rounded once."""


def plain(*arrays: Array) -> bool:
    """Whether kernels take these arrays: all float32, or all float64."""
    return arrays[0].dtype.char in "fd" and len({x.dtype for x in arrays}) == 1


def loop(
    define: Define,
    formula: Expression,
    arrays: tuple[str, ...],
    results: dict[str, Symbol],
    numbers: tuple[str, ...] = (),
    held: tuple[str, ...] = (),
) -> Callable[..., tuple[Array, ...]]:
    """A kernel over arrays that are broadcast together: called with `arrays`, then numbers, then what to write.

    Of `arrays`, those that are results come last, among what to write, and are written in place. Where none is, what
    to write may be left out: it is new arrays, which the call gives. held: the numbers that are arrays of one.
    """
    read = [name for name in arrays if name not in results]
    given = [f"raw T {name}_" if name in held else f"T {name}_" for name in (*read, *numbers)]
    values = {name: f"{name}_[0]" if name in held else f"{name}_" for name in (*arrays, *numbers)}
    steps = formula.emit(results.values(), [*arrays, *numbers], C)
    values |= {name: _literal(value) for name, value in formula.constants.items()}
    body = [f"const auto {line};" for line in (*(f"{name} = {x}" for name, x in values.items()), *steps)]
    body += [f"{name}_ = {formula.name(element)};" for name, element in results.items()]
    return kernel(define, ", ".join(given), ", ".join(f"T {name}_" for name in results), "\n".join(body))


def kernel(
    define: Define, reads: str, writes: str, body: str, preamble: str = ""
) -> Callable[..., tuple[Array, ...]]:
    """A kernel of these parameters that gives a tuple of what it writes."""
    return define(reads, writes, body, "xpnet_loop", preamble=ROUNDED + preamble, return_tuple=True)


def _literal(value: float) -> str:
    """A constant in the arrays' dtype."""
    if not math.isfinite(value):
        raise NotElementwiseError(f"it has the constant {value}, which C cannot write")
    return f"T({float(value)!r})"


@cache
def updater(define: Define) -> Update:
    """The update of an optimizer's rule in one kernel for each parameter, written into params and slots.

    Portable where dtypes differ or are no float32 or float64, and for a rule that is no formula, with a warning.
    """

    def update(
        rule: Any, params: Flat, grads: Flat, slots: dict[str, Flat], scalars: tuple[Any, ...]
    ) -> tuple[Flat, dict[str, Flat]]:
        kept, step = tuple(slots.values()), None
        arrays = [x for flat in (params, *kept) for x in flat.values()] + [grads[name] for name in params]
        held = {f"c{i}": c for i, c in enumerate(scalars) if arrays and isinstance(c, type(arrays[0]))}
        if arrays and plain(*arrays, *held.values()):
            step = _rule_kernel(define, rule, len(slots), len(scalars), tuple(held))
        if step is None:
            return update_each(rule, params, grads, slots, scalars)
        for name, p in params.items():
            step(grads[name], *scalars, p, *[values[name] for values in kept])
        return params, slots

    return update


@cache
def _rule_kernel(
    define: Define, rule: Any, slots: int, scalars: int, held: tuple[str, ...]
) -> Callable[..., Any] | None:
    """`p, s0 = rule(xp, p, g, s0, c0, c1)`, called with g, c0, c1, p, s0. None where the rule is no formula."""
    try:
        formula, arrays, constants, results = trace_rule(rule, slots, scalars)
        return loop(define, formula, arrays, results, constants, held)
    except Exception as error:
        warn_not_compiled(rule, error)
        return None
