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
from itertools import compress, pairwise
from typing import Any

import numpy as np

from ..typing import Shape
from .kernel import Kernel, unwrapped
from .task import GATHER, PRODUCTS, Piece
from .threadpool import Hands, together

PIECE, BY_PYTHON = 2**21, 2**23
"""The work of a piece at least, in multiply-adds, some 20 microseconds; and where Python hands it out."""
NUMBER, FAR, EXP = 2**4, 2**6, 2**8
"""The work of reading or writing a number, of one that may lie anywhere in memory, and of an exp or its kin."""
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
        together(pieces, work, hands) if len(pieces) > 1 else partial(unwrapped(pieces[0][0]), *pieces[0][1])
        for pieces, work in found
    ]


def _apart(first: Arguments, second: Arguments) -> bool:
    """Whether neither of two products (a, b, out) writes what the other one reads or writes."""
    pairs = [(first[-1], x) for x in second] + [(second[-1], x) for x in first]
    return not any(np.may_share_memory(*pair) for pair in pairs)


def _work(function: Callable[..., Any], args: Arguments) -> int:
    """The work of a call that can be cut, in multiply-adds; 0 of any other."""
    if function in PRODUCTS and all(x.ndim == 2 and x.flags.forc for x in args[:2]):
        a, b, out = args
        return math.prod(a.shape) * b.shape[1] + NUMBER * (a.size + b.size + out.size)
    if function is GATHER:
        return FAR * args[3].size
    if not isinstance(function, Kernel) or not function.axes:
        return 0
    return NUMBER * sum(x.size for x in args) + EXP * args[0].size * len(function.inner_loops) // 2


def _pieces(function: Callable[..., Any], args: Arguments, count: int) -> Iterator[Piece]:
    if function in PRODUCTS:
        a, b, out = args
        for rows, columns in _cuts(a.shape, b.shape, _order(a), _order(b), a.dtype.char, b.dtype.char, count):
            yield np.matmul, (a[rows], b[:, columns], out[rows, columns])
    elif isinstance(function, Kernel):
        places = function.axes
        unit = UNIT if 1 in places else 1
        parts = [_parts(x, axis, count, unit) for x, axis in zip(args, places, strict=True)]
        cut = [axis is not None for axis in places]
        for piece in zip(*parts, strict=True):
            if any(x.size for x in compress(piece, cut)):
                yield function, piece


def _parts(x: Any, axis: int | None, count: int, unit: int) -> list[Any]:
    """So many parts along an axis; None: all of it, so many times."""
    if axis is None:
        return [x] * count
    return [x[(slice(None),) * axis + (part,)] for part in _slices(x.shape[axis], count, unit)]


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
    for rows, columns in _grids(a, b, count):
        cuts = [(i, j) for i in rows for j in columns]
        if all(np.array_equal(x[i] @ y[:, j], whole[i, j]) for i, j in cuts):
            return cuts
    return []


def _grids(a: Shape, b: Shape, count: int) -> list[tuple[list[slice], list[slice]]]:
    """The rows and columns to cut a product at, into so many pieces or, by the unit, at least half as many.

    First that for which BLAS copies the fewest numbers: for each piece it lays out anew its rows of a and its
    columns of b.
    """
    across = [n for n in range(1, count + 1) if count % n == 0]
    cut = [(_slices(a[0], n, UNIT), _slices(b[1], count // n, UNIT)) for n in across]
    grids = [
        ([i for i in rows if i.start < i.stop], [j for j in columns if j.start < j.stop])
        for rows, columns in cut
    ]
    enough = [(rows, columns) for rows, columns in grids if 2 * len(rows) * len(columns) >= max(count, 3)]
    return sorted(enough, key=lambda grid: len(grid[1]) * math.prod(a) + len(grid[0]) * math.prod(b))


def _slices(size: int, count: int, unit: int) -> list[slice]:
    """So many parts of a length, of a multiple of the unit each; the last ones have what is left, or nothing."""
    step = -(-size // count // unit) * unit
    bounds = [min(size, i * step) for i in range(count + 1)]
    return [slice(*pair) for pair in pairwise(bounds)]


def _order(x: np.ndarray) -> str:
    return "C" if x.flags.c_contiguous else "F"
