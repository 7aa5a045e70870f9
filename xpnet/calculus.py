"""Numerical derivatives, and the check of a written derivative against them.

The step h trades two errors: the formula's, which shrinks with h, and roundoff's, eps / h, which grows. For
central differences the best h is about eps^(1/3) (6e-6 in float64, 5e-3 in float32) and leaves an error
of about eps^(2/3) (4e-11, 2e-5); for forward differences both are eps^(1/2) (1e-8, 3e-4). Left out, h is
that, times max(1, |x|).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import GradientError, unknown
from .namespace import device, namespace
from .typing import Array

METHODS = {"central": 1 / 3, "forward": 1 / 2}


def derivative(f: Callable[[Any], Any], x: Any, h: float | None = None, method: str = "central") -> Any:
    """Numerical derivative of a function of one number, at a number or at each element of an array.

    central: (f(x + h) - f(x - h)) / (2 h), error about h^2 f'''(x) / 6;
    forward: (f(x + h) - f(x)) / h, error about h f''(x) / 2
    ValueError for an unknown method, or an h too small for x's dtype to give more than noise.
    """
    x = float(x) if isinstance(x, int | float) else _floating(x)
    step = _step(x, h, method)
    if method == "forward":
        return (f(x + step) - f(x)) / step
    return (f(x + step) - f(x - step)) / (2 * step)


def numerical_gradient(f: Callable[[Array], Any], x: Array, h: float | None = None) -> Array:
    """Gradient of a scalar function of an array of any shape, by central differences.

    g_i = (f(x + h e_i) - f(x - h e_i)) / (2 h), e_i being 1 at element i and 0 elsewhere
    x float (...) -> g (...), of x's library, device and dtype; x is left as it is, f is called twice an element.
    """
    x = _floating(x)
    xp = namespace(x)
    size = int(np.prod(x.shape))
    step = xp.reshape(_step(x, h, "central") + xp.zeros_like(x), (size,))
    numbers = xp.arange(size, device=device(x))
    differences = []
    for i in range(size):
        shift = xp.reshape(xp.where(numbers == i, step, 0.0), x.shape)
        differences.append(_scalar(f(x + shift), x) - _scalar(f(x - shift), x))
    if not differences:
        return xp.zeros_like(x)
    return xp.reshape(xp.stack(differences) / (2 * step), x.shape)


def check_gradient(
    op: Callable[..., Any],
    *arrays: Array,
    tolerance: float = 1e-6,
    h: float | None = None,
    seed: int = 0,
    compile: Callable[..., Any] = lambda function: function,
    **options: Any,
) -> float:
    """Checks an op's pullback against central differences, element by element, for every array.

    For a random dy, the gradient of sum(dy y) by each array must be the pullback's cotangent, up to
    `tolerance` times the largest magnitude in it. Gives the largest relative error.
    `compile`, such as jax.jit, is applied to the function that the differences call again and again.
    GradientError names the array and its worst element. Use float64: in float32 the differences are only
    good to about 1e-4.
    """
    y, pullback = op(*arrays, **options)
    y = _value(y)
    xp = namespace(y)
    drawn = np.random.default_rng([seed, 0xD7]).standard_normal(tuple(y.shape))
    dy = xp.asarray(drawn, dtype=y.dtype, device=device(y))
    objective = compile(lambda *changed: xp.sum(_value(op(*changed, **options)[0]) * dy))
    worst = 0.0
    for k, (x, cotangent) in enumerate(zip(arrays, pullback(dy), strict=True)):

        def along(changed: Array, k: int = k) -> Array:
            return objective(*arrays[:k], changed, *arrays[k + 1 :])

        numerical = numerical_gradient(along, x, h)
        worst = max(worst, compare_gradients(cotangent, numerical, f"argument {k}", tolerance))
    return worst


def compare_gradients(written: Array, numerical: Array, what: str, tolerance: float) -> float:
    """The largest error relative to the largest magnitude; GradientError above the tolerance."""
    if tuple(written.shape) != tuple(numerical.shape):
        raise GradientError(
            f"{what}: the cotangent is {tuple(written.shape)}, wanted is {tuple(numerical.shape)}"
        )
    if 0 in written.shape:
        return 0.0
    xp = namespace(written)
    error = xp.reshape(xp.abs(written - numerical), (-1,))
    scale = max(float(xp.max(xp.abs(numerical))), float(xp.max(xp.abs(written))), 1e-12)
    place = int(xp.argmax(error))
    relative = float(error[place]) / scale
    if not relative <= tolerance:
        index = tuple(int(i) for i in np.unravel_index(place, written.shape))
        raise GradientError(
            f"{what}: at element {index} the pullback gives {float(xp.reshape(written, (-1,))[place]):.8g}, "
            f"the numerical derivative {float(xp.reshape(numerical, (-1,))[place]):.8g} "
            f"(relative error {relative:.1e}, allowed {tolerance:.0e})"
        )
    return relative


def _step(x: Any, h: float | None, method: str) -> Any:
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    if isinstance(x, float):
        eps, larger, name = float(np.finfo(float).eps), max(1.0, abs(x)), "float64"
    else:
        xp = namespace(x)
        eps, name = float(xp.finfo(x.dtype).eps), str(x.dtype)
        larger = xp.where(xp.abs(x) > 1, xp.abs(x), 1.0)
    if h is None:
        return eps ** METHODS[method] * larger
    if not h > 0:
        raise ValueError(f"h {h!r} must be more than 0")
    if h < 8 * eps * (larger if isinstance(larger, float) else 1.0):
        raise ValueError(
            f"h {h!r} is lost in the roundoff of x in {name}: leave it out, or give a larger one"
        )
    if eps > 1e-10 and h < eps**0.5:
        raise ValueError(
            f"h {h!r} is too small for {name}, whose roundoff would be {eps / h:.0e} of the result: "
            f"pass x as float64, or leave h out"
        )
    return h


def _floating(x: Array) -> Array:
    xp = namespace(x)
    return x if xp.isdtype(x.dtype, "real floating") else xp.astype(x, xp.asarray(0.0).dtype)


def _value(y: Any) -> Array:
    """The value of an op, without a statistic that comes beside it."""
    return y[0] if isinstance(y, tuple) else y


def _scalar(value: Any, x: Array) -> Array:
    """f's value as a 0-d array of x's kind."""
    if isinstance(value, int | float):
        return namespace(x).asarray(value, dtype=x.dtype, device=device(x))
    return namespace(value).reshape(value, ())
