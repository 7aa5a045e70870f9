"""Plots of matrices as coloured cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..calls import checked
from . import style
from .inputs import numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_WRITTEN_SIDE = 12
"""The most rows or columns of a matrix whose cells hold their numbers."""


@checked
def jacobian(matrix: Any, *, labels: Any = None, ax: Axes | None = None) -> Axes:
    """A Jacobian as a heat map: rows are outputs, columns inputs, blue is positive and red negative.

    matrix (m, n), J_ij = dy_i / dx_j. labels: (names of the rows, names of the columns), numbered by default.
    """
    matrix = numbers("matrix", matrix)
    if matrix.ndim != 2 or not matrix.size:
        raise ValueError(f"matrix {matrix.shape} must be (outputs, inputs), one derivative or more")
    names = tuple(
        [f"{letter}{i}" for i in range(size)] for letter, size in zip("yx", matrix.shape, strict=True)
    )
    if labels is not None:
        listed = isinstance(labels, list | tuple) and not any(isinstance(part, str | None) for part in labels)
        names = tuple(list(map(str, part)) for part in labels) if listed else ()
        if tuple(map(len, names)) != matrix.shape:
            m, n = matrix.shape
            raise ValueError(f"labels {labels!r} must be ({m} names of rows, {n} names of columns)")
    ax = style.axes(ax)
    largest = float(np.max(np.abs(matrix), initial=0.0, where=np.isfinite(matrix))) or 1.0
    image = cells(ax, matrix, style.SIGNS, (-largest, largest), names, ".2g")
    if max(matrix.shape) > MAX_WRITTEN_SIDE:
        bar = ax.figure.colorbar(image, ax=ax)
        bar.set_label("∂yᵢ / ∂xⱼ", fontsize=style.NORMAL)
    return style.finish(ax, "input j", "output i", title="Jacobian ∂yᵢ / ∂xⱼ", grid=False, legend=None)


def cells(
    ax: Axes, matrix: np.ndarray, colours: str, limits: tuple[float, float], names: Any, form: str
) -> Any:
    """A matrix as coloured cells, with names at the edges and numbers in the cells if they fit."""
    # square cells would make a long matrix a thread
    aspect = "equal" if max(matrix.shape) <= 5 * min(matrix.shape) else "auto"
    low, high = limits
    image = ax.imshow(matrix, cmap=colours, vmin=low, vmax=high, interpolation="nearest", aspect=aspect)
    crowded = max(matrix.shape) > MAX_WRITTEN_SIDE
    if max(matrix.shape) <= 2 * MAX_WRITTEN_SIDE:
        rows, columns = ([str(name) for name in part] for part in names)
        ax.set_yticks(range(len(rows)), rows)
        long = sum(map(len, columns)) > 40
        ax.set_xticks(range(len(columns)), columns, rotation=90 if long else 0)
    if not crowded:
        for (i, j), value in np.ndenumerate(matrix):
            red, green, blue, _ = image.cmap(image.norm(value))
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            colour = "white" if dark else "black" if value else "0.5"
            look: dict[str, Any] = {"color": colour, "fontsize": style.SMALL + (max(matrix.shape) <= 8)}
            ax.text(j, i, format(value, form), ha="center", va="center", **look)
    return image
