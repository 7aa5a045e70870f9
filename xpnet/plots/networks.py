"""A diagram of a network: units in columns, weights as lines."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..calls import checked
from ..layers import Activation, Dense, Layer, Sequential
from ..model import Model
from ..ops import ACTIVATIONS
from ..typing import Flat, Shape
from . import style
from .inputs import numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_UNITS_SHOWN = 10
"""The most units of a column that are drawn."""
MAX_WRITTEN_WEIGHTS = 12
"""The most weights of a network whose numbers stand beside the lines."""
BOX = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"}


@dataclass
class Column:
    """Units side by side, with the weights (units before, units) and biases into them."""

    units: int
    weight: np.ndarray | None = None
    bias: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)
    """Lines of text below the column: its activation."""
    after: list[str] = field(default_factory=list)
    """Layers between it and the next column."""

    @property
    def shown(self) -> list[int]:
        """The units that are drawn: all, or the first and the last."""
        if self.units <= MAX_UNITS_SHOWN:
            return list(range(self.units))
        half = MAX_UNITS_SHOWN // 2
        return [*range(half), *range(self.units - half + 1, self.units)]

    @property
    def heights(self) -> np.ndarray:
        """The heights of the drawn units, from the top, around 0, with a gap for the dots."""
        places = np.arange(min(self.units, MAX_UNITS_SHOWN), dtype=float)
        if self.units > MAX_UNITS_SHOWN:
            places = np.delete(places, MAX_UNITS_SHOWN // 2)
        return (min(self.units, MAX_UNITS_SHOWN) - 1) / 2 - places


@checked
def network(model: Model, *, ax: Axes | None = None) -> Axes:
    """A built model's Dense layers: units as circles, weights as lines, blue above zero and dashed red below.

    The larger a weight, the thicker its line; a unit is filled by its bias. A network of at most 12 weights has their
    numbers beside the lines. Of more than 10 units in a layer the first and the last are drawn. Layers other than Dense
    and activations are named between the columns. ValueError for a model that is not built, or has no Dense layer.
    """
    if not isinstance(model, Model):
        raise TypeError(f"model: an xn.Model was wanted, a {type(model).__name__} came")
    shape = model.input_shape
    if shape is None:
        raise ValueError("model has no parameters to draw yet: call fit, or build(input_shape), first")
    columns = _columns(model, shape)
    weights = np.concatenate([column.weight.ravel() for column in columns if column.weight is not None])
    biases = np.concatenate([np.zeros(1), *(column.bias for column in columns if column.bias is not None)])
    largest = float(np.abs(weights).max()), float(np.abs(biases).max())
    written = len(weights) <= MAX_WRITTEN_WEIGHTS
    tallest = max(len(column.heights) for column in columns)
    ax = style.axes(ax, size=(min(16.0, max(5.0, 2.2 * len(columns))), 3 + 0.22 * tallest))
    for x, (before, column) in enumerate(zip([None, *columns[:-1]], columns, strict=True)):
        if before is not None and column.weight is not None:
            _lines(ax, x, before, column, largest[0], written)
        _units(ax, x, column, largest[1], written)
    _captions(ax, columns, shape)
    _legend(ax, *largest)
    return ax


def _columns(model: Model, shape: Shape) -> list[Column]:
    params: Flat = {name: numbers(name, x) for name, x in model.params.items()}
    columns = [Column(math.prod(shape))]
    for prefix, layer in _chain(model.network):
        if isinstance(layer, Dense):
            weight = params[f"{prefix}weight"]
            if len(weight) != columns[-1].units:
                # the layers between change the number of units: no line leads to these
                columns.append(Column(len(weight)))
            act = layer.activation
            notes = [] if act is None else [getattr(act, "__name__", str(act))]
            columns.append(Column(layer.units, weight, params.get(f"{prefix}bias"), notes))
        elif _acts(layer) and not columns[-1].after:
            columns[-1].notes.append(repr(layer).removesuffix("()"))
        else:
            text = repr(layer).removesuffix("()")
            columns[-1].after.append(text if len(text) <= 20 else type(layer).__name__)
    if all(column.weight is None for column in columns):
        raise ValueError(f"model has no Dense layer to draw: its network is {model.network!r}")
    return columns


def _acts(layer: Layer) -> bool:
    """True for an activation layer."""
    return isinstance(layer, Activation) or getattr(layer, "op", None) in ACTIVATIONS.values()


def _chain(layer: Layer, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """The layers in order, each with the prefix of its parameters' names."""
    if type(layer) is not Sequential:
        yield prefix, layer
        return
    for name, child in layer.children:
        yield from _chain(child, f"{prefix}{name}.")


