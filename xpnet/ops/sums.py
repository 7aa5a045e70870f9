"""Sums and means over many rows, which keep float32's digits however many there are.

NumPy adds the rows of a matrix one after another: of a million positive float32 rows the 5th digit is lost. Libraries
that add in a tree keep all seven. Here a long sum is a product with ones for each block of rows, which BLAS finishes
sooner, too, and the sums of the blocks are added eight by eight.
"""

from __future__ import annotations

import math
from typing import Any

from ..namespace import adds_in_a_tree, device
from ..typing import Array

LONG = 1024
"""Rows from which on a sum is cut into blocks; one row after another is off by 1e-6 there, relative to the terms."""
BLOCK = 256


def sum_rows(xp: Any, x: Array, *, long: int = LONG) -> Array:
    """The sum over the last axis but one: x (..., n, c) -> (..., c)."""
    *batch, n, c = x.shape
    if n <= long or adds_in_a_tree(x):
        return xp.sum(x, axis=-2)
    blocks = n // BLOCK
    ones = xp.ones((1, BLOCK), dtype=x.dtype, device=device(x))
    cut = xp.reshape(x[..., : blocks * BLOCK, :], (*batch, blocks, BLOCK, c))
    parts = xp.reshape(ones @ cut, (*batch, blocks, c))
    while (count := parts.shape[-2]) > 8:
        eights = xp.reshape(parts[..., : count // 8 * 8, :], (*batch, count // 8, 8, c))
        parts = xp.concat([xp.sum(eights, axis=-2), parts[..., count // 8 * 8 :, :]], axis=-2)
    total = xp.sum(parts, axis=-2)
    return total if blocks * BLOCK == n else total + xp.sum(x[..., blocks * BLOCK :, :], axis=-2)


def sum_over_batch(xp: Any, x: Array, *, kept: int = 1, long: int = LONG) -> Array:
    """The sum over all axes but the last `kept`; in blocks from more than `long` rows on."""
    first = x.ndim - kept
    rows, c = math.prod(x.shape[:first]), math.prod(x.shape[first:])
    if rows <= long:
        return xp.sum(x, axis=tuple(range(first)))
    return xp.reshape(sum_rows(xp, xp.reshape(x, (rows, c)), long=long), x.shape[first:])


def mean_over_batch(xp: Any, x: Array) -> Array:
    """The mean over all axes but the last."""
    rows = math.prod(x.shape[:-1])
    return sum_over_batch(xp, x) / rows if rows > LONG else xp.mean(x, axis=tuple(range(x.ndim - 1)))


def mean_rows(xp: Any, x: Array) -> Array:
    """The mean over the last axis but one: x (..., n, c) -> (..., c)."""
    return sum_rows(xp, x) / x.shape[-2] if x.shape[-2] > LONG else xp.mean(x, axis=-2)
