"""Rows of a table by their ids."""

from __future__ import annotations

import math

from ..dtypes import countable
from ..namespace import device, namespace, replaceable
from ..typing import Array, Pullback

FEW = 256
"""The largest number of rows of a table whose derivative is computed by one product."""


def embedding(table: Array, /, *, ids: Array) -> tuple[Array, Pullback]:
    """The row of a table for each id.

    y_i = table[ids_i];  dtable[j] = sum_i (dy_i where ids_i = j, else 0)
    table (rows, features), ids (n, ...) int in [0, rows), checked by Model.fit and not here -> y (n, ..., features).
    """
    xp = namespace(table)
    rows, features = table.shape
    flat = xp.reshape(countable(ids), (math.prod(ids.shape),))
    y = xp.reshape(xp.take(table, flat, axis=0), (*ids.shape, features))

    def pullback(dy: Array) -> tuple[Array]:
        return (add_rows(xp.reshape(dy, (flat.shape[0], features)), ids=flat, rows=rows),)

    return y, pullback


@replaceable
def add_rows(x: Array, /, *, ids: Array, rows: int) -> Array:
    """Row j of the result is the sum of the rows of x whose id is j; x (n, features), ids (n,) -> (rows, features).

    For few rows it is one product with a one-hot matrix. For many, x is sorted by id, and each row adds the rows 1, 2,
    4, ... places before it that have the same id: about log2 n additions, with the rounding of pairwise summation,
    where differences of cumulative sums would lose digits.
    """
    xp, ids = namespace(x), countable(ids)
    n, place = x.shape[0], device(x)
    numbers = xp.arange(rows, dtype=ids.dtype, device=place)
    if rows <= FEW or n == 0:
        return xp.astype(numbers[:, None] == ids[None, :], x.dtype) @ x
    order = xp.argsort(ids, stable=True)
    ids, sums, step = xp.take(ids, order), xp.take(x, order, axis=0), 1
    while step < n:
        same = (ids[step:] == ids[:-step])[:, None]
        rest = sums[step:, :]
        sums = xp.concat([sums[:step, :], xp.where(same, rest + sums[:-step, :], rest)], axis=0)
        step *= 2
    last = xp.searchsorted(ids, numbers, side="right") - 1
    last = xp.where(last < 0, 0, last)
    found = xp.take(ids, last) == numbers
    return xp.where(found[:, None], xp.take(sums, last, axis=0), 0.0)
