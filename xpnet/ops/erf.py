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
_TAIL = (-6.63613627087004979e-11, -2.15867244329260987e-09, -2.05956021403689681e-10, 2.66893494451136072e-08,
         1.89922483216737537e-08, -2.05621175584927057e-07, -3.56236604332617538e-07, 1.16868620558106181e-06,
         4.71536834474533832e-06, -9.06190428265910966e-07, -4.42032701640101717e-05, -1.13764054344862612e-04,
         7.02397339847800215e-05, 1.52801410097459030e-03, 6.59251333229525591e-03, 1.90953787041929536e-02,
         4.35027343102230776e-02, 8.27128969709722134e-02, 1.35213457828299410e-01, 1.93302175566272855e-01,
         2.44137182270220604e-01, 2.73998915250122932e-01)  # fmt: skip
"""(1 + a / 4) exp(a^2) erfc(a) for a >= 0 as a polynomial in (4 - a) / (4 + a), by Chebyshev's points, to 1e-15."""
_ZERO = 30.0
"""From here erfc is 0 in float64."""


def erf(x: Array, /) -> tuple[Array, Pullback]:
    """Error function.

    y = erf(x);  dx = dy 2 / sqrt(pi) exp(-x^2)
    erf(x) is 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.
    Cody's rational function for |x| up to 0.46875, 1 - erfc(|x|) beyond: within 1e-15 of its value in float64.
    Source: W. J. Cody, 1969, Mathematics of Computation 23, 631-637; coefficients from his CALERF, netlib's specfun.
    """
    xp = namespace(x)
    small = xp.abs(x) <= _CORE
    near = xp.where(small, x, 0.0)  # before it is squared, which may overflow
    squared = near * near
    core = x * (_polynomial(_CORE_P, squared) / _polynomial(_CORE_Q, squared))
    rest, e = _erfc(xp.abs(x))
    y = xp.where(small, core, xp.where(x < 0, rest - 1.0, 1.0 - rest))

    def pullback(dy: Array) -> tuple[Array]:
        return (dy * (2.0 / math.sqrt(math.pi) * e),)

    return y, pullback


def normal(x: Array, /) -> tuple[Array, Array]:
    """The probability that a standard normal number is below x, (1 + erf(x / sqrt(2))) / 2, and its density at x.

    The probability of a very negative x keeps its digits, which 1 + erf would lose.
    """
    xp = namespace(x)
    rest, e = _erfc(xp.abs(x) * math.sqrt(0.5))
    positive = 0.5 + 0.5 * xp.sign(x)  # `where` costs NumPy and PyTorch more: its branches cannot be foretold
    return 0.5 * rest + positive * (1.0 - rest), e * (1.0 / math.sqrt(2.0 * math.pi))


def _erfc(size: Array) -> tuple[Array, Array]:
    """(1 - erf(a), exp(-a^2)) of a >= 0.

    Source: Shepherd, Laframboise, 1981, Mathematics of Computation 36, 249-253, for the change of variable.
    """
    xp = namespace(size)
    size = xp.where(size > _ZERO, _ZERO, size)
    e, t = xp.exp(-size * size), 4.0 / (4.0 + size)
    return e * (t * _polynomial(_TAIL, 2.0 * t - 1.0)), e


def _polynomial(coefficients: Sequence[float], x: Array) -> Array:
    """By Horner's rule, the highest power first."""
    value = coefficients[0] * x + coefficients[1]
    for coefficient in coefficients[2:]:
        value = value * x + coefficient
    return value
