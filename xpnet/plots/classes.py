"""Plots of classification: decision regions in the plane, and the confusion matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..calls import checked
from . import style
from .inputs import around, grid, host, points
from .matrices import cells

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GRID_STEPS = 300
"""Points of the grid in each direction, at which the classes are predicted."""
LEGEND_CLASSES = 15
"""The most classes that the legend has room for."""
HINT = ": probabilities become labels by p.argmax(-1), or p > 0.5 where there is one output"


@checked
def decision_regions(predict: Any, x: Any, y: Any, *, ax: Axes | None = None) -> Axes:
    """The class that a model predicts at every point of the plane, as colours, and samples with their true class.

    predict: NumPy array (k, 2) -> labels (k,), such as `model.predict`. x (n, 2); y (n,) labels, numbers or text.
    """
    x = points("x", x)
    y = _labels("y", y, len(x))
    if not callable(predict):
        came = type(predict).__name__
        raise TypeError(f"predict: a function was wanted, such as model.predict, a {came} came")
    (left, right), (bottom, top) = area = around(x[:, 0]), around(x[:, 1])
    asked = grid(area, GRID_STEPS).reshape(-1, 2)
    found = _labels("predict(x)", predict(asked), len(asked))
    _same_kind("y", y, "predict(x)", found)
    classes = np.unique(np.concatenate([np.unique(y), np.unique(found)]))
    region = np.searchsorted(classes, found).reshape(GRID_STEPS, GRID_STEPS)
    colours = [style.COLOURS[k % len(style.COLOURS)] for k in range(len(classes))]
    ax = style.axes(ax)
    extent = (left, right, bottom, top)
    ax.imshow(_pale(colours)[region], extent=extent, origin="lower", aspect="auto", interpolation="nearest")
    for k in np.unique(region):
        if not (region == k).all():  # a contour of a constant would warn
            ax.contour(region == k, [0.5], extent=extent, colors="0.35", linewidths=0.8)
    for k, name in enumerate(classes):
        marker, mine = style.MARKERS[k % len(style.MARKERS)], y == name
        look = {"marker": marker, "color": colours[k], "edgecolors": "white", "linewidths": 0.5, "s": 48}
        ax.scatter(x[mine, 0], x[mine, 1], label=f"{name}", zorder=3, **look)
    style.proportion(ax, area)
    style.finish(ax, "x₀", "x₁", grid=False, legend=None)
    beside = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}  # inside the axes it would cover samples
    title = f"class, {LEGEND_CLASSES} of {len(classes)}" if len(classes) > LEGEND_CLASSES else "class"
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(
        handles[:LEGEND_CLASSES], labels[:LEGEND_CLASSES], title=title, fontsize=style.NORMAL - 1, **beside
    )
    return ax


@checked
def confusion_matrix(y_true: Any, y_pred: Any, *, labels: Any = None, ax: Axes | None = None) -> Axes:
    """The confusion matrix: counts of samples by true class (row) and predicted class (column); accuracy in the title.

    y_true, y_pred (n,) labels. labels: the classes in the order of the rows, or the names of the classes 0, 1, ...;
    by default those that occur, sorted.
    """
    y_true = _labels("y_true", y_true)
    y_pred = _labels("y_pred", y_pred, len(y_true))
    _same_kind("y_true", y_true, "y_pred", y_pred)
    occur = np.unique(np.concatenate([y_true, y_pred]))
    names = occur if labels is None else host("labels", labels)
    if names.ndim != 1 or len(set(names.tolist())) < len(names):
        raise ValueError(f"labels {labels!r} must be a list of the classes, each of them once")
    numbered = _is_text(names) and not _is_text(occur)
    places = {name: k for k, name in enumerate(range(len(names)) if numbered else names.tolist())}
    left = [name for name in occur.tolist() if name not in places]
    if left:
        raise ValueError(f"labels {names.tolist()} leave out {left}: add them, or leave labels out")
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, tuple([places[name] for name in y.tolist()] for y in (y_true, y_pred)), 1)
    right, n = int(np.trace(counts)), len(y_true)
    ax = style.axes(ax)
    cells(ax, counts, "Blues", (0, max(1, int(counts.max()))), (names, names), "d")
    title = f"accuracy {right / n:.1%} ({right:,} of {n:,})"
    return style.finish(ax, "predicted class", "true class", title=title, grid=False, legend=None)


def _labels(name: str, value: Any, n: int | None = None) -> np.ndarray:
    """Labels (n,) on the host; ValueError for other shapes, such as probabilities."""
    x = host(name, value)
    flat = x[:, 0] if x.ndim == 2 and x.shape[1] == 1 else x
    if flat.ndim != 1 or (n is not None and len(flat) != n):
        wanted = "n" if n is None else n
        raise ValueError(
            f"{name} {x.shape} must be ({wanted},), a label for each sample{HINT * (x.ndim == 2)}"
        )
    if not len(flat):
        raise ValueError(f"{name} is empty: there is nothing to draw")
    if flat.dtype.kind == "f" and (wrong := ~np.isfinite(flat) | (flat != np.round(flat))).any():
        raise ValueError(f"{name} holds {flat[wrong][0]:g}, labels were wanted{HINT}")
    if flat.dtype.kind == "O":
        kinds = sorted({type(each).__name__ for each in flat})
        if kinds != ["str"]:
            raise TypeError(f"{name} holds {' and '.join(kinds)}: labels must be all text or all numbers")
    return flat


def _same_kind(name: str, y: np.ndarray, other_name: str, other: np.ndarray) -> None:
    """TypeError if one holds text and the other numbers."""
    if _is_text(y) != _is_text(other):
        raise TypeError(
            f"{name} holds {y.dtype} and {other_name} {other.dtype}: both must be text or numbers"
        )


def _is_text(y: np.ndarray) -> bool:
    return y.dtype.kind in "USO"


def _pale(colours: list[str]) -> np.ndarray:
    """The colours (k, 3) lightened for areas, so that samples of the same colour stand out."""
    from matplotlib.colors import to_rgb

    return 1 - 0.35 * (1 - np.asarray([to_rgb(colour) for colour in colours]))
