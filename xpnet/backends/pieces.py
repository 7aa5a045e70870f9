"""Large calls of a replayed step in pieces, on several cores at once, with the bits of the whole.

OpenBLAS's own threads wait for each other by spinning, and a product's last bits hang on their number. Here a product
is cut by columns or rows, each piece for one thread of BLAS, and only where the pieces give the bits of the whole:
that hangs on BLAS's kernel, and is tried out once for a shape. Whoever is free takes the next piece, so that a thread
whose core another program has holds up no more than the piece that it is at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import Any

import numpy as np

from ..typing import Shape
from .crew import Hands, together
from .loops import PRODUCTS, Piece, gather

PIECE, BY_PYTHON = 2**21, 2**23
"""The work of a piece at least, in multiply-adds, some 20 microseconds; and where Python hands it out."""
NUMBER, FAR = 2**4, 2**6
"""The work of reading or writing a number, and one that may lie anywhere in memory."""
UNIT = 64
"""A piece has a multiple of so many rows and columns: BLAS works off a fraction at once."""

Arguments = tuple[Any, ...]


def in_pieces(calls: Iterable[Piece], hands: Hands) -> list[Callable[[], Any]]:
    """The calls, in pieces where these hands repay it.

    Neighbouring products that do not wait for each other, such as those of dx and dw, are one set of pieces.
    """
    found: list[tuple[list[Piece], int]] = []  # pieces, and the work of them all
    products: list[Arguments] = []  # of the last set
    for function, args in calls:
        work = _work(function, args) if hands.cores > 1 else 0
        # two for each core, for not all of them are as quick
        count = min(2 * hands.cores, work // (PIECE if hands.compiled else BY_PYTHON))
        pieces = list(_pieces(function, args, count)) if count > 1 else []
        product = function in PRODUCTS and len(pieces) > 1
        if product and products and all(_apart(args, known) for known in products):
            found[-1] = found[-1][0] + pieces, found[-1][1] + work
        else:
            found.append((pieces if len(pieces) > 1 else [(function, args)], work))
            products = []
        products += [args] if product else []
    return [
        together(pieces, work, hands) if len(pieces) > 1 else partial(pieces[0][0], *pieces[0][1])
        for pieces, work in found
    ]


def _apart(first: Arguments, second: Arguments) -> bool:
    """Whether neither of two products (a, b, out) writes what the other one reads or writes."""
    pairs = [(first[-1], x) for x in second] + [(second[-1], x) for x in first]
    return not any(np.may_share_memory(*pair) for pair in pairs)


def _work(function: Callable[..., Any], args: Arguments) -> int:
    """The work of a call that can be cut, in multiply-adds; 0 of any other."""
    if function in PRODUCTS and args[0].ndim == args[1].ndim == 2:
        a, b, out = args
        return math.prod(a.shape) * b.shape[1] + NUMBER * (a.size + b.size + out.size)
    if function is gather and args[0].flags.c_contiguous:
        return FAR * args[-1].size
    return NUMBER * sum(x.size for x in args) if getattr(function, "each_by_itself", False) else 0


def _pieces(function: Callable[..., Any], args: Arguments, count: int) -> Iterator[Piece]:
    if function in PRODUCTS:
        a, b, out = args
        for rows, columns in _cuts(a.shape, b.shape, _order(a), _order(b), a.dtype.char, b.dtype.char, count):
            yield np.matmul, (a[rows], b[:, columns], out[rows, columns])
    else:  # the first argument is for all of them
        for index in range(count):
            cuts = [slice(len(x) * index // count, len(x) * (index + 1) // count) for x in args[1:]]
            yield function, (args[0], *[x[part] for x, part in zip(args[1:], cuts, strict=True)])


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
