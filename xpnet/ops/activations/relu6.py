"""The rectified linear unit that stops at 6."""

from __future__ import annotations

from ...namespace import namespace, replaceable
from ...typing import Array, Pullback


@replaceable
def relu6(x: Array, /) -> tuple[Array, Pullback]:
    """Rectified linear unit that stops at 6.

    y = min(max(x, 0), 6);  dx = dy where 0 < x < 6, else 0
    Source: Howard et al., 2017, arXiv:1704.04861, for arithmetic of few bits.
    """
    xp = namespace(x)
    y = xp.where(x <= 0, 0.0, xp.where(x >= 6, 6.0, x))

    def pullback(dy: Array) -> tuple[Array]:
        return (xp.where(y <= 0, 0.0, xp.where(y >= 6, 0.0, dy)),)

    return y, pullback
