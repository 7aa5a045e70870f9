"""Inputs of plots, copied to the host and checked: numbers, domains, and functions of them."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np

from .. import backends, calculus
from ..data import as_array, check_finite, check_numbers
from ..namespace import is_array
from ..typing import Shape

CURVE_POINTS = 601
"""Points on a curve; an odd number, so that the middle of a domain is one of them."""


def host(name: str, value: Any) -> np.ndarray:
    """A NumPy array from an array of any library, a list of arrays, or numbers."""
    if isinstance(value, list | tuple):
        value = [host(name, each) if is_array(each) else each for each in value]
    x = as_array(name, value)
    if isinstance(x, np.ndarray | np.generic):
        return np.asarray(x)
    return np.asarray(backends.of(x).to_numpy(x))


def numbers(name: str, value: Any) -> np.ndarray:
    """As `host`, in float64; TypeError for anything but real numbers."""
    x = host(name, value)
    check_numbers(name, x)
    return x.astype("float64")


def column(name: str, value: Any, n: int | None = None) -> np.ndarray:
    """Numbers (n,) or (n, 1) as (n,); ValueError for another shape, and for an empty array."""
    x = numbers(name, value)
    flat = x[:, 0] if x.ndim == 2 and x.shape[1] == 1 else x
    if flat.ndim != 1 or (n is not None and len(flat) != n):
        wanted = "n" if n is None else n
        raise ValueError(f"{name} {x.shape} must be ({wanted},) or ({wanted}, 1), a number for each sample")
    if not len(flat):
        raise ValueError(f"{name} is empty: there is nothing to draw")
    return flat


def points(name: str, value: Any) -> np.ndarray:
    """Finite points in the plane (n, 2); ValueError for another shape, and for an empty array."""
    x = numbers(name, value)
    if x.ndim != 2 or x.shape[1] != 2:
        raise ValueError(f"{name} {x.shape} must be (n, 2), points in the plane: choose two columns")
    if not len(x):
        raise ValueError(f"{name} is empty: there is nothing to draw")
    check_finite(x, name=name)
    return x


def count(name: str, value: Any, least: int, what: str) -> int:
    """An integer, Python's or NumPy's, of at least `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} {value!r} must be a number of {what}, {least} or more")
    return int(value)


def interval(domain: Any, name: str = "domain") -> tuple[float, float]:
    """(low, high) with low < high."""
    x = numbers(name, domain)
    if x.shape != (2,) or not np.isfinite(x).all() or not x[0] < x[1]:
        raise ValueError(f"{name} {domain!r} must be (low, high), two finite numbers with low < high")
    return float(x[0]), float(x[1])


def rectangle(domain: Any) -> tuple[tuple[float, float], tuple[float, float]]:
    """((low, high), (low, high)), of the first coordinate and of the second."""
    if numbers("domain", domain).shape != (2, 2):
        raise ValueError(f"domain {domain!r} must be ((low, high), (low, high)), one for each coordinate")
    return interval(domain[0], "domain[0]"), interval(domain[1], "domain[1]")


def around(x: np.ndarray, margin: float = 0.08) -> tuple[float, float]:
    """An interval that holds the numbers, with a margin on both sides."""
    low, high = float(x.min()), float(x.max())
    room = margin * (high - low) or max(1.0, abs(low))
    return low - room, high + room


def grid(domain: Any, steps: int) -> np.ndarray:
    """Points of a rectangle, (steps, steps, 2): x0 along the second axis and x1 along the first, as they are drawn."""
    (left, right), (bottom, top) = domain
    return np.stack(np.meshgrid(np.linspace(left, right, steps), np.linspace(bottom, top, steps)), axis=-1)


def of_numbers(f: Any, name: str = "f") -> Callable[[Any], np.ndarray]:
    """f as a function of an array (...) -> (...), both on the host."""
    hint = "let it work on every element at once, numpy.sin(x) for math.sin(x) and numpy.where(x > 0, a, b) for an if"
    return lambda x: _values(f, name, np.asarray(x), np.shape(x), hint)


def of_points(f: Any) -> Callable[[Any], np.ndarray]:
    """f as a function of points (..., 2) -> (...), both on the host."""
    hint = "let it take points (..., 2), lambda x: x[..., 0] ** 2 + x[..., 1] ** 2"
    return lambda x: _values(f, "f", x, x.shape[:-1], hint)


def finite(y: np.ndarray, domain: Any) -> np.ndarray:
    """The finite values of a function; ValueError if there are none."""
    found = y[np.isfinite(y)]
    if not len(found):
        raise ValueError(f"f has no finite value on the domain {domain}: choose another domain")
    return found


def slopes(f: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """The numerical derivative at every x, not finite where f has a gap."""
    with np.errstate(all="ignore"):
        return calculus.derivative(f, x, _step(f(x)))


def touching(f: Callable[[Any], Any], x: Any) -> calculus.Tangent:
    """The tangent at a point; ValueError where f has no finite value or slope there."""
    with np.errstate(all="ignore"):
        tangent = calculus.tangent(f, x, _step(f(x)))
    if not np.isfinite([tangent.value, *np.ravel(tangent.gradient)]).all():
        raise ValueError(f"f has no finite value and slope at {x}: choose another point")
    return tangent


def _step(y: np.ndarray) -> float | None:
    """The step for central differences from y's dtype, which may be float32 though x is float64."""
    return None if y.dtype == "float64" else float(np.finfo(y.dtype).eps) ** (1 / 3)


def _values(f: Any, name: str, x: np.ndarray, shape: Shape, hint: str) -> np.ndarray:
    """f(x), which may hold NaN and infinity; a scalar is broadcast to every point. hint: advice for a wrong f."""
    if not callable(f):
        raise TypeError(f"{name}: a function of a NumPy array was wanted, {f!r} came")
    try:
        with np.errstate(all="ignore"):  # the logarithm of a negative number is a gap in the picture
            y = f(x)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} failed on a NumPy array {x.shape}: {error}: {hint}") from error
    if isinstance(y, tuple):
        raise TypeError(
            f"{name} gave a tuple: an op gives (value, pullback), take its value, lambda x: op(x)[0]"
        )
    y = host(f"{name}(x)", y)
    check_numbers(f"{name}(x)", y)
    if y.shape not in ((), shape):
        raise ValueError(f"{name}(x) is {y.shape} for x {x.shape}, {shape} was wanted: {hint}")
    return np.broadcast_to(y if y.dtype.kind == "f" else y.astype("float64"), shape)
