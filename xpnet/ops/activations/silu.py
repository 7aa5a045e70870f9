"""The sigmoid linear unit, or swish."""

from __future__ import annotations

from ...namespace import replaceable
from ...typing import Array, Pullback
from .sigmoid import sigmoid


@replaceable
def silu(x: Array, /) -> tuple[Array, Pullback]:
    """Sigmoid linear unit, also called swish.

    y = x s, s = 1 / (1 + exp(-x));  dx = dy s (1 + x (1 - s))
    Source: Hendrycks, Gimpel, 2016, arXiv:1606.08415; Ramachandran et al., 2017, arXiv:1710.05941.
    """
    s, _ = sigmoid(x)

    def pullback(dy: Array) -> tuple[Array]:
        return (dy * (s * (1.0 + x * (1.0 - s))),)

    return x * s, pullback
