"""Plots of a training: learning curves, and histograms of the weights."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..calls import checked
from ..errors import unknown
from . import style
from .inputs import column, numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS = ("loss", "accuracy")
LOG_SCALE_RATIO = 30
"""The scale is logarithmic above this ratio of the largest to the smallest loss."""


@checked
def learning_curves(history: Any, *, names: Any = None, ax: Axes | None = None) -> Axes:
    """Columns of a history over the epochs.

    history: `model.history`, or a dict of lists. names: a list of columns, or a common ending: "loss", the default,
    selects loss and val_loss, and "accuracy" likewise. Losses that fall far get a log scale.
    """
    _require_dict("history", history, "model.history")
    columns = {
        name: _column(name, history[name]) for name in _chosen(history, "loss" if names is None else names)
    }
    ax = style.axes(ax)
    for name, y in columns.items():
        epochs = _column("epoch", history.get("epoch", range(1, len(y) + 1)))
        x = epochs if len(epochs) == len(y) else range(1, len(y) + 1)
        marker = "o" if len(y) <= 30 else ""  # a single epoch would be no line
        ax.plot(x, y, label=name, marker=marker, markersize=4, **style.line(len(ax.lines)))
    kinds = {next((kind for kind in KINDS if name.endswith(kind)), "value") for name in columns}
    seen = np.concatenate(list(columns.values()))
    seen = seen[np.isfinite(seen)]
    if kinds == {"loss"} and len(seen) and seen.min() > 0 and seen.max() > LOG_SCALE_RATIO * seen.min():
        ax.set_yscale("log")
    ax.locator_params(axis="x", integer=True, min_n_ticks=1)
    return style.finish(ax, "epoch", kinds.pop() if len(kinds) == 1 else "value")


@checked
def weight_histograms(params: Any, *, names: Any = None, ax: Axes | None = None) -> Axes:
    """Histograms of each layer's weight: a row for each, the first layer's on top.

    params: `model.params`, or a dict of arrays of any shape. names: a list of them, or an ending; by default those
    that end in "weight", or all where none does. A row's height is the share of its values in a bin, 0.9 at most.
    """
    _require_dict("params", params, "model.params")
    if names is None:
        names = "weight" if any(name.endswith("weight") for name in params) else ""
    arrays = {name: numbers(name, params[name]).ravel() for name in _chosen(params, names)}
    finite = {name: x[np.isfinite(x)] for name, x in arrays.items()}
    edges = _edges(np.concatenate(list(finite.values())))
    ax = style.axes(ax, size=(6.4, max(3.2, 1.4 + 0.8 * len(arrays))))
    rows = range(len(arrays))[::-1]
    for number, (row, (name, x)) in enumerate(zip(rows, finite.items(), strict=True)):
        counts = np.histogram(x, edges)[0]
        top = row + 0.9 * counts / max(1, counts.max())
        colour = style.COLOURS[number % len(style.COLOURS)]
        ax.stairs(top, edges, baseline=row, fill=True, color=colour, alpha=0.45)
        ax.stairs(top, edges, baseline=row, color=colour, linewidth=1.5, label=name)
    ax.axvline(0, color="0.5", linewidth=1, zorder=0)
    ax.set_yticks([row + 0.4 for row in rows], [_told(name, arrays[name], x) for name, x in finite.items()])
    style.finish(ax, "value", "share of the values, by layer", legend=None)
    ax.tick_params(axis="y", length=0)
    ax.grid(False, axis="y")
    return ax


def _edges(x: np.ndarray, bins: int = 60) -> np.ndarray:
    """NumPy's bin edges, but one unit wide around values that are nearly equal, as around a single value."""
    low, high = (x.min(), x.max()) if len(x) else (0.0, 0.0)
    room = 0.5 * max(1.0, abs(low)) if high - low < 1e-9 * abs(low) else 0.0
    return np.histogram_bin_edges(x, bins, (low - room, high + room))


def _told(name: str, x: np.ndarray, finite: np.ndarray) -> str:
    """A row's label: its name, the number of its values and their standard deviation."""
    told = f"{name}\nn {len(x):,}"
    if len(finite):
        told += f", std {finite.std():.2g}"
    return told + (f"\n{len(x) - len(finite):,} not finite" if len(finite) < len(x) else "")


def _require_dict(what: str, given: Any, attribute: str) -> None:
    if not isinstance(given, dict):
        hint = f": pass {attribute}" if hasattr(given, "params") else ""
        raise TypeError(
            f"{what}: {attribute} or another dict was wanted, a {type(given).__name__} came{hint}"
        )
    if not given:
        raise ValueError(f"{what} is empty: there is nothing to draw")
    if not all(isinstance(name, str) for name in given):
        raise TypeError(f"{what}: names must be text, they are {list(given)!r}")


def _chosen(given: dict[str, Any], names: Any) -> list[str]:
    """The names in a list, or those with an ending; ValueError if there are none."""
    if isinstance(names, str):
        chosen = [name for name in given if name.endswith(names)]
        if not chosen:
            raise unknown("names", names, given)
        return chosen
    if not isinstance(names, Iterable) or not (names := list(names)):
        raise ValueError(
            f"names {names!r} must be a list of names or an ending: known are {', '.join(given)}"
        )
    for name in names:
        if name not in given:
            raise unknown("names", name, given)
    return names


def _column(name: str, values: Any) -> np.ndarray:
    """Floats, NaN for an epoch that has none."""
    if isinstance(values, list | tuple):
        values = [math.nan if value is None else value for value in values]
    return column(name, values)
