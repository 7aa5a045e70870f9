"""The adapter of natives of `linear`: they are written for matrices, and serve arrays of any number of axes."""

from __future__ import annotations

import math
from functools import wraps
from typing import Any

from ..namespace import namespace
from ..typing import Array, Op, Pullback


def as_matrix(linear: Op) -> Op:
    """The native with x (..., in) reshaped to (n, in), and y and dx reshaped back."""

    @wraps(linear)
    def op(
        x: Array, w: Array, b: Array | None = None, /, *, activation: Any = None, wants_dx: bool = True
    ) -> tuple[Array, Pullback]:
        shape = tuple(x.shape)
        if len(shape) < 3 or shape[-1] != w.shape[0]:
            return linear(x, w, b, activation=activation, wants_dx=wants_dx)
        reshape, rows = namespace(x).reshape, math.prod(shape[:-1])
        y, pull = linear(reshape(x, (rows, shape[-1])), w, b, activation=activation, wants_dx=wants_dx)

        def pullback(dy: Array) -> tuple[Array | None, ...]:
            dx, *rest = pull(reshape(dy, (rows, dy.shape[-1])))
            return (None if dx is None else reshape(dx, shape)), *rest

        return reshape(y, (*shape[:-1], y.shape[-1])), pullback

    return op
