"""The line or the plane that touches a function's graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..namespace import namespace
from .differences import as_floating, derivative, numerical_gradient


@dataclass(frozen=True, eq=False)
class Tangent:
    """The best linear approximation of a function at a point: t(x) = value + gradient . (x - point).

    `normal`, (gradient, -1), is perpendicular to the line or plane.
    """

    point: Any
    value: Any
    gradient: Any

    def __call__(self, x: Any) -> Any:
        """Its height: elementwise at numbers x for a line, x (..., d) -> (...) for a plane."""
        rise = self.gradient * (x - self.point)
        return self.value + (rise if self._is_line else namespace(rise).sum(rise, axis=-1))

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


def tangent(f: Callable[[Any], Any], x: Any, h: float | None = None) -> Tangent:
    """The tangent of a function at x: a line where x is a number, a plane where x is an array (2,), or (d,).

    The slope or gradient is numerical, by central differences. ValueError for an x of more axes, and where
    `derivative` raises it.
    """
    if isinstance(x, int | float):
        x = float(x)
        return Tangent(x, f(x), derivative(f, x, h))
    x = as_floating(x)
    if x.ndim > 1:
        raise ValueError(f"tangent: x {tuple(x.shape)} must be one point, a number or an array (d,)")
    return Tangent(x, f(x), derivative(f, x, h) if x.ndim == 0 else numerical_gradient(f, x, h))
