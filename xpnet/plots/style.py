"""The style of the plots: colours, sizes, labels, and the axes to draw on.

The colours are Okabe and Ito's, which colour-blind readers tell apart; line styles and markers differ beside them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..loading import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE = "#0072B2"
VERMILLION = "#D55E00"
GREEN = "#009E73"
ORANGE = "#E69F00"
PURPLE = "#CC79A7"
SKY = "#56B4E9"
GREY = "#4D4D4D"
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY)
"""The order in which lines and classes take the colours; Okabe and Ito's yellow is too light for lines on white."""
LINES = ("-", "--", "-.", ":", (0, (7, 2)), (0, (3, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", ">", "P", "X")
POSITIVE = BLUE
NEGATIVE = VERMILLION
SIGNS = "RdBu"
"""The colour map of signed values: blue above zero and red below, as POSITIVE and NEGATIVE are."""
SMALL = 9
NORMAL = 11
TITLE = 12


def pyplot() -> Any:
    """matplotlib.pyplot; MissingExtraError where matplotlib is not installed or does not import."""
    require("xpnet.plots", "matplotlib", "pip install 'xpnet[plots]'")
    import matplotlib.pyplot

    return matplotlib.pyplot


def write(figure: Any, path: Path, *, dpi: int) -> None:
    """Writes a figure to a file and closes it: pyplot keeps every open figure, and warns beyond 20."""
    try:
        figure.savefig(path, dpi=dpi)
    finally:
        pyplot().close(figure)


def axes(ax: Any, projection: str | None = None, size: tuple[float, float] = (6.4, 4.8)) -> Axes:
    """The axes given, or those of a new figure; TypeError for anything but axes of the right projection."""
    plt = pyplot()
    if ax is None:
        keywords = {"projection": projection}
        return plt.subplots(figsize=size, layout="constrained", subplot_kw=keywords)[1]
    make = 'plt.subplots(subplot_kw={"projection": "3d"})' if projection else "plt.subplots()"
    if not isinstance(ax, plt.Axes):
        raise TypeError(f"ax: one Axes was wanted, such as {make} gives, a {type(ax).__name__} came")
    if ax.name != (projection or "rectilinear"):
        kinds = {"3d": "3-D", "rectilinear": "flat"}
        wanted, came = kinds["3d" if projection else "rectilinear"], kinds.get(ax.name, ax.name)
        raise TypeError(f"ax: {wanted} axes were wanted, {came} ones came: leave ax out, or use {make}")
    return ax


def line(number: int) -> dict[str, Any]:
    """Colour and style of the n-th line, counted from 0."""
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": LINES[number % len(LINES)], "linewidth": 2}


def curve(ax: Axes, x: Any, y: Any, label: str) -> None:
    """Draws a line in the next colour and style, unless one with the same label and numbers is there already."""
    same = (there for there in ax.lines if there.get_label() == label)
    if any(np.array_equal(there.get_xydata(), np.column_stack([x, y]), equal_nan=True) for there in same):
        return
    ax.plot(x, y, label=label, **line(len(ax.lines)))


def finish(
    ax: Axes,
    xlabel: str,
    ylabel: str,
    *,
    title: str | None = None,
    grid: bool = True,
    legend: str | None = "best",
) -> Axes:
    """Sets labels, title, grid and legend, in readable sizes; returns the axes."""
    ax.set_xlabel(xlabel, fontsize=NORMAL)
    ax.set_ylabel(ylabel, fontsize=NORMAL)
    ax.tick_params(labelsize=NORMAL - 1)
    if title is not None:
        ax.set_title(title, fontsize=TITLE)
    if grid:
        ax.grid(True, color="0.85", linewidth=0.8)
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
    if legend is not None:
        handles, labels = ax.get_legend_handles_labels()
        once = dict(zip(labels, handles, strict=True))  # the legend lists each label once
        ax.legend(once.values(), once.keys(), loc=legend, fontsize=NORMAL - 1, framealpha=0.9)
    return ax


def proportion(ax: Axes, domain: Any) -> None:
    """Sets equal scales, so that a gradient is at right angles to its contour, unless one axis is much longer."""
    (left, right), (bottom, top) = domain
    if 1 / 3 <= (right - left) / (top - bottom) <= 3:
        ax.set_aspect("equal", adjustable="box")
