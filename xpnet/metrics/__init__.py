"""How good predictions are, computed where the arrays live; definitions and defaults are scikit-learn's.

Truth comes first, then predictions. Labels are integers or, as NumPy arrays, text; scores are (n, classes), whose
columns are the classes 0, 1, ..., or (n,) for the class 1. A list or a NumPy array beside another library's goes where
that is. What is undefined, such as the precision of a class that is never predicted, is 0.
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
