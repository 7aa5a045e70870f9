"""Gradient descent on a function of a point, with the path it took."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..errors import DivergedError
from ..namespace import namespace
from ..typing import Array
from .differences import as_floating, numerical_gradient


def gradient_descent(
    f: Callable[[Array], Any],
    x: Array,
    *,
    lr: float = 0.1,
    steps: int = 100,
    gradient: Callable[[Array], Array] | None = None,
) -> tuple[Array, Array]:
    """Walks downhill: (the point reached, the path there).

    x_(k+1) = x_k - lr df/dx(x_k)
    x float (...), the path (steps + 1, ...) from x to the point reached. `gradient(x)` gives the derivative
    where it is known; else it is numerical. DivergedError once a point is no longer finite.
    """
    return _walk(f, x, -1.0, lr, steps, gradient)


def gradient_ascent(
    f: Callable[[Array], Any],
    x: Array,
    *,
    lr: float = 0.1,
    steps: int = 100,
    gradient: Callable[[Array], Array] | None = None,
) -> tuple[Array, Array]:
    """Walks uphill: x_(k+1) = x_k + lr df/dx(x_k); else as `gradient_descent`."""
    return _walk(f, x, 1.0, lr, steps, gradient)


def _walk(
    f: Callable[[Array], Any],
    x: Array,
    sign: float,
    lr: float,
    steps: int,
    gradient: Callable[[Array], Array] | None,
) -> tuple[Array, Array]:
    if not isinstance(lr, int | float) or not 0 < lr < math.inf:
        raise ValueError(f"lr {lr!r} must be a finite number, more than 0")
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 0:
        raise ValueError(f"steps {steps!r} must be an integer, 0 or more")
    x = as_floating(x)
    xp = namespace(x)
    path = [x]
    for step in range(1, steps + 1):
        g = numerical_gradient(f, x) if gradient is None else gradient(x)
        if tuple(getattr(g, "shape", ())) != tuple(x.shape):
            raise ValueError(
                f"gradient gave {getattr(g, 'shape', g)}, the shape of x {tuple(x.shape)} was wanted"
            )
        x = x + (sign * lr) * g
        path.append(x)
        if not bool(xp.all(xp.isfinite(x))):
            raise DivergedError(
                f"step {step} of {steps} left all finite numbers: use a smaller lr than {lr:g}"
            )
    return x, xp.stack(path)
