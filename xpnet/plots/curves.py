"""Plots of functions of one number: with their derivative, with a tangent, fitted to data."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..calls import checked
from ..data import check_finite
from . import style
from .inputs import CURVE_POINTS, around, column, finite, interval, numbers, of_numbers, slopes, touching

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@checked
def function(
    f: Callable[[Any], Any],
    domain: tuple[float, float] = (-3, 3),
    *,
    df: Any = None,
    label: str = "f(x)",
    ax: Axes | None = None,
) -> Axes:
    """A function of one number and its derivative.

    f: NumPy array (n,) -> (n,). df: the derivative, a function like f, None for a numerical one, False for none.
    """
    x = np.linspace(*interval(domain), CURVE_POINTS)
    f = of_numbers(f)
    lines = {label: f(x)}
    finite(lines[label], domain)
    if df is None:
        lines[f"derivative of {label}"] = slopes(f, x)
    elif df is not False:
        lines[f"derivative of {label}"] = of_numbers(df, "df")(x)
    ax = style.axes(ax)
    for name, y in lines.items():
        style.curve(ax, x, y, name)
    return style.finish(ax, "x", "y")


@checked
def tangent_line(
    f: Callable[[Any], Any], x: float, domain: tuple[float, float] = (-3, 3), *, ax: Axes | None = None
) -> Axes:
    """A function of one number and its tangent at x, as far as the tangent stays near the curve.

    y = f(x) + f'(x) (t - x). A second call with another x on the same axes does not repeat the curve.
    ValueError where f has no value or slope at x.
    """
    given = numbers("x", x)
    if given.size != 1:
        raise ValueError(
            f"x {given.shape} must be one number: draw each tangent by its own call, on the same ax"
        )
    at = float(given.item())
    low, high = interval(domain)
    f = of_numbers(f)
    t = np.linspace(low, high, CURVE_POINTS)
    y, tangent = f(t), touching(f, at)
    ax = style.axes(ax)
    style.curve(ax, t, y, "f(x)")
    ends = np.asarray([low, high])
    seen = finite(y, domain)
    if tangent.gradient and np.ptp(seen):
        # a steep tangent would flatten the curve
        room = np.asarray([2 * seen.min() - seen.max(), 2 * seen.max() - seen.min()])
        ends = np.clip(ends, *np.sort(at + (room - tangent.value) / tangent.gradient))
    look = style.line(len(ax.lines))
    equation = f"y = {sum_of(tangent.value, [tangent.gradient], [at], ['x'])}"
    ax.plot(ends, tangent(ends), label=f"tangent at {at:g}: {equation}", **look)
    ax.scatter(at, tangent.value, s=60, color=look["color"], edgecolors="white", zorder=3)
    return style.finish(ax, "x", "y")


@checked
def fitted_curve(
    x: Any, y: Any, predict: Any, *, domain: Any = None, label: str = "prediction", ax: Axes | None = None
) -> Axes:
    """Data as points, and a model's predictions as a curve.

    x, y (n,) or (n, 1). predict: NumPy array (k, 1) -> (k, 1) or (k,), such as `model.predict`, or several,
    {label: function}. domain: (low, high), by default the data's with a margin.
    """
    x = column("x", x)
    check_finite(x)
    y = column("y", y, len(x))
    t = np.linspace(*(around(x) if domain is None else interval(domain)), CURVE_POINTS)
    several = predict if isinstance(predict, dict) else {label: predict}
    curves = {name: _predicted(each, t) for name, each in several.items()}
    ax = style.axes(ax)
    ax.scatter(x, y, s=36, color=style.GREY, alpha=0.8, linewidths=0, label="data", zorder=3)
    for name, values in curves.items():
        style.curve(ax, t, values, name)
    return style.finish(ax, "x", "y")


def _predicted(predict: Any, t: np.ndarray) -> np.ndarray:
    if not callable(predict):
        came = type(predict).__name__
        raise TypeError(f"predict: a function was wanted, such as model.predict, a {came} came")
    return column("predict(x)", predict(t[:, None]), len(t))


def sum_of(value: float, slopes: Any, at: Any, names: Any) -> str:
    """The equation of a tangent: "1 + 2 (x - 1)"."""
    text = f"{_clean(value):.4g}"
    for slope, point, name in zip(slopes, at, names, strict=True):
        inside = f"({name} {_signed(-point)})" if _clean(point) else name
        text += f" {_signed(slope)} {inside}"
    return text


def _signed(number: float) -> str:
    number = _clean(number)
    return f"{'-' if number < 0 else '+'} {abs(number):.4g}"


def _clean(number: float) -> float:
    """The number, with the roundoff of a numerical zero set to 0."""
    return 0.0 if abs(number) < 1e-9 else float(number)
