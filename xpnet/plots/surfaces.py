"""Plots of functions of two variables: tangent planes, gradient fields, and paths of descent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..calculus import Tangent
from ..calls import checked
from . import style
from .curves import sum_of
from .inputs import around, count, finite, grid, numbers, of_points, points, rectangle, slopes, touching

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COORDINATES = ("x₀", "x₁")
WIDTH = {"units": "inches", "width": 0.022}
"""The width of an arrow's shaft."""


@checked
def tangent_plane(
    f: Callable[[Any], Any], point: Any, domain: Any = ((-5, 5), (-5, 5)), *, ax: Axes | None = None
) -> Axes:
    """A surface z = f(x) and its tangent plane at a point (2,), in 3-D, with equation and normal in the legend.

    z = f(p) + df/dx0(p) (x0 - p0) + df/dx1(p) (x1 - p1)
    ValueError where f has no value or gradient at the point.
    """
    at = numbers("point", point)
    if at.shape != (2,):
        raise ValueError(f"point {at.shape} must be (2,), a number for each coordinate")
    domain = rectangle(domain)
    f = of_points(f)
    x = grid(domain, 51)
    z, tangent = f(x), touching(f, at)
    seen, plane = finite(z, domain), tangent(x)
    room = np.ptp(seen)
    far = (plane < seen.min() - room) | (plane > seen.max() + room)  # a steep plane would flatten the surface
    heights = {
        style.SKY: np.where(np.isfinite(z), z, np.nan),
        style.ORANGE: np.where(far & (room > 0), np.nan, plane),
    }
    solid: Any = style.axes(ax, "3d", (7, 6.4))
    for colour, height in heights.items():
        solid.plot_surface(x[..., 0], x[..., 1], height, color=colour, alpha=0.6, linewidth=0)
    solid.plot(*at[:, None], [float(tangent.value)], "o", color="black", markersize=8, zorder=10)
    return _named(solid, tangent)


def _named(solid: Any, tangent: Tangent) -> Axes:
    """Sets the axis names and the legend, which surfaces have no handles for."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    equation = sum_of(tangent.value, tangent.gradient, tangent.point, COORDINATES)
    point, normal = (
        ", ".join(f"{number:.4g}" for number in part)
        for part in ((*tangent.point, tangent.value), tangent.normal)
    )
    marks = {
        "z = f(x)": Patch(color=style.SKY, alpha=0.6),
        f"tangent plane: z = {equation},\nnormal ({normal})": Patch(color=style.ORANGE, alpha=0.6),
        f"point ({point})": Line2D([], [], marker="o", linestyle="", color="black"),
    }
    style.finish(solid, *COORDINATES, grid=False, legend=None)
    solid.set_zlabel("z", fontsize=style.NORMAL)
    above = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0)}  # in a corner it would cover the surface
    solid.legend(marks.values(), marks.keys(), fontsize=style.NORMAL - 1, **above)
    return solid


@checked
def gradient_field(
    f: Callable[[Any], Any], domain: Any = ((-3, 3), (-3, 3)), *, steps: int = 15, ax: Axes | None = None
) -> Axes:
    """The gradient of a function of two variables as arrows, which point uphill: steps x steps of them.

    (df/dx0, df/dx1), by central differences; the longest arrow is one step of the grid, and the title has the length of
    its gradient. There is no arrow where f has a gap.
    """
    steps = count("steps", steps, 2, "arrows along each axis")
    domain = rectangle(domain)
    f = of_points(f)
    x = grid(domain, steps)
    x0, x1 = x[..., 0], x[..., 1]
    u = slopes(lambda t: f(np.stack([t, x1], axis=-1)), x0)
    v = slopes(lambda t: f(np.stack([x0, t], axis=-1)), x1)
    length = np.hypot(u, v)
    longest = float(finite(length, domain).max())
    arrows = [part[np.isfinite(length)] for part in (x0, x1, u, v)]
    step = min(high - low for low, high in domain) / (steps - 1)
    ax = style.axes(ax, size=(6, 6))
    ax.quiver(*arrows, color=style.BLUE, angles="xy", scale_units="xy", scale=longest / step or 1.0, **WIDTH)
    style.proportion(ax, domain)
    (left, right), (bottom, top) = domain
    ax.set(xlim=(left - step, right + step), ylim=(bottom - step, top + step))
    title = f"gradient; the longest arrow is {longest:.3g}"
    return style.finish(ax, *COORDINATES, title=title, legend=None)


@checked
def descent_path(
    f: Callable[[Any], Any] | None,
    path: Any,
    domain: Any = None,
    *,
    label: str = "path",
    ax: Axes | None = None,
) -> Axes:
    """A path (n + 1, 2) over the contours of a function of two variables, its start and end marked.

    f: None draws no contours, for a further path on the same axes. domain: by default the path's, with a margin.
    """
    if isinstance(path, tuple) and len(path) == 2 and getattr(path[1], "ndim", 1) == 2:
        raise TypeError(
            "path: one array was wanted, a tuple came: gradient_descent gives (end, path), take path"
        )
    path = points("path", path)
    area = (around(path[:, 0], 0.25), around(path[:, 1], 0.25)) if domain is None else rectangle(domain)
    heights = None if f is None else of_points(f)(grid(area, 151))
    ax = style.axes(ax, size=(6, 6))
    if heights is not None:
        _contours(ax, heights, area)
        style.proportion(ax, area)
    if domain is not None:
        ax.set(xlim=area[0], ylim=area[1])
    marker = "." if len(path) <= 200 else ""
    ax.plot(path[:, 0], path[:, 1], marker=marker, markersize=7, label=label, **style.line(len(ax.lines)))
    for name, shape, size, colour, at in (
        ("start", "o", 70, "white", path[0]),
        ("end", "*", 160, "black", path[-1]),
    ):
        ax.scatter(*at, s=size, marker=shape, color=colour, edgecolors="black", zorder=3, label=name)
    return style.finish(ax, *COORDINATES)


def _contours(ax: Axes, z: np.ndarray, area: Any) -> None:
    """Contours at quantiles of the heights: as many in a narrow valley as on its slopes."""
    levels = np.unique(np.quantile(finite(z, area), np.linspace(0.01, 0.95, 12)))
    if len(levels) < 2:
        return  # a flat function has no contours
    x = grid(area, len(z))
    lines = ax.contour(x[..., 0], x[..., 1], np.ma.masked_invalid(z), levels, colors="0.6", linewidths=1)
    ax.clabel(lines, levels[::2], fontsize=style.SMALL, fmt="%.3g")
