"""Kernels of expressions with transcendental functions, computed block by block.

A compiled loop may not call exp itself: its last bits would be those of the compiler's library, and the portable step
has those of NumPy's. So the expression is split at its transcendental functions into stages. A compiled loop computes
the operand of one, NumPy's ufunc computes the function in place, and the next loop goes on from there. A later loop
repeats plain arithmetic rather than read a stored intermediate result.

All stages of one block run before the next block begins (loop blocking), so that intermediate results stay in the
cache and take the memory of one block, whatever the size of the arrays. In Python a `Kernel.call` runs the stages; its
C function runs them without Python, and calls the inner loops of NumPy's ufuncs by their addresses.
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

BLOCK_ELEMENTS = 2**16
"""Elements of an array in a block, where Python calls the stages."""
C_BLOCK_ELEMENTS = 2**13
"""Elements of an array in a block of the C function: a stage costs it no call of Python's."""

Stage = tuple[Callable[..., Any], tuple[int, ...]]
"""A compiled loop or a ufunc, and the positions of its arguments among all arrays and numbers."""


def blocked_kernel(
    expression: Expression,
    arrays: tuple[str, ...],
    results: dict[str, Symbol],
    dtype: np.dtype,
    numbers: tuple[str, ...] = (),
    row: str = "",
) -> Kernel:
    """`elementwise_kernel` for any expression, called in the same way.

    An expression without transcendental functions is one loop.
    """
    levels = expression.transcendental_levels(results.values(), [*arrays, row, *numbers])
    if not levels:
        return elementwise_kernel(expression, arrays, results, dtype, numbers, row)
    buffers = _buffers(levels, arrays, results)
    scratch = [name for name, buffer in buffers.items() if name == buffer]
    given = [*arrays, *(name for name in results if name not in arrays)]
    positions = {name: i for i, name in enumerate([*given, *scratch, *([row] if row else []), *numbers])}
    positions |= {name: positions[buffer] for name, buffer in buffers.items()}
    stages: list[Stage] = []
    known = list(arrays)

    def add_loop(found: dict[str, Symbol]) -> None:
        """The loop that writes these results, reading those of the known arrays that it needs."""
        read = tuple(expression.live_inputs(found.values(), known, beside=[row, *numbers]))
        rest = tuple(expression.live_inputs(found.values(), numbers, beside=[*known, row]))
        written = [name for name in found if name not in read]
        names = [*read, *written, *([row] if row else []), *rest]
        compiled = elementwise_kernel(expression, read, found, dtype, rest, row).call
        stages.append((compiled, tuple([positions[name] for name in names])))

    for level in levels:
        operands = {buffers[name]: expression.operand(name)[1] for name in level}
        computed = {buffer: x for buffer, x in operands.items() if x.name not in known}
        if computed:
            add_loop(computed)
        for name in level:
            function, x = expression.operand(name)
            source = buffers[name] if buffers[name] in computed else x.name
            stages.append((getattr(np, function), (positions[source], positions[name])))
        known += level
    if rest := {name: x for name, x in results.items() if buffers.get(x.name) != name}:
        add_loop(rest)
    if len(stages) == 1 and not (scratch or row or numbers):
        return Kernel(stages[0][0])  # NumPy's function alone
    return _kernel(stages, len(given), len(scratch), dtype, bool(row), len(numbers))


