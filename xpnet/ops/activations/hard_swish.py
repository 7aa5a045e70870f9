"""Swish with straight lines for its sigmoid."""

from __future__ import annotations

from ...namespace import namespace, replaceable
from ...typing import Array, Pullback


@replaceable
def hard_swish(x: Array, /) -> tuple[Array, Pullback]:
    """Swish with a piecewise linear sigmoid.

    y = x min(max(x + 3, 0), 6) / 6;  dx = 0 where x <= -3, dy where x >= 3, else dy (x / 3 + 1/2)
    Source: Howard et al., 2019, arXiv:1905.02244.
    """
    xp = namespace(x)
    low, high = x <= -3, x >= 3

    def pullback(dy: Array) -> tuple[Array]:
        return (xp.where(low, 0.0, xp.where(high, dy, dy * (x / 3.0 + 0.5))),)

    return xp.where(low, 0.0, xp.where(high, x, x * ((x + 3.0) / 6.0))), pullback
