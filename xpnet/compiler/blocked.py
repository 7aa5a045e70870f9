"""Formulas that take exp or its kin, on NumPy arrays: compiled loops, and NumPy's own functions between them.

A formula is cut at these functions. A loop computes what one takes, NumPy computes the function in place, and the
next loop goes on from there; it repeats plain arithmetic rather than have it written down. All this runs in blocks
that stay in the cache, so that it takes memory for a block only, whatever the size of the arrays.

On several cores each piece of the arrays is one call in C of all the stages: NumPy's functions are loops in C too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np

from .codegen import Argument, elementwise_kernel, partitionable
from .expression import Expression, Symbol
from .kernel import Kernel
from .task import ufunc_loop

BLOCK, IN_C = 2**16, 2**13
"""Numbers of an array that are worked off at once, and in C, where a block costs no calls of Python's."""

Stage = tuple[Callable[..., Any], tuple[int, ...]]
"""A loop or a ufunc, and the places of the arrays and numbers that it takes."""


def staged(
    formula: Expression,
    arrays: tuple[str, ...],
    results: dict[str, Symbol],
    dtype: np.dtype,
    numbers: tuple[str, ...] = (),
    row: str = "",
) -> Kernel:
    """`elementwise_kernel` for any formula, called in the same way; a formula without cuts gives just that loop."""
    cuts = formula.transcendental_levels(results.values(), [*arrays, row, *numbers])
    if not cuts:
        return elementwise_kernel(formula, arrays, results, dtype, numbers, row)
    homes = _homes(cuts, arrays, results)
    scratch = [cut for cut, home in homes.items() if cut == home]
    given = [*arrays, *(name for name in results if name not in arrays)]
    places = {name: i for i, name in enumerate([*given, *scratch, *([row] if row else []), *numbers])}
    places |= {cut: places[home] for cut, home in homes.items()}
    stages: list[Stage] = []
    known = list(arrays)

    def add(found: dict[str, Symbol]) -> None:
        """The loop that writes these results, from those of the arrays known that it takes."""
        read = tuple(formula.live_inputs(found.values(), known, beside=[row, *numbers]))
        rest = tuple(formula.live_inputs(found.values(), numbers, beside=[*known, row]))
        written = [name for name in found if name not in read]
        names = [*read, *written, *([row] if row else []), *rest]
        compiled = elementwise_kernel(formula, read, found, dtype, rest, row).call
        stages.append((compiled, tuple([places[name] for name in names])))

    for level in cuts:
        terms = {homes[cut]: formula.operand(cut)[1] for cut in level}
        if apart := {home: x for home, x in terms.items() if x.name not in known}:
            add(apart)
        for cut in level:
            function, x = formula.operand(cut)
            source = homes[cut] if homes[cut] in apart else x.name
            stages.append((getattr(np, function), (places[source], places[cut])))
        known += level
    if rest := {name: x for name, x in results.items() if homes.get(x.name) != name}:
        add(rest)
    if len(stages) == 1 and not (scratch or row or numbers):
        return Kernel(stages[0][0])  # NumPy's function alone
    calls = [(function, itemgetter(*taken)) for function, taken in stages]

    def run(*args: Any) -> None:
        whole, others = args[: len(given)], args[len(given) :]
        if not row and whole[0].ndim != 1:
            whole = tuple([x.reshape(-1) for x in whole])
        length, size = len(whole[0]), whole[0].size
        step = length if size <= BLOCK else max(1, BLOCK * length // size)
        work = [np.empty_like(whole[0][:step]) for _ in scratch]
        for start in range(0, length, step or 1):
            parts = [*whole, *work]
            if step < length:
                parts = [x[start : start + step] for x in whole]
                parts += [x[: len(parts[0])] for x in work]
            parts += others
            for function, taken in calls:
                function(*taken(parts))

    return _cut(run, stages, len(given), len(scratch), dtype, bool(row), len(numbers))


def _cut(
    run: Any, stages: list[Stage], given: int, scratch: int, dtype: np.dtype, row: bool, numbers: int
) -> Kernel:
    """The stages as a kernel; in C only where the inner loops of NumPy's functions are found."""
    from .workqueue import call

    ufuncs = [function for function, _ in stages if isinstance(function, np.ufunc)]
    addresses = [ufunc_loop(ufunc, dtype) for ufunc in ufuncs]
    names = [f"x{i}" for i in range(given + scratch + row + numbers)]
    rows: dict[str, Argument] = dict.fromkeys(names[:given], (2 if row else 1, 0))
    beside: dict[str, Argument] = {names[given + scratch]: (1, None)} if row else {}
    known: dict[str, Any] = {f"stage{i}": function for i, (function, _) in enumerate(stages)}
    known = {name: x for name, x in known.items() if x not in ufuncs} | {"call": call, "np": np}
    lines = list(_in_c(stages, given, scratch, dtype))
    kernel = partitionable(run, dtype, rows | beside, lines, known, tuple(names[given + scratch + row :]))
    inner_loops = tuple(chain(*[found for found in addresses if found]))
    c_function = None if None in addresses else kernel.c_function
    return replace(kernel, c_function=c_function, inner_loops=inner_loops)


def _in_c(stages: list[Stage], given: int, scratch: int, dtype: np.dtype) -> Iterator[str]:
    """The lines of `codegen.cfunc` that make the stages block by block, NumPy's by the addresses of their loops.

    x0, x1, ... are the arrays, p0, p1, ... their parts in a block. A loop of NumPy's takes the words, in turn: where it
    reads and where it writes, how many numbers, and the bytes from one to the next in both.
    """
    ufuncs = sum(isinstance(function, np.ufunc) for function, _ in stages)
    parts, size = [f"p{i}" for i in range(given + scratch)], dtype.itemsize
    yield f"loops = carray(data, {2 * ufuncs}, np.int64)"
    yield f"step = max(1, {IN_C} * len(x0) // max(1, x0.size))"
    yield from (f"x{i} = np.empty_like(x0[:step])" for i in range(given, given + scratch))
    yield f"words = np.array([0, 0, 0, {size}, {size}], np.int64)"
    yield "at = words.ctypes.data"
    yield "for start in range(0, len(x0), step):"
    yield from (f"    p{i} = x{i}[start:start + step]" for i in range(given))
    yield from (f"    p{i} = x{i}[:len(p0)]" for i in range(given, given + scratch))
    found = 0
    for number, (function, taken) in enumerate(stages):
        terms = [parts[i] if i < len(parts) else f"x{i}" for i in taken]
        if isinstance(function, np.ufunc):
            x, y = terms
            yield f"    words[0], words[1], words[2] = {x}.ctypes.data, {y}.ctypes.data, {x}.size"
            yield f"    call(loops[{found}], at, at + 16, at + 24, loops[{found + 1}])"
            found += 2
        else:
            yield f"    stage{number}({', '.join(terms)})"


def _homes(cuts: list[list[str]], arrays: tuple[str, ...], results: dict[str, Symbol]) -> dict[str, str]:
    """Where each cut is written: at once to the result that it is, else to memory of its own.

    A result that overwrites an array waits until nothing reads that array any more.
    """
    homes = {cut: cut for level in cuts for cut in level}
    for name, x in results.items():
        if x.name in homes and (name not in arrays or len(results) == 1):
            homes[x.name] = name
    return homes