def _kernel(
    stages: list[Stage], given: int, scratch: int, dtype: np.dtype, row: bool, numbers: int
) -> Kernel:
    """The stages as a kernel; without a C function if the inner loop of one of NumPy's ufuncs is not found."""
    from .workqueue import call

    ufuncs = [function for function, _ in stages if isinstance(function, np.ufunc)]
    found = [ufunc_loop(ufunc, dtype) for ufunc in ufuncs]
    names = [f"x{i}" for i in range(given + scratch + row + numbers)]
    arguments = dict.fromkeys(names[:given], Argument(2 if row else 1, 0))
    if row:
        arguments[names[given + scratch]] = Argument(1, None)
    called: dict[str, Any] = {
        f"stage{i}": function for i, (function, _) in enumerate(stages) if function not in ufuncs
    }
    kernel = partitionable(
        _in_python(stages, given, scratch, row),
        dtype,
        arguments,
        list(_c_lines(stages, given, scratch, dtype)),
        called | {"call": call, "np": np},
        tuple(names[given + scratch + row :]),
    )
    return replace(
        kernel,
        c_function=None if None in found else kernel.c_function,
        inner_loops=tuple(chain(*[loop for loop in found if loop])),
    )


def _in_python(stages: list[Stage], given: int, scratch: int, row: bool) -> Callable[..., None]:
    """A function that runs the stages block by block, on `given` arrays and then the row and numbers."""
    calls = [(function, itemgetter(*positions)) for function, positions in stages]

    def run(*args: Any) -> None:
        whole, others = args[:given], args[given:]
        if not row and whole[0].ndim != 1:
            whole = tuple([x.reshape(-1) for x in whole])
        length, size = len(whole[0]), whole[0].size
        step = length if size <= BLOCK_ELEMENTS else max(1, BLOCK_ELEMENTS * length // size)
        work = [np.empty_like(whole[0][:step]) for _ in range(scratch)]
        for start in range(0, length, step or 1):
            block = [*whole, *work]
            if step < length:
                block = [x[start : start + step] for x in whole]
                block += [x[: len(block[0])] for x in work]
            block += others
            for function, arguments in calls:
                function(*arguments(block))

    return run


def _c_lines(stages: list[Stage], given: int, scratch: int, dtype: np.dtype) -> Iterator[str]:
    """The lines of the C function: the stages block by block, NumPy's ufuncs by the addresses of their inner loops.

    x0, x1, ... are the arrays; p0, p1, ... their parts in a block. An inner loop gets the addresses of `words`, in
    turn: where to read and where to write; the number of elements; the bytes between elements in both.
    """
    ufuncs = sum(isinstance(function, np.ufunc) for function, _ in stages)
    parts, size = [f"p{i}" for i in range(given + scratch)], dtype.itemsize
    yield f"loops = carray(data, {2 * ufuncs}, np.int64)"
    yield f"step = max(1, {C_BLOCK_ELEMENTS} * len(x0) // max(1, x0.size))"
    yield from (f"x{i} = np.empty_like(x0[:step])" for i in range(given, given + scratch))
    yield f"words = np.array([0, 0, 0, {size}, {size}], np.int64)"
    yield "at = words.ctypes.data"
    yield "for start in range(0, len(x0), step):"
    yield from (f"    p{i} = x{i}[start:start + step]" for i in range(given))
    yield from (f"    p{i} = x{i}[:len(p0)]" for i in range(given, given + scratch))
    found = 0
    for number, (function, positions) in enumerate(stages):
        terms = [parts[i] if i < len(parts) else f"x{i}" for i in positions]
        if isinstance(function, np.ufunc):
            x, y = terms
            yield f"    words[0], words[1], words[2] = {x}.ctypes.data, {y}.ctypes.data, {x}.size"
            yield f"    call(loops[{found}], at, at + 16, at + 24, loops[{found + 1}])"
            found += 2
        else:
            yield f"    stage{number}({', '.join(terms)})"


def _buffers(levels: list[list[str]], arrays: tuple[str, ...], results: dict[str, Symbol]) -> dict[str, str]:
    """{transcendental line: the buffer that it is written to}, a result's array or scratch memory of the same name.

    A result that overwrites an input gets the value at the end, once nothing reads that input any more.
    """
    buffers = {name: name for level in levels for name in level}
    for name, x in results.items():
        if x.name in buffers and (name not in arrays or len(results) == 1):
            buffers[x.name] = name
    return buffers
