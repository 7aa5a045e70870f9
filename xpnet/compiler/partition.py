"""Partition: large calls of a replayed step become batches of tasks for several threads, with the bits of the whole.

The threads of OpenBLAS wait for each other by spinning, and the last bits of a product depend on their number. Here a
product is tiled by rows and columns, and each tile is one product of a single-threaded BLAS. Whether the tiles have
the bits of the whole depends on BLAS's kernel: OpenBLAS's for AVX2 computes 12 rows at a time and the rest in another
way, so that tiles of 12, 24, ... rows have the bits of the whole and tiles of 64 have not; others take any tile. The
unit of the kernel in use is found once on a small product. Then each tiling is tried once for a shape, and one that
has other bits is not used. Only products of few rows have none, fewer than 14 with that kernel: they stay whole.
Any other kernel is partitioned along the axes that it names: each element is computed as before.

There are two tasks for each thread. A free thread claims the next task, so that a thread whose core another program
has taken delays only the task that it is running.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from itertools import compress, pairwise, product
from typing import Any

import numpy as np

from ..typing import Shape
from .kernel import Kernel, unwrapped
from .task import GATHER, PRODUCTS, Invocation
from .threadpool import Parallelism, Thunk, bind_parallel

MIN_TASK_MACS = 2**21
"""Least cost of a task, in multiply-adds: some 20 microseconds."""
MIN_PYTHON_TASK_MACS = 2**23
"""The same where threads take their tasks under Python's lock."""
TASKS_PER_THREAD = 2
"""Threads are not equally fast: with several tasks each, the fast ones take more."""
COST_PER_ELEMENT = 2**4
"""Cost of an element streamed from or to memory, in multiply-adds."""
COST_PER_GATHER = 2**6
"""Cost of an element read from anywhere in memory, in multiply-adds."""
COST_PER_TRANSCENDENTAL = 2**8
"""Cost of an exp or another transcendental function, in multiply-adds."""
TILE_MULTIPLE = 64
"""Tiles have a multiple of this many columns, for BLAS computes a whole register block even of a part."""
ROW_UNITS = (TILE_MULTIPLE, 12, 48)
"""Tiles have a multiple of one of these numbers of rows: the first of which BLAS's kernel keeps the bits."""
UNIT_SAMPLE = (300, 96, 160)
"""m, k, n of the product on which a kernel's unit is found: no multiple of a unit, and beyond BLAS's small products."""

Arguments = tuple[Any, ...]


