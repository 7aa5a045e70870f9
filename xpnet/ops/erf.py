"""The error function and the normal distribution made of it, in standard functions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..namespace import namespace
from ..typing import Array, Pullback

_CORE = 0.46875
_CORE_P = (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2,
           3.20937758913846947e3)  # fmt: skip
_CORE_Q = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
_FLANK = 4.0
_FLANK_P = (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
            2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
            1.23033935479799725e3)  # fmt: skip
_FLANK_Q = (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
            3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3)  # fmt: skip
_TAIL_P = (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
           1.60837851487422766e-2, 6.58749161529837803e-4)  # fmt: skip
_TAIL_Q = (1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
           2.33520497626869185e-3)  # fmt: skip
_ZERO = 30.0
"""From here erfc is 0 in float64."""


def erf(x: Array, /) -> tuple[Array, Pullback]:
    """Error function.

    y = 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x;  dx = dy 2 / sqrt(pi) exp(-x^2)
    Cody's three rational functions, for |x| up to 0.46875, up to 4 and beyond: within 1e-15 of its value in float64.
    Source: W. J. Cody, 1969, Mathematics of Computation 23, 631-637; coefficients from his CALERF, netlib's specfun.
    """
    xp = namespace(x)
    small, core, rest = _parts(x)
    y = xp.where(small, core, xp.where(x < 0, rest - 1.0, 1.0 - rest))

    def pullback(dy: Array) -> tuple[Array]:
        return (dy * (2.0 / math.sqrt(math.pi) * xp.exp(-x * x)),)

    return y, pullback


def normal_cdf(x: Array, /) -> Array:
    """The probability that a standard normal number is below x, (1 + erf(x / sqrt(2))) / 2.

    That of a very negative x keeps its digits, which 1 + erf would lose.
    """
    xp = namespace(x)
    small, core, rest = _parts(x * math.sqrt(0.5))
    return 0.5 * xp.where(small, 1.0 + core, xp.where(x < 0, rest, 2.0 - rest))


def _parts(x: Array) -> tuple[Array, Array, Array]:
    """(whether |x| is small, erf(x) where it is, 1 - erf(|x|) where it is not)."""
    xp = namespace(x)
    size = xp.abs(x)
    small = size <= _CORE
    near = xp.where(small, x, 0.0)  # before it is squared, which may overflow
    squared = near * near
    core = x * (_polynomial(_CORE_P, squared) / _polynomial(_CORE_Q, squared))
    size = xp.where(size > _ZERO, _ZERO, size)
    near = xp.where(size > _FLANK, _FLANK, size)
    flank = _polynomial(_FLANK_P, near) / _polynomial(_FLANK_Q, near)
    far = xp.where(size < _FLANK, _FLANK, size)
    squared = 1.0 / (far * far)
    tail = squared * (_polynomial(_TAIL_P, squared) / _polynomial(_TAIL_Q, squared))
    scaled = xp.where(size > _FLANK, (1.0 / math.sqrt(math.pi) - tail) / far, flank)
    return small, core, xp.exp(-size * size) * scaled


def _polynomial(coefficients: Sequence[float], x: Array) -> Array:
    """By Horner's rule, the highest power first."""
    value = coefficients[0] * x + coefficients[1]
    for coefficient in coefficients[2:]:
        value = value * x + coefficient
    return value
