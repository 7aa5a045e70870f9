"""Tasks: calls as a C program makes them, by the addresses of functions and arrays, for `workqueue`.

Several threads can run calls of Python's only one at a time, under Python's lock. A task needs no lock: it is a C
function of the form of NumPy's inner loops and the addresses of its arguments, the `struct Task` of numba's
workqueue.c. NumPy's matrix products are such functions too, so that NumPy's own code runs in a task. Its address is
read from the ufunc: two fields, whose places NumPy's binary interface fixes, and others beside them as a check.
"""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from .kernel import Kernel

PRODUCTS = (np.dot, np.matmul)
"""Called with (a, b, out); the task of both is matmul's inner loop."""
Invocation = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function and its arguments."""


def gather(x: np.ndarray, rows: np.ndarray, out: np.ndarray) -> Invocation:
    """The call out_i = x_rows_i."""
    if x.flags.c_contiguous:
        return GATHER, (x, rows, 0, out, "clip")  # any other mode copies by way of a buffer
    return _index, (x, rows, out)  # take would first copy all of x


def _index(x: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
    out[...] = x[rows]


class Task(NamedTuple):
    """One call of a C function of the form of NumPy's inner loops, as numba's workqueue.c has it.

    function: its address. args: the addresses of the arrays. dims: their lengths, or the dimensions of a product.
    steps: bytes from one row of an array to the next. data: further words that the function needs.
    """

    function: int
    args: np.ndarray
    dims: np.ndarray
    steps: np.ndarray
    data: np.ndarray

    @classmethod
    def of(cls, function: int, arrays: Sequence[np.ndarray], dims: Any, steps: Any, data: Any = ()) -> Task:
        """A task on these arrays, which its batch must keep alive."""
        words = partial(np.array, dtype="intp")
        return cls(function, words([address(x) for x in arrays]), words(dims), words(steps), words(data))


class TaskBatch:
    """Independent tasks, as a table in memory with one row of five addresses for each.

    The rows are in reverse order, because the last row is claimed first. alive: the arrays whose addresses are in the
    tasks; the batch keeps them from being freed.
    """

    def __init__(self, tasks: Sequence[Task], alive: Iterable[np.ndarray] = ()) -> None:
        self.tasks, self.alive, self.count = tasks[::-1], list(alive), len(tasks)
        self.table = np.array([(task.function, *map(address, task[1:])) for task in self.tasks], "int64")
        self.address = address(self.table)

    @classmethod
    def of(cls, calls: Iterable[Invocation]) -> TaskBatch | None:
        """The calls as tasks; None if one of them has no C function."""
        tasks: list[Task] = []
        alive: list[np.ndarray] = []
        for function, args in calls:
            arrays = _arrays(args)
            task = _product(*arrays) if function in PRODUCTS else _of_kernel(function, arrays)
            if task is None:
                return None
            tasks.append(task)
            alive += arrays
        return cls(tasks, alive)


def _arrays(args: tuple[Any, ...]) -> list[np.ndarray]:
    """The arrays among the arguments, then one array of all NumPy scalars if there are any."""
    arrays = [x for x in args if isinstance(x, np.ndarray)]
    numbers = [x for x in args if isinstance(x, np.generic)]
    return [*arrays, np.array(numbers)] if numbers else arrays


def _of_kernel(function: Any, arrays: list[np.ndarray]) -> Task | None:
    if not isinstance(function, Kernel) or function.c_function is None:
        return None
    lengths, steps = [len(x) for x in arrays], [_row_bytes(x) for x in arrays]
    return Task.of(function.c_function().address, arrays, lengths, steps, function.inner_loops)


def _product(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> Task | None:
    """The task of out = a @ b by NumPy's own inner loop."""
    found = ufunc_loop(np.matmul, out.dtype) if a.dtype == b.dtype == out.dtype else None
    if found is None or found[1]:
        return None
    dims, steps = (1, *a.shape, b.shape[1]), (0, 0, 0, *a.strides, *b.strides, *out.strides)
    return Task.of(found[0], (a, b, out), dims, steps)


@cache
def _gather_cfunc() -> Any:
    """`GATHER` of bytes; a row number out of range reads the nearest row that exists, as mode "clip" does."""
    from .codegen import cfunc

    arrays = {"x": ("uint8", 2), "rows": ("int64", 1), "out": ("uint8", 2)}
    lines = """\
for i in range(rows.size):
    row = min(max(rows[i], 0), x.shape[0] - 1)
    for j in range(out.shape[1]):
        out[i, j] = x[row, j]"""
    return cfunc({name: (np.dtype(kind), rank) for name, (kind, rank) in arrays.items()}, lines.splitlines())


GATHER = Kernel(np.ndarray.take, (None, 0, None, 0, None), _gather_cfunc)
"""take(x, rows, 0, out, mode): out_i = x_rows_i."""


def _row_bytes(x: np.ndarray) -> int:
    """The bytes from one row to the next; NumPy's stride of a single row may be anything."""
    return x.strides[0] if len(x) > 1 else math.prod(x.shape[1:]) * x.itemsize


def address(x: np.ndarray) -> int:
    """The address of an array's first element."""
    return x.__array_interface__["data"][0]


def sched_yield_address() -> int:
    """The address of the system's function, without arguments, by which a thread yields its core."""
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
    """(address of a ufunc's inner loop for a dtype, address of its data); None if the ufunc's fields do not check."""
    found = _Ufunc.from_address(id(ufunc) + object.__basicsize__)
    counts = found.nin, found.nout, found.nargs, found.ntypes
    kind = f"{dtype.char * ufunc.nin}->{dtype.char * ufunc.nout}"
    if counts != (ufunc.nin, ufunc.nout, ufunc.nargs, ufunc.ntypes) or kind not in ufunc.types:
        return None
    index = ufunc.types.index(kind)
    function, data = found.functions[index], found.data and found.data[index]
    return (function, data or 0) if function else None
