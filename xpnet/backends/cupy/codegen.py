"""Code generation for CuPy: an expression as one `ElementwiseKernel` in CUDA C.

The expressions are those that Numba compiles for NumPy: activations, `linear` with one fused, and optimizer rules.

`cupy.fuse` is not used: it runs a function on tracers of its own, which `namespace` does not know, writes `x**2` as
pow, takes no compiler options, and traces on arrays alone, so that its code cannot be tested without a device.

Bits: nvcc contracts a product and a sum to one fused multiply-add, which rounds once. `--fmad=false` would prevent
that, and would also change the last bits within the transcendental functions. Instead each sum, difference and
product is an intrinsic that is never contracted (`__fadd_rn` and others), and all other operations are written as in
CuPy's own functions. The bits are therefore meant to equal the portable ones; tests run the kernels as C on a CPU.
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
)
from ...optim import update_each
from ...typing import Array, Flat, Update
from ..rules import trace_rule, warn_not_compiled

Define = Callable[..., Callable[..., tuple[Array, ...]]]
"""The type of `cupy.ElementwiseKernel`, and of its stand-in in tests."""

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
"""The CUDA C code of each operation."""

ROUNDED = "\n".join(
    f"__device__ __forceinline__ {kind} rounded_{name}({kind} x, {kind} y) {{ return __{letter}{name}_rn(x, y); }}"
    for name in ("add", "sub", "mul")
    for kind, letter in (("float", "f"), ("double", "d"))
)
"""The functions that kernels call for +, - and *: each result is rounded by itself, and never contracted."""


def plain(*arrays: Array) -> bool:
    """True if kernels can take these arrays: all are float32, or all float64."""
    return arrays[0].dtype.char in "fd" and len({x.dtype for x in arrays}) == 1


def loop(
    define: Define,
    formula: Expression,
    arrays: tuple[str, ...],
    results: dict[str, Symbol],
    numbers: tuple[str, ...] = (),
    held: tuple[str, ...] = (),
) -> Callable[..., tuple[Array, ...]]:
    """The kernel of an expression over arrays that are broadcast together; it returns a tuple of its results.

    arrays: the names of array arguments. One that is also a result is written in place.
    results: the expression of each result, by its name.
    numbers: the names of scalar arguments. held: those of them that are arrays of one element.
    A call takes the arrays that are not results, then the numbers, then the results; without the results, if none is
    an argument, it allocates them.
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
    """An `ElementwiseKernel` of these parameters that returns a tuple of the arrays that it writes."""
    return define(reads, writes, body, "xpnet_loop", preamble=ROUNDED + preamble, return_tuple=True)


def _literal(value: float) -> str:
    """A constant as C code, in the arrays' dtype."""
    if not math.isfinite(value):
        raise NotElementwiseError(f"it has the constant {value}, which C cannot write")
    return f"T({float(value)!r})"


@cache
def updater(define: Define) -> Update:
    """A function that applies an optimizer's rule by one kernel for each parameter, in place in params and slots.

    It is portable for arrays of several dtypes or of others than float32 and float64, and, with a warning, for a rule
    that cannot be traced to an expression.
    """

    def update(
        rule: Any, params: Flat, grads: Flat, slots: dict[str, Flat], scalars: tuple[Any, ...]
    ) -> tuple[Flat, dict[str, Flat]]:
        flats, step = tuple(slots.values()), None
        arrays = [x for flat in (params, *flats) for x in flat.values()] + [grads[name] for name in params]
        held = {f"c{i}": c for i, c in enumerate(scalars) if arrays and isinstance(c, type(arrays[0]))}
        if arrays and plain(*arrays, *held.values()):
            step = _rule_kernel(define, rule, len(slots), len(scalars), tuple(held))
        if step is None:
            return update_each(rule, params, grads, slots, scalars)
        for name, p in params.items():
            step(grads[name], *scalars, p, *[values[name] for values in flats])
        return params, slots

    return update


@cache
def _rule_kernel(
    define: Define, rule: Any, slots: int, scalars: int, held: tuple[str, ...]
) -> Callable[..., Any] | None:
    """The kernel `p, s0 = rule(xp, p, g, s0, c0, c1)`; its arguments are g, c0, c1, p, s0.

    held: the scalars that are arrays of one element. None if the rule cannot be traced to an expression.
    """
    try:
        formula, arrays, constants, results = trace_rule(rule, slots, scalars)
        return loop(define, formula, arrays, results, constants, held)
    except Exception as error:
        warn_not_compiled(rule, error)
        return None
