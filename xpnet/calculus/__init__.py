"""Numerical calculus: derivatives, gradients, tangents, descent, and the check of a written derivative.

A difference has two errors, and the step h trades one for the other: the formula's, which shrinks with h, and
roundoff's, about eps |f| / h, which grows. With |f| and its derivatives about 1:

| method  | formula's error | best h      | float64: h, error | float32: h, error | at h = 1e-4 in float64 |
|---------|-----------------|-------------|-------------------|-------------------|------------------------|
| central | h^2 f''' / 6    | eps^(1/3)   | 6e-6, 4e-11       | 5e-3, 2e-5        | 2e-9                   |
| forward | h f'' / 2       | eps^(1/2)   | 1e-8, 1e-8        | 3e-4, 3e-4        | 5e-5                   |

The default h is the best one times max(1, |x|). In float32 an h of 1e-4 gives a relative noise of 1e-3, so that a step
this small is an error there. A function that returns float32 for a float64 x is an error too.

A function of a point takes features last, as everywhere: x (d,) -> (), or x (..., d) -> (...) where it is
`vectorized`, such as `lambda x: x[..., 0] ** 2 + x[..., 1] ** 2`.
"""

from __future__ import annotations

from .checks import check_gradient, compare_gradients
from .descent import gradient_ascent, gradient_descent
from .differences import METHODS, derivative, numerical_gradient
from .tangents import Tangent, tangent

__all__ = [
    "METHODS",
    "Tangent",
    "check_gradient",
    "compare_gradients",
    "derivative",
    "gradient_ascent",
    "gradient_descent",
    "numerical_gradient",
    "tangent",
]


def __dir__() -> list[str]:
    return sorted(__all__)
