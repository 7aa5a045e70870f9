"""Large calls of a replayed step in pieces, on several cores at once, with the bits of the whole.

OpenBLAS's own threads wait for each other by spinning, and a product's last bits hang on their number. Here a product
is cut by columns or rows, each piece for one thread of BLAS, and only where the pieces give the bits of the whole:
that hangs on BLAS's kernel, and is tried out once for a shape. Whoever is free takes the next piece, so that a thread
whose core another program has holds up no more than the piece that it is at.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from functools import cache, partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import numpy as np

from ..typing import Shape

PRODUCT = 2**25
"""Multiply-adds of a product that are worth a piece of their own."""
NUMBERS = 2**16
"""Parameters whose update is worth a piece of its own."""
UNIT = 64
"""A piece has a multiple of so many rows and columns: BLAS works off a fraction at once."""

Call = Callable[[], Any]


def in_pieces(function: Callable[..., Any], args: tuple[Any, ...], cores: int) -> Call:
    """The call, in pieces on up to so many cores where they repay it."""
    pieces = list(_pieces(function, args, cores)) if cores > 1 else []
    return partial(_together, pieces, cores) if len(pieces) > 1 else partial(function, *args)


def _pieces(function: Callable[..., Any], args: tuple[Any, ...], cores: int) -> Iterator[Call]:
    if function in (np.dot, np.matmul) and args[0].ndim == args[1].ndim == 2:
        a, b, out = args
        count = min(cores, math.prod(a.shape) * b.shape[1] // PRODUCT)
        for rows, columns in _cuts(a.shape, b.shape, _order(a), _order(b), a.dtype.char, b.dtype.char, count):
            yield partial(np.matmul, a[rows], b[:, columns], out[rows, columns])
    elif getattr(function, "each_by_itself", False):
        numbers, *arrays = args
        count = min(cores, sum(x.size for x in arrays) // NUMBERS)
        for index in range(count):
            cuts = [slice(len(x) * index // count, len(x) * (index + 1) // count) for x in arrays]
            yield partial(function, numbers, *[x[part] for x, part in zip(arrays, cuts, strict=True)])


@cache
def _cuts(
    a: Shape, b: Shape, order_a: Any, order_b: Any, dtype_a: str, dtype_b: str, count: int
) -> list[tuple[slice, slice]]:
    """The rows and columns of each of so many pieces of a product; none where no pieces give its bits."""
    if count < 2 or dtype_a != dtype_b:
        return []
    rng = np.random.default_rng(0)
    x = np.asarray(rng.standard_normal(a), dtype_a, order=order_a)
    y = np.asarray(rng.standard_normal(b), dtype_b, order=order_b)
    whole = x @ y
    for across in sorted({1, 2, count}):  # columns first: to BLAS each piece of rows costs a look at all of b
        rows, columns = _parts(a[0], across, UNIT), _parts(b[1], count // across, UNIT)
        found = [(i, j) for i in rows for j in columns]
        if len(found) > 1 and all(np.array_equal(x[i] @ y[:, j], whole[i, j]) for i, j in found):
            return found
    return []


def _parts(size: int, count: int, unit: int) -> list[slice]:
    step = -(-size // count // unit) * unit
    return [slice(start, min(start + step, size)) for start in range(0, size, step)]


def _order(x: np.ndarray) -> str:
    return "C" if x.flags.c_contiguous else "F"


def _together(pieces: list[Call], cores: int) -> None:
    """Makes all the calls, here and on the threads of the crew; the first error is raised once all have ended."""
    done: SimpleQueue[BaseException | None] = SimpleQueue()
    tasks = _crew(cores - 1, os.getpid())
    for piece in pieces[1:]:
        tasks.put((piece, done))
    errors = [_tried(pieces[0])]
    while True:
        try:
            piece, other = tasks.get_nowait()
        except Empty:
            break
        other.put(_tried(piece))
    errors += [done.get() for _ in pieces[1:]]
    for error in filter(None, errors):
        raise error


def _tried(piece: Call) -> BaseException | None:
    try:
        piece()
    except BaseException as error:
        return error
    return None


@cache
def _crew(size: int, process: int) -> SimpleQueue[Any]:
    """Where threads wait for pieces; a forked process has none of its parent's, and gets its own."""
    tasks: SimpleQueue[Any] = SimpleQueue()

    def work() -> None:
        while True:
            piece, done = tasks.get()
            done.put(_tried(piece))
            del piece, done

    for index in range(size):
        Thread(target=work, name=f"xpnet-{index}", daemon=True).start()
    return tasks
