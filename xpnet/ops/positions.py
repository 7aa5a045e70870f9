"""Encodings of position: sines, or rows of a table, added to a sequence."""

from __future__ import annotations

import math

from ..dtypes import counting, shortened
from ..namespace import device, namespace
from ..typing import Array, Pullback
from .sums import sum_over_batch


def positional_encoding(x: Array, /, *, base: float = 10000.0) -> tuple[Array, Pullback]:
    """Sines and cosines of the position added, whose waves grow longer from feature to feature.

    y = x + e, e[t, 2 i] = sin(t base^(-2 i / c)), e[t, 2 i + 1] = cos(t base^(-2 i / c)), c = size(x_t);  dx = dy
    x (..., time, c). Source: Vaswani et al., 2017, arXiv:1706.03762.
    """
    if x.ndim < 2 or not base > 0:
        raise ValueError(
            f"positional_encoding: x {tuple(x.shape)} must be (..., time, features), and base {base} above 0"
        )
    xp, (time, c) = namespace(x), x.shape[-2:]
    there = {"dtype": counting(xp, x.dtype), "device": device(x)}
    waves = xp.exp(xp.arange((c + 1) // 2, **there) * (-2.0 * math.log(base) / c))
    angles = xp.arange(time, **there)[:, None] * waves
    pairs = xp.stack([xp.sin(angles), xp.cos(angles)], axis=-1)
    encoding = xp.reshape(pairs, (time, 2 * waves.shape[0]))[:, :c]
    return x + shortened(encoding, x.dtype), lambda dy: (dy,)


def position_embedding(x: Array, table: Array, /) -> tuple[Array, Pullback]:
    """The rows of a table added, one for each position.

    y_nt = x_nt + table_t;  dx = dy, dtable_t = sum_n dy_nt
    x (n, time, c), table (length, c), length >= time; dtable is 0 for positions that x does not have.
    """
    if (x.ndim, table.ndim) != (3, 2) or table.shape[0] < x.shape[1] or table.shape[1] != x.shape[2]:
        raise ValueError(
            f"position_embedding: x {tuple(x.shape)} must be (n, time, features), and the table {tuple(table.shape)} "
            "(length, features) with a row for each time"
        )
    xp, (_, time, c) = namespace(x), x.shape
    rest = (table.shape[0] - time, c)

    def pullback(dy: Array) -> tuple[Array, Array]:
        dtable = sum_over_batch(xp, dy, kept=2)
        if rest[0]:
            dtable = xp.concat([dtable, xp.zeros(rest, dtype=dy.dtype, device=device(dy))], axis=0)
        return dy, dtable

    return x + (table[:time, :] if rest[0] else table), pullback
