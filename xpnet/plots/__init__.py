"""Plots with matplotlib, the extra `plots`: functions, descents, training, classes, networks.

Each function draws on `ax`, or on a new figure's axes where ax is None, and returns the axes. Arrays may be of any
library. A function of two variables is f(x) with x (..., 2) -> (...), `lambda x: x[..., 0] ** 2 + x[..., 1] ** 2`.
No global setting of matplotlib is changed, and matplotlib is imported at the first plot.
"""

from __future__ import annotations

from .classes import confusion_matrix, decision_regions
from .curves import fitted_curve, function, tangent_line
from .live import Live
from .matrices import jacobian
from .networks import network
from .style import COLOURS
from .surfaces import descent_path, gradient_field, tangent_plane
from .training import learning_curves, weight_histograms

__all__ = [
    "COLOURS",
    "Live",
    "confusion_matrix",
    "decision_regions",
    "descent_path",
    "fitted_curve",
    "function",
    "gradient_field",
    "jacobian",
    "learning_curves",
    "network",
    "tangent_line",
    "tangent_plane",
    "weight_histograms",
]


def __dir__() -> list[str]:
    return sorted(__all__)
