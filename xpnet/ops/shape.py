"""Ops that move elements and change none."""

from __future__ import annotations

import math
from itertools import pairwise

from ..namespace import namespace
from ..typing import Array, Pullback


def flatten(x: Array, /) -> tuple[Array, Pullback]:
    """All axes but the first as one.

    y = reshape(x, (n, -1));  dx = reshape(dy, shape of x)
    x (n, ...) -> y (n, product of the other axes).
    """
    xp, shape = namespace(x), x.shape

    def pullback(dy: Array) -> tuple[Array]:
        return (xp.reshape(dy, shape),)

    return xp.reshape(x, (shape[0], math.prod(shape[1:]))), pullback


def concatenate(*arrays: Array) -> tuple[Array, Pullback]:
    """Arrays side by side along the last axis.

    y = (x_1 | x_2 | ...);  dx_k = the part of dy that x_k became
    x_k (..., c_k) -> y (..., sum of c_k).
    """
    xp = namespace(arrays[0])
    edges = [0]
    for x in arrays:
        edges.append(edges[-1] + x.shape[-1])

    def pullback(dy: Array) -> tuple[Array, ...]:
        return tuple(dy[..., start:stop] for start, stop in pairwise(edges))

    return xp.concat(arrays, axis=-1), pullback
