"""Elementwise formulas on NumPy arrays as one compiled loop, through Numba (the extra `fast`).

An optimizer's rule, or an activation with its derivative, is the very function that every other backend calls on
whole arrays; here `elements` writes its expression down once, and Numba compiles a loop over it. Without `fastmath`
LLVM may not reorder or contract, and vectorises all the same once `error_model="numpy"` has lifted the check of
each division: so the loop gives the portable bits, at several times the speed (`ci/benchmarks/update.py`).
"""

from __future__ import annotations

import hashlib
from functools import cache, partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from .expression import Expression, Symbol
from .kernel import Kernel

Argument = tuple[int, int | None]
"""An array's rank in a loop, and the axis along which it may be cut; None where each part takes all of it."""


def available() -> bool:
    """Whether Numba is installed."""
    return find_spec("numba") is not None


def elementwise_kernel(
    expression: Expression,
    arrays: tuple[str, ...],
    results: dict[str, Symbol],
    dtype: np.dtype,
    numbers: tuple[str, ...] = (),
    row: str = "",
) -> Kernel:
    """A loop over contiguous arrays of one size, `arrays` to read and `results` to write, then numbers.

    Called with the arrays in this order, those that are only written last. Where an array is both, it is written
    in place: Numba then knows that nothing else aliases it. With `row`, the arrays are matrices, and an array with a
    number for each of their columns comes before the numbers.
    """
    given = [*arrays, *(name for name in results if name not in arrays)]
    every, at = [f"for i in range({given[0]}_.size):"], "[i]"
    if row:
        every, at = [f"for i in range({given[0]}_.shape[0]):", f"    for j in range({row}_.size):"], "[i, j]"
    each = [
        *(f"{name} = {name}_{at}" for name in arrays),
        *([f"{row} = {row}_[j]"] if row else []),
        *expression.emit(results.values(), [*arrays, row, *numbers]),
        *(f"{name}_{at} = {expression.name(element)}" for name, element in results.items()),
    ]
    lines = [*([] if row else [f"{name}_ = {name}_.ravel()" for name in given]), *every]
    lines += [f"{'    ' * len(every)}{line}" for line in each]
    parameters = [*(f"{name}_" for name in (*given, row) if name), *numbers]
    compiled = compile_function(parameters, lines, scope(expression, dtype))
    empty = np.zeros(0, dtype)
    for shape in ((0, 0),) if row else ((0,), (0, 0)):
        rest = [empty] if row else []
        compiled(*[empty.reshape(shape)] * len(given), *rest, *[dtype.type(0)] * len(numbers))  # compiles
    arguments: dict[str, Argument] = {f"{name}_": (2 if row else 1, 0) for name in given}
    return partitionable(
        compiled, dtype, arguments | ({f"{row}_": (1, None)} if row else {}), numbers=numbers
    )


def contiguous(x: Any) -> Any:
    """x, or a copy of it whose rows lie one behind the other."""
    return x if x.flags.c_contiguous else x.copy()


def scope(expression: Expression, dtype: np.dtype) -> dict[str, Any]:
    """What a expression's lines call by name."""
    return {name: dtype.type(value) for name, value in expression.constants.items()} | {"sqrt": np.sqrt}


def compile_function(parameters: list[str], lines: list[str], names: dict[str, Any]) -> Any:
    """A function of these lines, compiled by Numba."""
    return jit(define(parameters, lines, names))


def partitionable(
    compiled: Any,
    dtype: np.dtype,
    arguments: dict[str, Argument],
    lines: list[str] | None = None,
    names: dict[str, Any] | None = None,
    numbers: tuple[str, ...] = (),
    consumes: bool = False,
) -> Kernel:
    """The kernel of a function that may be called on parts of its arrays, in Python and as a loop in C.

    lines: of the loop, where it is not just the function itself. numbers: those that it takes after the arrays, in C
    as one more array.
    """
    axes = *[axis for _, axis in arguments.values()], *[None for _ in numbers]
    arrays = {name: (dtype, rank) for name, (rank, _) in arguments.items()}
    arrays |= {"numbers": (dtype, 1)} if numbers else {}
    if lines is None:
        lines, names = [f"every({', '.join([*arguments, *numbers])})"], {"every": compiled}
    lines = [*(f"{name} = numbers[{i}]" for i, name in enumerate(numbers)), *lines]
    return Kernel(compiled, axes, cache(partial(cfunc, arrays, lines, names)), consumes=consumes)


def cfunc(
    arrays: dict[str, tuple[np.dtype, int]], lines: list[str], names: dict[str, Any] | None = None
) -> Any:
    """These lines as a loop in C of the form of NumPy's ufuncs, on arrays of these dtypes and ranks.

    Its dimensions are the lengths of the arrays that it is given, its steps the bytes from one row to the next. Of
    rank 1 they are flat. A matrix may be some columns of a wider one: it is as wide as that one here, and begins
    with those columns.
    """
    import numba

    word = numba.types.CPointer(numba.types.intp)
    form = numba.types.void(numba.types.CPointer(numba.types.voidptr), word, word, numba.types.voidptr)
    shapes = "dims[{0}] * steps[{0}] // {1}", "(dims[{0}], steps[{0}] // {1})"
    given = [
        f"{name} = carray(args[{i}], {shapes[rank - 1].format(i, dtype.itemsize)}, {dtype})"
        for i, (name, (dtype, rank)) in enumerate(arrays.items())
    ]
    kinds = {str(dtype): dtype.type for dtype, _ in arrays.values()}
    scope = {**(names or {}), **kinds, "carray": numba.carray}
    plain = define(["args", "dims", "steps", "data"], [*given, *lines], scope)
    return _with_disk_cache(partial(numba.cfunc, form, error_model="numpy"), plain)


def define(parameters: list[str], lines: list[str], names: dict[str, Any]) -> Any:
    """A function of these lines.

    Its name holds a hash of its text and constants, so that Numba's cache on disk never serves another.
    """
    text = "\n".join([f"({', '.join(parameters)}):", *(f"    {line}" for line in lines)])
    numbers = repr([(name, x if isinstance(x, np.generic) else x.__name__) for name, x in names.items()])
    name = f"loop_{hashlib.sha256((text + numbers).encode()).hexdigest()[:16]}"
    names = {**names, "__name__": __name__}
    exec(compile(f"def {name}{text}\n", __file__, "exec"), names)
    return names[name]


def jit(plain: Any) -> Any:
    """A function compiled for the types that it is called with, and kept on disk where a folder can be written."""
    import numba

    return _with_disk_cache(partial(numba.njit, nogil=True, error_model="numpy"), plain)


def _with_disk_cache(compiler: Any, plain: Any) -> Any:
    try:
        return compiler(cache=True)(plain)
    except RuntimeError:
        return compiler()(plain)
