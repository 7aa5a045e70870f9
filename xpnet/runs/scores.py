"""Scores of a model in the units of the target, and the baseline: the best constant prediction."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..model import Model


def score(model: Model, x: Any, y: Any) -> dict[str, float]:
    """The loss, and the accuracy for labels; for numbers rmse and mae in the units of the target, and r2.

    r2 = 1 - sum (y - predicted)^2 / sum (y - mean y)^2. Scores that are not finite are left out, as r2 for a
    constant y.
    """
    found = model.evaluate(x, y)
    if "accuracy" not in found:
        given = restored(model, y)
        answers = restored(model, model.predict(x)).reshape(given.shape)  # (n, 1) beside (n,) would be (n, n)
        with np.errstate(over="ignore", invalid="ignore"):  # scores that are not finite are left out
            errors, spread = np.square(answers - given), np.square(given - given.mean(axis=0))
            found["rmse"] = math.sqrt(np.mean(errors))
            found["mae"] = float(np.mean(np.abs(answers - given)))
            found["r2"] = float(1 - np.sum(errors) / np.sum(spread)) if spread.any() else math.nan
    return {name: value for name, value in found.items() if math.isfinite(value)}


def restored(model: Model, outputs: Any) -> np.ndarray:
    """A model's outputs in the units of its table's target; labels unchanged."""
    if model.columns is None:
        return np.asarray(outputs)
    return np.asarray(model.columns.restore(outputs))


def baseline(model: Model, learned: Any, scored: Any) -> tuple[float | None, Any]:
    """(score, prediction) of the best constant: the accuracy of the most frequent label, or the rmse of the mean.

    learned: the targets that the constant is computed from. scored: the targets that it is scored on.
    Labels that the loss ignores do not count. The score is None if it is not finite.
    """
    if model.targets.kind == "values":
        mean = restored(model, learned).mean(axis=0)
        with np.errstate(over="ignore"):
            rmse = math.sqrt(np.mean(np.square(restored(model, scored) - mean)))
        return rmse if math.isfinite(rmse) else None, mean.tolist()
    learned, scored = (y[y != model.targets.ignored] for y in map(np.asarray, (learned, scored)))
    labels, counts = np.unique(learned, return_counts=True)
    says = labels[np.argmax(counts)]
    return float(np.mean(scored == says)), says.item() if hasattr(says, "item") else says