def _lines(ax: Axes, x: int, before: Column, column: Column, largest: float, written: bool) -> None:
    """The weights between the units drawn, from column x - 1 to column x."""
    from matplotlib.collections import LineCollection

    assert column.weight is not None
    weight = column.weight[np.ix_(before.shown, column.shown)]
    segments, looks = [], []
    for i, start in enumerate(before.heights):
        for j, end in enumerate(column.heights):
            w = float(weight[i, j])
            segments.append([(x - 1, start), (x, end)])
            looks.append((_colour(w), 0.3 + 3.7 * abs(w) / (largest or 1.0), "--" if w < 0 else "-"))
            if written:
                # the numbers of lines that cross must not stand on each other
                part = 0.25 + 0.5 * (i + 0.5) / len(weight)
                at = (x - 1 + part, start + part * (end - start))
                ax.text(*at, f"{w:.3g}", ha="center", va="center", fontsize=style.SMALL, bbox=BOX, zorder=2)
    colours, widths, dashes = map(list, zip(*looks, strict=True))
    lines = LineCollection(segments, colors=colours, linewidths=widths, linestyles=dashes, zorder=1)
    ax.add_collection(lines)


def _units(ax: Axes, x: int, column: Column, largest: float, written: bool) -> None:
    """A column's units, filled by their biases, and the dots for those left out."""
    from matplotlib.colors import to_rgb

    bias = np.zeros(column.units) if column.bias is None else column.bias
    full = [0.8 * abs(b) / (largest or 1.0) for b in bias[column.shown]]
    hues = [np.asarray(to_rgb(_colour(b))) for b in bias[column.shown]]
    fills = [1 - part * (1 - hue) for part, hue in zip(full, hues, strict=True)]
    size = 420 if max(column.heights) <= 2 else 260
    ax.scatter(np.full(len(fills), x), column.heights, s=size, c=fills, edgecolors="black", zorder=3)
    if written and column.bias is not None:
        for height, b in zip(column.heights, bias, strict=True):
            look: dict[str, Any] = {"ha": "center", "va": "top", "fontsize": style.SMALL}
            ax.annotate(f"b {b:.3g}", (x, height), (0, -13), textcoords="offset points", **look)
    if column.units > MAX_UNITS_SHOWN:
        ax.text(
            x, (MAX_UNITS_SHOWN - 1) / 2 - MAX_UNITS_SHOWN // 2, "⋮", ha="center", va="center", fontsize=18
        )


def _captions(ax: Axes, columns: list[Column], shape: Shape) -> None:
    """Captions: the role of each column below it, and the layers that are not drawn between columns."""
    tallest = max(float(max(column.heights)) for column in columns)
    last = len(columns) - 1 + 0.5 * bool(columns[-1].after)
    ax.set(xlim=(-0.4, last + 0.4), ylim=(-tallest - 0.6, tallest + 0.4))
    ax.set_axis_off()

    def under(x: float, lines: list[str], size: int, **look: Any) -> None:
        place: Any = ("data", "axes fraction")
        look |= {"ha": "center", "va": "top", "fontsize": size, "linespacing": 1.4}
        ax.annotate("\n".join(lines), (x, 0), (0, -2), xycoords=place, textcoords="offset points", **look)

    for x, column in enumerate(columns):
        role = "input" if x == 0 else "output" if x == len(columns) - 1 else f"hidden {x}"
        count = f"{column.units:,} unit{'s' if column.units != 1 else ''}"
        if x == 0 and len(shape) > 1:
            count = " x ".join(map(str, shape))
        under(x, [role, count, *column.notes], style.NORMAL)
        under(x + 0.5, column.after, style.SMALL, style="italic", color="0.3")


def _legend(ax: Axes, weight: float, bias: float) -> None:
    """The legend: the colours' signs, and the values of the thickest line and the fullest unit."""
    from matplotlib.lines import Line2D

    marks = {
        "weight > 0": Line2D([], [], color=style.POSITIVE, linewidth=2),
        "weight < 0": Line2D([], [], color=style.NEGATIVE, linewidth=2, linestyle="--"),
    }
    title = f"thickest line: |w| = {weight:.3g}"
    if bias:
        for text, colour in (("bias > 0", style.POSITIVE), ("bias < 0", style.NEGATIVE)):
            circle = {"linestyle": "", "marker": "o", "markersize": 9, "markeredgecolor": "black"}
            marks[text] = Line2D([], [], color=colour, **circle)
        title += f", fullest unit: |b| = {bias:.3g}"
    small = {"fontsize": style.SMALL, "title_fontsize": style.SMALL, "frameon": False}
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0)}
    ax.legend(marks.values(), marks.keys(), title=title, ncols=2, **small, **place)


def _colour(number: float) -> str:
    return style.NEGATIVE if number < 0 else style.POSITIVE
