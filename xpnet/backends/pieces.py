"""Large calls of a replayed step in pieces, on several cores at once, with the bits of the whole.

OpenBLAS's own threads wait for each other by spinning, and a product's last bits hang on their number. Here a product
is cut by columns or rows, each piece for one thread of BLAS, and only where the pieces give the bits of the whole:
that hangs on BLAS's kernel, and is tried out once for a shape. Whoever is free takes the next piece, so that a thread
whose core another program has holds up no more than the piece that it is at.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from queue import SimpleQueue
from threading import Thread
from typing import Any

import numpy as np

from ..typing import Shape

PRODUCT, PIECE = 2**24, 2**22
"""Multiply-adds of a product that is worth cutting, and of a piece at least."""
NUMBERS = 2**19
"""Numbers in the arrays of an update that are worth one."""
UNIT = 64
"""A piece has a multiple of so many rows and columns: BLAS works off a fraction at once."""

PRODUCTS = np.dot, np.matmul
Function = Callable[..., Any]
Arguments = tuple[Any, ...]
Call = Callable[[], Any]


def in_pieces(calls: Iterable[tuple[Function, Arguments]], cores: int) -> list[Call]:
    """The calls, in pieces on up to so many cores where they repay it.

    Neighbouring products that do not wait for each other, such as those of dx and dw, are one set of pieces.
    """
    found: list[list[Call]] = []
    products: list[Arguments] = []  # of the last set
    for function, args in calls:
        pieces = list(_pieces(function, args, cores)) if cores > 1 else []
        product = function in PRODUCTS and len(pieces) > 1
        if product and products and all(_apart(args, known) for known in products):
            found[-1] += pieces
        else:
            found.append(pieces if len(pieces) > 1 else [partial(function, *args)])
            products = []
        products += [args] if product else []
    return [partial(_together, pieces, cores) if len(pieces) > 1 else pieces[0] for pieces in found]


def _apart(first: Arguments, second: Arguments) -> bool:
    """Whether neither of two products (a, b, out) writes what the other one reads or writes."""
    pairs = [(first[-1], x) for x in second] + [(second[-1], x) for x in first]
    return not any(np.may_share_memory(*pair) for pair in pairs)


def _pieces(function: Function, args: Arguments, cores: int) -> Iterator[Call]:
    if function in PRODUCTS and args[0].ndim == args[1].ndim == 2:
        a, b, out = args
        work = math.prod(a.shape) * b.shape[1]
        most = 2 * cores if work >= PRODUCT else 1  # two for each core: not all of them are as quick
        count = min(most, work // PIECE)
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
    left, done = deque(pieces), SimpleQueue[BaseException | None]()
    for hand in _crew(cores - 1, os.getpid())[: len(pieces) - 1]:
        hand.put((left, done))
    _work(left, done)
    for error in [done.get() for _ in pieces]:
        if error is not None:
            raise error


def _work(left: deque[Call], done: SimpleQueue[BaseException | None]) -> None:
    """Takes pieces until none is left; for each, None goes to `done`, or its error."""
    while left:
        try:
            piece = left.popleft()
        except IndexError:  # another was quicker
            return
        try:
            piece()
        except BaseException as error:
            done.put(error)
        else:
            done.put(None)


@cache
def _crew(size: int, process: int) -> list[SimpleQueue[Any]]:
    """Where each of so many threads waits for work; a forked process has none of its parent's, and gets its own.

    From one queue for all they would be woken one after another, each by the one before.
    """

    def follow(hand: SimpleQueue[Any]) -> None:
        while True:
            _work(*hand.get())

    hands = [SimpleQueue[Any]() for _ in range(size)]
    for index, hand in enumerate(hands):
        Thread(target=follow, args=(hand,), name=f"xpnet-{index}", daemon=True).start()
    return hands
