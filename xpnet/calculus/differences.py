"""Numerical derivatives and gradients by finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..calls import checked
from ..data import check_numbers
from ..dtypes import in_numpy_format
from ..errors import choose, number, require_function
from ..namespace import device, is_array, namespace
from ..typing import Array

METHODS = {"central": 1 / 3, "forward": 1 / 2}
"""The exponent p of each method's best step, eps^p."""

ELEMENTS_AT_ONCE = 2**20
"""The most elements that a gradient holds at once in shifted copies of x."""


@checked
def derivative(f: Callable[[Any], Any], x: Any, h: float | None = None, method: str = "central") -> Any:
    """Numerical derivative of a function of one number, at a number or at each element of an array.

    central: (f(x + h) - f(x - h)) / (2 h), error about h^2 f'''(x) / 6;
    forward: (f(x + h) - f(x)) / h, error about h f''(x) / 2
    A function of several numbers gives its partial derivative: `derivative(lambda u: f(u, v), u)`.
    ValueError for an unknown method, and for an h so small for the dtype of x or f(x) that only noise would be left;
    NaN at an element of x that is too large for h; TypeError for an f that is no function or returns no number.
    """
    require_function("f", f, "x")
    x = float(x) if isinstance(x, int | float) else as_floating(x)
    step = _step(x, h, method)
    if method == "forward":
        return (_checked(f(x + step), x, h) - _checked(f(x), x, h)) / step
    return (_checked(f(x + step), x, h) - _checked(f(x - step), x, h)) / (2 * step)


@checked
def numerical_gradient(
    f: Callable[[Array], Any],
    x: Array,
    h: float | None = None,
    method: str = "central",
    *,
    vectorized: bool = False,
) -> Array:
    """Gradient of a scalar function of an array of any shape, by differences.

    g_i = (f(x + h e_i) - f(x - h e_i)) / (2 h), e_i being 1 at element i and 0 elsewhere; forward as `derivative`
    x float (...) -> g (...), of x's library, device and dtype; x is not changed. f is called twice for each
    element; if `vectorized`, it takes many points (k, ...) and returns their values (k,) in one call.
    ValueError for a value that is no scalar, or not (k,), and where `derivative` raises it.
    """
    require_function("f", f, "x")
    x = as_floating(x)
    xp = namespace(x)
    size = math.prod(x.shape)
    step = xp.reshape(_step(x, h, method) + xp.zeros_like(x), (size,))
    numbers = xp.arange(size, device=device(x))

    def values(points: Array) -> Array:
        if vectorized:
            return _of_points(_checked(f(points), x, h), points)
        return xp.stack([scalar(_checked(f(points[i, ...]), x, h), x) for i in range(points.shape[0])])

    here = values(x[None, ...]) if method == "forward" and size else None
    differences = []
    rows = max(1, ELEMENTS_AT_ONCE // max(1, size))
    for start in range(0, size, rows):
        chosen = numbers[start : min(size, start + rows)]
        moved = xp.where(chosen[:, None] == numbers, step, 0.0)
        moved = xp.reshape(moved, (chosen.shape[0], *x.shape))
        before = here if here is not None else values(x - moved)
        differences.append(values(x + moved) - before)
    if not differences:
        return xp.zeros_like(x)
    width = step if method == "forward" else 2 * step
    return xp.reshape(xp.concat(differences) / width, x.shape)


def as_floating(x: Array, name: str = "x") -> Array:
    """x unchanged, or integers as the library's default float; TypeError for an x without real numbers."""
    xp = namespace(x)
    if isinstance(x, np.ndarray) and x.dtype.char != "g":  # the digits of long doubles are wanted here
        x = in_numpy_format(x)
    check_numbers(name, x)
    return x if xp.isdtype(x.dtype, "real floating") else xp.astype(x, xp.asarray(0.0).dtype)


def positive(name: str, value: Any) -> float:
    """A finite number, more than 0."""
    return number(name, value, "must be a finite number, more than 0", low=math.ulp(0.0))


def _step(x: Any, h: float | None, method: str) -> Any:
    choose("method", method, METHODS)
    eps, name = _precision(x)
    if isinstance(x, float):
        larger: Any = max(1.0, abs(x))
    else:
        xp = namespace(x)
        larger = xp.where(xp.abs(x) > 1, xp.abs(x), 1.0)
    if h is None:
        return eps ** METHODS[method] * larger
    h = positive("h", h)
    if h < 8 * eps * (larger if isinstance(x, float) else 1.0):
        raise ValueError(
            f"h {h!r} is lost in the roundoff of x in {name}: leave it out, or give a larger one"
        )
    if eps > 1e-10 and h < eps**0.5:
        raise ValueError(
            f"h {h!r} is too small for {name}, whose roundoff would be {eps / h:.0e} of the result: "
            f"pass x as float64, or leave h out"
        )
    # where x is too large for h the answer is NaN: an error would have to read x on the host
    return h if isinstance(x, float) else xp.where(8 * eps * larger > h, math.nan, xp.zeros_like(x) + h)


def _precision(x: Any) -> tuple[float, str]:
    """(eps, name) of the dtype of x."""
    if isinstance(x, float):  # numpy.float64 among them
        return float(np.finfo(float).eps), "float64"
    return float(namespace(x).finfo(x.dtype).eps), str(x.dtype)


def _checked(value: Any, x: Any, h: float | None) -> Any:
    """f's value; ValueError where its dtype is coarser than x's, from which the step was chosen."""
    if isinstance(value, int | float):
        return value
    if not is_array(value):
        hint = ": an op gives (value, pullback), take its value, op(x)[0]" if isinstance(value, tuple) else ""
        raise TypeError(f"f gave a {type(value).__name__}, a number or an array was wanted{hint}")
    value = as_floating(value, "f(x)")
    (eps, name), (finer, given) = _precision(value), _precision(x)
    if eps > finer and (h is None or h < eps**0.5):
        raise ValueError(
            f"f gave {name} for x in {given}, and its roundoff would drown the difference: "
            f"let f compute in {given}, or pass x in {name}"
        )
    return value


def scalar(value: Any, x: Array) -> Array:
    """f's value as a 0-d array of x's library, dtype and device."""
    if isinstance(value, int | float):
        return namespace(x).asarray(value, dtype=x.dtype, device=device(x))
    if math.prod(value.shape) != 1:
        raise ValueError(
            f"f gave {tuple(value.shape)} for one point, a scalar was wanted: sum it, "
            "or differentiate each element with derivative"
        )
    return namespace(value).reshape(value, ())


def _of_points(values: Any, points: Array) -> Array:
    """f's values at many points; ValueError unless there is one for each point."""
    wanted, came = (points.shape[0],), getattr(values, "shape", "a number")
    if came != wanted:
        raise ValueError(
            f"f gave {came} for points of shape {tuple(points.shape)}, {wanted} was wanted: "
            "let it work on the last axes only, or leave vectorized out"
        )
    return values
