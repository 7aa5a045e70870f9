"""Code generation: an expression becomes one loop over NumPy arrays, compiled by Numba (the extra `fast`).

NumPy computes an expression one operation at a time, and each one streams whole arrays through memory. A compiled
loop reads and writes each array once, which is several times as fast (`ci/benchmarks/update.py`).

The loop has the bits of NumPy's operations. Without `fastmath` LLVM may neither reorder operations nor contract a
product and a sum into one rounding. It vectorises the loop nevertheless, once `error_model="numpy"` has removed the
check of each division. Transcendental functions are not compiled (`blocked`).

The functions build on each other: `define` makes a Python function of lines of text, `jit` and `cfunc` compile one
for Python and for C, `partitionable` joins both in a `Kernel`, `elementwise_kernel` writes the lines of a loop.
"""

from __future__ import annotations

import hashlib
import warnings
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from .expression import Expression, Symbol
from .kernel import Kernel


class Argument(NamedTuple):
    """An array that a kernel takes: its rank in the loop, and the axis to partition it along, None to pass it whole."""

    rank: int
    axis: int | None


def elementwise_kernel(
    expression: Expression,
    arrays: tuple[str, ...],
    results: dict[str, Symbol],
    dtype: np.dtype,
    numbers: tuple[str, ...] = (),
    row: str = "",
) -> Kernel:
    """The kernel that computes `results` from `arrays` and numbers, element by element, in one loop.

    It is called with contiguous arrays of one size: `arrays`, then the results that are not among them, then the
    numbers. A result that is among `arrays` is written in place, and passed once: Numba then knows that no other
    argument aliases it. With `row` the arrays are matrices, and an array of one number for each column, named
    `row`, comes before the numbers.
    """
    given = [*arrays, *(name for name in results if name not in arrays)]
    heads, index = [f"for i in range({given[0]}_.size):"], "[i]"
    if row:
        heads = [f"for i in range({given[0]}_.shape[0]):", f"    for j in range({row}_.size):"]
        index = "[i, j]"
    body = [
        *(f"{name} = {name}_{index}" for name in arrays),
        *([f"{row} = {row}_[j]"] if row else []),
        *expression.emit(results.values(), [*arrays, row, *numbers]),
        *(f"{name}_{index} = {expression.name(result)}" for name, result in results.items()),
    ]
    lines = [*([] if row else [f"{name}_ = {name}_.ravel()" for name in given]), *heads]
    lines += [f"{'    ' * len(heads)}{line}" for line in body]
    parameters = [*(f"{name}_" for name in (*given, row) if name), *numbers]
    compiled = compile_function(parameters, lines, scope(expression, dtype))
    empty = np.zeros(0, dtype)
    for shape in ((0, 0),) if row else ((0,), (0, 0)):
        rest = [empty] if row else []
        compiled(*[empty.reshape(shape)] * len(given), *rest, *[dtype.type(0)] * len(numbers))  # compiles
    arguments = {f"{name}_": Argument(2 if row else 1, 0) for name in given}
    if row:
        arguments[f"{row}_"] = Argument(1, None)
    return partitionable(compiled, dtype, arguments, numbers=numbers)


def contiguous(x: Any) -> Any:
    """x, or a contiguous copy of it."""
    return x if x.flags.c_contiguous else x.copy()


def scope(expression: Expression, dtype: np.dtype) -> dict[str, Any]:
    """The names that an expression's lines use: its constants, in the arrays' dtype, and sqrt."""
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
    """The kernel of a function that may be called on parts of its arguments.

    lines: the body of its C function, which uses `names`; by default a call of the function itself.
    numbers: the names of the numbers that follow the arrays; the C function gets them in one more array.
    """
    axes = *[argument.axis for argument in arguments.values()], *[None for _ in numbers]
    arrays = {name: (dtype, argument.rank) for name, argument in arguments.items()}
    arrays |= {"numbers": (dtype, 1)} if numbers else {}
    if lines is None:
        lines, names = [f"compiled({', '.join([*arguments, *numbers])})"], {"compiled": compiled}
    lines = [*(f"{name} = numbers[{i}]" for i, name in enumerate(numbers)), *lines]
    return Kernel(compiled, axes, cache(partial(cfunc, arrays, lines, names)), consumes=consumes)