def partition(calls: Iterable[Invocation], parallelism: Parallelism) -> list[Thunk]:
    """The calls bound as thunks, in order; a call that costs enough runs as tasks on several threads.

    Neighbouring products that are independent of each other, such as those of dx and dw, are one batch of tasks.
    """
    batches: list[tuple[list[Invocation], int]] = []  # tasks, and their cost together
    products: list[Arguments] = []  # of the last batch
    for function, args in calls:
        cost = _cost(function, args) if parallelism.threads > 1 else 0
        least = MIN_TASK_MACS if parallelism.nogil else MIN_PYTHON_TASK_MACS
        count = min(TASKS_PER_THREAD * parallelism.threads, cost // least)
        tasks = list(_tasks(function, args, count)) if count > 1 else []
        is_product = function in PRODUCTS and len(tasks) > 1
        if is_product and products and all(_independent(args, other) for other in products):
            batches[-1] = batches[-1][0] + tasks, batches[-1][1] + cost
        else:
            batches.append((tasks if len(tasks) > 1 else [(function, args)], cost))
            products = []
        products += [args] if is_product else []
    return [
        bind_parallel(tasks, cost, parallelism)
        if len(tasks) > 1
        else partial(unwrapped(tasks[0][0]), *tasks[0][1])
        for tasks, cost in batches
    ]


def _independent(first: Arguments, second: Arguments) -> bool:
    """True if neither of two products (a, b, out) writes what the other one reads or writes."""
    pairs = [(first[-1], x) for x in second] + [(second[-1], x) for x in first]
    return not any(np.may_share_memory(*pair) for pair in pairs)


def _cost(function: Callable[..., Any], args: Arguments) -> int:
    """The cost of a call in multiply-adds; 0 if the call cannot be partitioned."""
    if function in PRODUCTS and all(x.ndim == 2 and x.flags.forc for x in args[:2]):
        a, b, out = args
        return math.prod(a.shape) * b.shape[1] + COST_PER_ELEMENT * (a.size + b.size + out.size)
    if function is GATHER:
        return COST_PER_GATHER * args[3].size
    if not isinstance(function, Kernel) or not function.axes:
        return 0
    transcendentals = args[0].size * len(function.inner_loops) // 2
    return COST_PER_ELEMENT * sum(x.size for x in args) + COST_PER_TRANSCENDENTAL * transcendentals


def _tasks(function: Callable[..., Any], args: Arguments, count: int) -> Iterator[Invocation]:
    """At most `count` calls that together do what the call does."""
    if function in PRODUCTS:
        a, b, out = args
        dtypes = a.dtype.char, b.dtype.char
        for rows, columns in _matmul_tiles(a.shape, b.shape, (_order(a), _order(b)), dtypes, count):
            yield np.matmul, (a[rows], b[:, columns], out[rows, columns])
    elif isinstance(function, Kernel):
        multiple = TILE_MULTIPLE if 1 in function.axes else 1
        split = [_split_array(x, axis, count, multiple) for x, axis in zip(args, function.axes, strict=True)]
        is_split = [axis is not None for axis in function.axes]
        for parts in zip(*split, strict=True):
            if any(x.size for x in compress(parts, is_split)):
                yield function, parts


def _split_array(x: Any, axis: int | None, count: int, multiple: int) -> list[Any]:
    """`count` parts of an array along an axis; all of it `count` times if the axis is None."""
    if axis is None:
        return [x] * count
    return [x[(slice(None),) * axis + (part,)] for part in _split_range(x.shape[axis], count, multiple)]


@cache
def _matmul_tiles(
    a: Shape, b: Shape, orders: tuple[Any, Any], dtypes: tuple[str, str], count: int
) -> list[tuple[slice, slice]]:
    """The rows and columns of each tile of a product; empty if no tiling has the bits of the whole."""
    if count < 2 or dtypes[0] != dtypes[1]:
        return []
    sample = _Product(a, b, orders, dtypes[0])
    units = sorted(ROW_UNITS, key=lambda unit: unit not in row_units(dtypes[0]))
    while count > 1:
        for unit in units:
            for rows, columns in _tilings(a, b, count, unit):
                tiles = [(i, j) for i in rows for j in columns]
                if sample.same_bits_in(tiles):
                    return tiles
        count -= count // 2  # few rows have few multiples of the unit: fewer tiles are better than one
    return []


@cache
def row_units(dtype: str) -> tuple[int, ...]:
    """The row units of BLAS's kernel in use: those of `ROW_UNITS` that keep the bits of a small product."""
    m, k, n = UNIT_SAMPLE
    samples = [_Product((m, k), (k, n), orders, dtype) for orders in product("CF", repeat=2)]

    def keeps_bits(unit: int) -> bool:
        tiles = [(rows, slice(None)) for rows in _split_range(m, 3, unit)]
        return all(sample.same_bits_in(tiles) for sample in samples)

    return tuple(filter(keeps_bits, ROW_UNITS))


class _Product:
    """A product of random matrices, as a whole and in tiles."""

    def __init__(self, a: Shape, b: Shape, orders: Iterable[Any], dtype: str) -> None:
        rng = np.random.default_rng(0)
        self.a, self.b = (
            np.asarray(rng.standard_normal(shape), dtype, order=order)
            for shape, order in zip((a, b), orders, strict=True)
        )
        self.whole = self.a @ self.b

    def same_bits_in(self, tiles: Iterable[tuple[slice, slice]]) -> bool:
        """True if each tile, computed alone, has the bits of the whole."""
        return all(np.array_equal(self.a[i] @ self.b[:, j], self.whole[i, j]) for i, j in tiles)


def _tilings(a: Shape, b: Shape, count: int, unit: int) -> list[tuple[list[slice], list[slice]]]:
    """Ranges of rows, in multiples of the unit, and of columns that make `count` tiles of a @ b, or half as many.

    That for which BLAS copies the fewest elements comes first: each tile packs its rows of a and its columns of b.
    """
    factors = [n for n in range(1, count + 1) if count % n == 0]
    ranges = [(_split_range(a[0], n, unit), _split_range(b[1], count // n, TILE_MULTIPLE)) for n in factors]
    tilings = [
        ([i for i in rows if i.start < i.stop], [j for j in columns if j.start < j.stop])
        for rows, columns in ranges
    ]
    enough = [(rows, columns) for rows, columns in tilings if 2 * len(rows) * len(columns) >= max(count, 3)]
    return sorted(enough, key=lambda tiling: len(tiling[1]) * math.prod(a) + len(tiling[0]) * math.prod(b))


def _split_range(size: int, count: int, multiple: int) -> list[slice]:
    """`count` slices of a range, each of a multiple of elements, as even as can be; the last takes what is left over.

    Slices are empty where the range has fewer multiples than `count`.
    """
    units = -(-size // multiple)
    bounds = [min(size, i * units // count * multiple) for i in range(count + 1)]
    return [slice(*pair) for pair in pairwise(bounds)]


def _order(x: np.ndarray) -> str:
    return "C" if x.flags.c_contiguous else "F"
