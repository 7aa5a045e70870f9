"""Calls as C makes them: a table of loops, each with the addresses of its arrays, for `board`.

NumPy's ufuncs consist of such loops, and so they are NumPy's very own products that run here. Only two fields of a
ufunc are read, whose places NumPy's binary interface settles, and others beside them say whether they are there.
"""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from .kernel import Kernel

PRODUCTS = (np.dot, np.matmul)
Piece = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function and its arguments."""


def gather(x: np.ndarray, rows: np.ndarray, out: np.ndarray) -> Piece:
    """The call out_i = x_rows_i."""
    if x.flags.c_contiguous:
        return GATHER, (x, rows, 0, out, "clip")  # any other mode goes by way of a copy
    return _index, (x, rows, out)  # take would first copy all of x


def _index(x: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
    out[...] = x[rows]


class Loop(NamedTuple):
    """A loop in C, and the addresses, dimensions, steps and data that it is called with, for these arrays."""

    function: int
    args: np.ndarray
    dims: np.ndarray
    steps: np.ndarray
    data: np.ndarray
    arrays: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, function: int, arrays: tuple[np.ndarray, ...], dims: Any, steps: Any, data: Any = ()) -> Loop:
        """All that a loop is given is an address."""
        words = partial(np.array, dtype="intp")
        return cls(
            function, words([address(x) for x in arrays]), words(dims), words(steps), words(data), arrays
        )


class Table:
    """Loops, one row of addresses for each, last first: that is the order in which they are taken."""

    def __init__(self, loops: list[Loop]) -> None:
        self.loops, self.count = loops[::-1], len(loops)
        rows = [(loop.function, *map(address, loop[1:5])) for loop in self.loops]
        self.rows = np.array(rows, "int64")
        self.address = address(self.rows)


def table(pieces: Iterable[Piece]) -> Table | None:
    """The pieces as loops; None where one of them is none in C."""
    loops = [_loop(function, args) for function, args in pieces]
    found = [loop for loop in loops if loop is not None]
    return Table(found) if len(found) == len(loops) else None


def _loop(function: Any, args: tuple[Any, ...]) -> Loop | None:
    if function in PRODUCTS:
        return _product(*args)
    if not isinstance(function, Kernel) or function.c_function is None:
        return None
    arrays = tuple([x for x in args if isinstance(x, np.ndarray)])
    numbers = [x for x in args if isinstance(x, np.generic)]
    arrays += (np.array(numbers),) if numbers else ()
    lengths, steps = [len(x) for x in arrays], [_step(x) for x in arrays]
    return Loop.of(function.c_function().address, arrays, lengths, steps, function.inner_loops)


def _product(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> Loop | None:
    """NumPy's loop for out = a @ b."""
    found = ufunc_loop(np.matmul, out.dtype) if a.dtype == b.dtype == out.dtype else None
    if found is None or found[1]:
        return None
    dims, steps = (1, *a.shape, b.shape[1]), (0, 0, 0, *a.strides, *b.strides, *out.strides)
    return Loop.of(found[0], (a, b, out), dims, steps)


@cache
def _gather_loop() -> Any:
    """`GATHER` of bytes; a row that x has not is the nearest that it has."""
    from .codegen import c_loop

    arrays = {"x": ("uint8", 2), "rows": ("int64", 1), "out": ("uint8", 2)}
    lines = """\
for i in range(rows.size):
    row = min(max(rows[i], 0), x.shape[0] - 1)
    for j in range(out.shape[1]):
        out[i, j] = x[row, j]"""
    return c_loop({name: (np.dtype(kind), rank) for name, (kind, rank) in arrays.items()}, lines.splitlines())


GATHER = Kernel(np.ndarray.take, (None, 0, None, 0, None), _gather_loop)
"""take(x, rows, 0, out, mode): out_i = x_rows_i."""


def _step(x: np.ndarray) -> int:
    """The bytes from one row to the next; of a single row NumPy does not keep them."""
    return x.strides[0] if len(x) > 1 else math.prod(x.shape[1:]) * x.itemsize


def address(x: np.ndarray) -> int:
    """Where an array begins."""
    return x.__array_interface__["data"][0]


def giving_way() -> int:
    """The system's function by which a thread lets others have its core; it takes no arguments."""
    system = ctypes.CDLL("kernel32").SwitchToThread if os.name == "nt" else ctypes.CDLL(None).sched_yield
    return ctypes.cast(system, ctypes.c_void_p).value or 0


class _Ufunc(ctypes.Structure):
    """The beginning of NumPy's PyUFuncObject. Source: NumPy C-API, "Python types and C-structures"."""

    _fields_ = (
        ("nin", ctypes.c_int),
        ("nout", ctypes.c_int),
        ("nargs", ctypes.c_int),
        ("identity", ctypes.c_int),
        ("functions", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)),
        ("ntypes", ctypes.c_int),
    )


@cache
def ufunc_loop(ufunc: Any, dtype: np.dtype) -> tuple[int, int] | None:
    """Where a ufunc's loop for arrays of one dtype begins, and its data; None where it is not as it is known to be."""
    found = _Ufunc.from_address(id(ufunc) + object.__basicsize__)
    counts = found.nin, found.nout, found.nargs, found.ntypes
    kind = f"{dtype.char * ufunc.nin}->{dtype.char * ufunc.nout}"
    if counts != (ufunc.nin, ufunc.nout, ufunc.nargs, ufunc.ntypes) or kind not in ufunc.types:
        return None
    index = ufunc.types.index(kind)
    function, data = found.functions[index], found.data and found.data[index]
    return (function, data or 0) if function else None
