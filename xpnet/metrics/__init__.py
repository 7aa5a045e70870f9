"""Metrics of predictions, computed on the arrays' own device; definitions and defaults are scikit-learn's.

Truth comes first, then predictions. Labels are integers or, as NumPy arrays, text. Scores are (n, classes), a column
for each of the classes 0, 1, ..., or (n,) for the class 1. A list or a NumPy array beside an array of another library
is copied to that library and device. An undefined ratio, such as the precision of a class never predicted, is 0.
"""

from __future__ import annotations

from .classes import accuracy, confusion_matrix, f1, precision, recall
from .named import METRICS
from .scores import log_loss, roc_auc, top_k_accuracy
from .values import mae, mse, r2

__all__ = [
    "METRICS",
    "accuracy",
    "confusion_matrix",
    "f1",
    "log_loss",
    "mae",
    "mse",
    "precision",
    "r2",
    "recall",
    "roc_auc",
    "top_k_accuracy",
]


def __dir__() -> list[str]:
    return sorted(__all__)