def cfunc(
    arrays: dict[str, tuple[np.dtype, int]], lines: list[str], names: dict[str, Any] | None = None
) -> Any:
    """A C function of these lines, in the form of NumPy's inner loops, on arrays of these dtypes and ranks.

    Its `dims` are the lengths of the arrays, its `steps` the bytes from one row to the next. An array of rank 1 is
    flat: all elements of its rows. A matrix that consists of the first columns of a wider one has the width of the
    wider one here, and the lines must use those columns only.
    """
    import numba

    word = numba.types.CPointer(numba.types.intp)
    form = numba.types.void(numba.types.CPointer(numba.types.voidptr), word, word, numba.types.voidptr)
    shapes = "dims[{0}] * steps[{0}] // {1}", "(dims[{0}], steps[{0}] // {1})"
    given = [
        f"{name} = carray(args[{i}], {shapes[rank - 1].format(i, dtype.itemsize)}, {dtype})"
        for i, (name, (dtype, rank)) in enumerate(arrays.items())
    ]
    dtypes = {str(dtype): dtype.type for dtype, _ in arrays.values()}
    scope = {**(names or {}), **dtypes, "carray": numba.carray}
    plain = define(["args", "dims", "steps", "data"], [*given, *lines], scope)
    return _with_disk_cache(partial(numba.cfunc, form, error_model="numpy"), plain)


def define(parameters: list[str], lines: list[str], names: dict[str, Any]) -> Any:
    """A Python function of these lines, which use `names`.

    Its name contains a hash of its text and names, by which Numba's cache on disk tells it from other functions.
    """
    text = "\n".join([f"({', '.join(parameters)}):", *(f"    {line}" for line in lines)])
    constants = repr([(name, x if isinstance(x, np.generic) else x.__name__) for name, x in names.items()])
    name = f"loop_{hashlib.sha256((text + constants).encode()).hexdigest()[:16]}"
    names = {**names, "__name__": __name__}
    exec(compile(f"def {name}{text}\n", __file__, "exec"), names)
    return names[name]


def jit(plain: Any) -> Any:
    """The function compiled by Numba for the types that it is called with; it releases Python's lock."""
    import numba

    return _with_disk_cache(partial(numba.njit, nogil=True, error_model="numpy"), plain)


def _with_disk_cache(compiler: Any, plain: Any) -> Any:
    """Compiles with Numba's cache on disk; without it where no folder can be written to, or the cache is damaged."""
    try:
        compiled = compiler(cache=True)(plain)
    except Exception:  # whatever reading a damaged file raises; an error of the function is raised again here
        return compiler()(plain)
    compiled._cache = ForgivingCache(compiled._cache)
    return compiled


class ForgivingCache:
    """A cache of Numba's that is left out where it is damaged or cannot be written: the function is compiled anew."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def load_overload(self, *args: Any) -> Any:
        try:
            return self._cache.load_overload(*args)
        except (
            Exception
        ) as error:  # of files that a full disk or a power cut has left: EOFError, UnpicklingError...
            return _warn_of_cache(self._cache.cache_path, f"{type(error).__name__}: {error}")

    def save_overload(self, *args: Any) -> None:
        try:
            self._cache.save_overload(*args)
        except Exception as error:
            _warn_of_cache(self._cache.cache_path, f"{type(error).__name__}: {error}")


_warned: set[str] = set()
"""The folders of which a warning has told."""


def _warn_of_cache(folder: str, reason: str) -> None:
    if folder not in _warned:
        _warned.add(folder)
        warnings.warn(
            f"numba's cache in {folder} is left out ({reason.strip().partition(chr(10))[0]}): its functions are "
            "compiled anew in each process; free the disk, or delete the folder",
            stacklevel=2,
        )
