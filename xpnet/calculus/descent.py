"""Gradient descent and ascent on a function of a point, with the path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..calls import checked
from ..data import check_finite
from ..errors import DivergedError, integer, require_function
from ..namespace import is_array, library, namespace
from ..typing import Array
from .differences import as_floating, numerical_gradient, positive, scalar


@checked
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
    x float (...), the path (steps + 1, ...) from x to the point reached. `gradient(x)` returns the derivative
    where it is known; else it is numerical. ValueError for an x that is not finite, DivergedError for a later
    point that is not.
    """
    return _walk(f, x, -1.0, lr, steps, gradient)


@checked
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
    lr = positive("lr", lr)
    steps = integer("steps", steps, "must be an integer, 0 or more", low=0)
    if gradient is not None:
        require_function("gradient", gradient, "x")
    x = as_floating(x)
    xp = namespace(x)
    check_finite(x)
    path = [x]
    for step in range(1, steps + 1):
        g = numerical_gradient(f, x) if gradient is None else _given(gradient(x), x)
        with np.errstate(over="ignore", invalid="ignore"):  # the check below reports it
            x = x + (sign * lr) * g
        path.append(x)
        if not bool(xp.all(xp.isfinite(x))):
            raise DivergedError(
                f"step {step} of {steps} left all finite numbers: use a smaller lr than {lr:g}, "
                "or start where f has a finite gradient"
            )
    return x, xp.stack(path)


def _given(g: Any, x: Array) -> Array:
    """The user's gradient in x's dtype: a wider one would promote x at the first step."""
    if isinstance(g, int | float) and x.ndim == 0:
        return scalar(g, x)
    if not is_array(g) or library(g) != library(x):
        came = f"an array of {library(g)}" if is_array(g) else f"a {type(g).__name__}"
        raise TypeError(f"gradient gave {came}, an array of {library(x)} was wanted, as x is")
    if tuple(g.shape) != tuple(x.shape):
        raise ValueError(f"gradient gave {tuple(g.shape)}, the shape of x {tuple(x.shape)} was wanted")
    return namespace(x).astype(g, x.dtype)
