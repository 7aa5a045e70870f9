"""An op's value and slope as plain functions, to look at or to draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..namespace import namespace
from ..typing import Array, Op


def value(op: Op, /) -> Callable[..., Array]:
    """The op without its pullback: `value(relu)(x)` is y."""

    def function(*arrays: Array, **options: Any) -> Array:
        return op(*arrays, **options)[0]

    return function


def slope(op: Op, /) -> Callable[..., Array]:
    """The derivative of an elementwise op: `slope(relu)(x)` is dy/dx, one value per element.

    It is the pullback of ones: for an op that mixes elements, such as softmax, the column sums of its Jacobian
    and no slope. ValueError for an op that changes the shape.
    """

    def function(x: Array, /, **options: Any) -> Array:
        xp = namespace(x)
        y, pullback = op(x, **options)
        if y.shape != x.shape:
            raise ValueError(f"slope: the op takes {x.shape} to {y.shape}, so it is not elementwise")
        (dx,) = pullback(xp.ones_like(y))
        return dx

    return function
