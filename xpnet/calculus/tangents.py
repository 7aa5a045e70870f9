"""Tangents: the line or the plane that touches a function's graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..calls import checked
from ..namespace import namespace
from .differences import as_floating, derivative, numerical_gradient, scalar


@dataclass(frozen=True, eq=False)
class Tangent:
    """The best linear approximation of a function at a point: t(x) = value + gradient . (x - point).

    `normal`, (gradient, -1), is perpendicular to the line or plane.

    >>> line = xn.tangent(lambda x: x**2, 3.0)
    >>> round(float(line.gradient), 6), round(float(line(4.0)), 6)
    (6.0, 15.0)
    """

    point: Any
    value: Any
    gradient: Any

    def __call__(self, x: Any) -> Any:
        """The tangent's height: elementwise at numbers x for a line, x (..., d) -> (...) for a plane."""
        x = x if isinstance(x, int | float) else as_floating(x)
        if self._is_line:
            return self.value + self.gradient * (x - self.point)
        wanted, came = tuple(self.point.shape), tuple(getattr(x, "shape", ()))
        if came[-1:] != wanted:
            raise ValueError(f"tangent: x {came} must be (..., {wanted[0]}), points on the plane")
        return self.value + namespace(x).sum(self.gradient * (x - self.point), axis=-1)

    @property
    def normal(self) -> Any:
        """(gradient, -1): a tuple for a line, an array (d + 1,) for a plane."""
        if self._is_line:
            return self.gradient, -1.0
        xp = namespace(self.gradient)
        return xp.concat([self.gradient, -xp.ones_like(self.gradient[:1])])

    @property
    def _is_line(self) -> bool:
        return getattr(self.point, "ndim", 0) == 0


@checked
def tangent(f: Callable[[Any], Any], x: Any, h: float | None = None) -> Tangent:
    """The tangent of a function at x: a line where x is a number, a plane where x is an array (2,), or (d,).

    The slope or gradient is numerical, by central differences. ValueError for an x of more axes, and where
    `derivative` raises it.
    """
    x = float(x) if isinstance(x, int | float) else as_floating(x)
    axes = getattr(x, "ndim", 0)
    if axes > 1:
        raise ValueError(f"tangent: x {tuple(x.shape)} must be one point, a number or an array (d,)")
    gradient = numerical_gradient(f, x, h) if axes else derivative(f, x, h)  # both check f
    return Tangent(x, scalar(f(x), x) if axes else f(x), gradient)
