"""Fused updates: an optimizer's rule as one compiled loop over NumPy arrays, through Numba (the extra `fast`).

The rule is the same function that other backends call on whole arrays. It is traced once to an expression, and Numba
compiles one loop over all its operations: the portable bits in a fraction of the time, since each array is read and
written once (`ci/benchmarks/update.py`). NumPy's backend calls it, and PyTorch's for tensors on a CPU.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ..compiler.codegen import Argument, compile_function, contiguous, elementwise_kernel, partitionable
from ..compiler.kernel import Kernel
from ..optim import update_each
from ..typing import Flat
from .rules import trace_rule, warn_not_compiled


def update(
    rule: Any, params: Flat, grads: Flat, slots: dict[str, Flat], scalars: tuple[Any, ...]
) -> tuple[Flat, dict[str, Flat]]:
    """Applies the rule to all parameters in one call, in place in the arrays of `params` and `slots`.

    A rule that cannot be traced to an expression runs portably, with the same bits, and a warning says so.
    """
    arrays: list[Any] = []
    flats = tuple(slots.values())
    for name, p in params.items():
        arrays += (p, contiguous(grads[name]), *[values[name] for values in flats])
    if not arrays:
        return params, slots
    dtype = arrays[0].dtype
    step = rule_loop(rule, len(slots), len(scalars), dtype.char, tuple([x.ndim for x in params.values()]))
    if step is None:
        return update_each(rule, params, grads, slots, scalars)
    try:
        numbers = np.empty_like(arrays[0], shape=len(scalars))
        for index, scalar in enumerate(scalars):
            numbers[index] = scalar
        step(numbers, *arrays)
    except TypeError:  # an array that is not contiguous, read-only, a NumPy scalar, or of another dtype
        return _update_copies(rule, params, grads, slots, scalars)
    return params, slots


def _update_copies(
    rule: Any, params: Flat, grads: Flat, slots: dict[str, Flat], scalars: tuple[Any, ...]
) -> tuple[Flat, dict[str, Flat]]:
    """The update of one parameter after another, on copies of the arrays that the loop cannot write into."""
    new_params = {name: _writable(p) for name, p in params.items()}
    new_slots = {slot: {name: _writable(x) for name, x in flat.items()} for slot, flat in slots.items()}
    for name, p in new_params.items():
        arrays = p, _writable(grads[name].astype(p.dtype)), *[flat[name] for flat in new_slots.values()]
        step: Any = rule_loop(rule, len(slots), len(scalars), p.dtype.char, (1,))
        step(np.array(scalars, p.dtype), *[x.reshape(-1) for x in arrays])
    return new_params, new_slots


def _writable(x: Any) -> np.ndarray:
    """`x`, or a copy if it is read-only or not contiguous."""
    return np.require(x, requirements=("C", "W"))


@cache
def rule_loop(rule: Any, slots: int, scalars: int, dtype: str, ranks: tuple[int, ...]) -> Kernel | None:
    """The kernel `p[i], s0[i] = rule(xp, p[i], g[i], s0[i], c0, c1)` for all i and all parameters, of these ranks.

    Its arguments are the array (c0, c1), then p, g, s0 of each parameter. None if the rule cannot be traced.
    """
    kind = np.dtype(dtype)
    try:
        formula, arrays, constants, found = trace_rule(rule, slots, scalars)
        one = elementwise_kernel(formula, arrays, found, kind, constants).call
        groups = [[f"{name}{k}" for name in arrays] for k in range(len(ranks))]
        lines = [f"{name} = c[{i}]" for i, name in enumerate(constants)]
        lines += [f"one({', '.join([*group, *constants])})" for group in groups]
        names = ["c", *(name for group in groups for name in group)]
        every = compile_function(names, lines, {"one": one})
        every(np.zeros(scalars, kind), *[np.zeros((0,) * rank, kind) for rank in ranks for _ in groups[0]])
        every.disable_compile()
        if min(ranks) == 0:
            return Kernel(every, consumes=True)
        arguments = {"c": Argument(1, None), **dict.fromkeys(names[1:], Argument(1, 0))}
        return partitionable(every, kind, arguments, lines, {"one": one}, consumes=True)
    except Exception as error:
        warn_not_compiled(rule, error)
        return None
