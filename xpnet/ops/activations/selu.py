"""The self-normalising exponential linear unit."""

from __future__ import annotations

from ...namespace import namespace, replaceable
from ...typing import Array, Pullback

_ALPHA = 1.6732632423543772848170429916717
_SCALE = 1.0507009873554804934193349852946


@replaceable
def selu(x: Array, /) -> tuple[Array, Pullback]:
    """Scaled exponential linear unit.

    y = s x where x > 0, else s a (exp(x) - 1), s = 1.0507009873554805, a = 1.6732632423543772;
    dx = s dy where x > 0, else s a dy exp(x)
    With these constants a mean of 0 and a variance of 1 are a fixed point of deep networks.
    Source: Klambauer et al., 2017, arXiv:1706.02515.
    """
    xp = namespace(x)
    positive = x > 0
    below = xp.where(positive, 0.0, x)
    y = _SCALE * xp.where(positive, x, _ALPHA * xp.expm1(below))
    slope = xp.where(positive, _SCALE, _SCALE * _ALPHA * xp.exp(below))

    def pullback(dy: Array) -> tuple[Array]:
        return (dy * slope,)

    return y, pullback
