"""Predictions, scores and a description of a trained model, for the command line."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data.tables import Number, Text
from ..model import Model, load
from .scores import baseline, restored, score
from .sources import absent, rows


def load_model(path: str | os.PathLike[str], *, backend: Any = None, device: Any = None) -> Model:
    """The model in a model file, or in the folder of a run."""
    place = Path(path)
    if not place.exists():
        raise absent("model", str(path))
    return load(place, backend=backend, device=device)


def predict(model: Model, data: str, *, proba: bool = False) -> tuple[dict[str, list[Any]], tuple[str, ...]]:
    """(columns by name, notes) for the rows of a data file.

    columns: "prediction", in the units of the target, or "prediction 0" and so on for a target of several numbers.
    proba: adds "probability of LABEL" for each label; ValueError for a model without probabilities.
    """
    labels, loss = names(model), model.loss_op
    scores = getattr(loss, "link", None) is None and getattr(loss, "threshold", 0.5) != 0.5  # as hinge's
    if proba and (scores or not labels):
        gives = "gives scores" if labels else "predicts numbers"
        raise ValueError(f"probabilities are of labels, and this model {gives}: leave --proba out")
    if proba and _places(model) > 1:
        raise ValueError(
            f"this model predicts {_places(model)} labels for each sample, whose probabilities are no columns of a "
            "table: leave --proba out"
        )
    x, _, notes = rows(model, data, target=False)
    found = restored(model, model.predict(x))
    several = (
        {"prediction": found.reshape(len(found))}
        if found.size == len(found)
        else {f"prediction {i}": part for i, part in enumerate(found.reshape(len(found), -1).T)}
    )
    columns = {name: _plain(part, model.dtype) for name, part in several.items()}
    if proba:
        shares = np.asarray(model.predict_proba(x))
        if shares.shape[1] == 1:  # of the second label
            shares = np.concatenate([1 - shares, shares], axis=1)
        for label, share in zip(labels, shares.T, strict=True):
            columns[f"probability of {label}"] = _plain(share, model.dtype)
    return columns, notes


def _plain(found: np.ndarray, dtype: str) -> list[Any]:
    """A list of Python values; floats are rounded to the digits of the model's dtype."""
    if found.dtype.kind != "f":
        return found.tolist()
    digits = np.finfo(dtype).precision + 1
    return [float(f"{value:.{digits}g}") for value in found.tolist()]


def evaluate(model: Model, data: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """(scores, notes) on data with targets, beside the baseline of the same data."""
    x, y, notes = rows(model, data, target=True)
    found = score(model, x, y)
    rate, says = baseline(model, y, y)
    assert model.backend is not None
    return {
        "samples": len(x),
        "backend": model.backend.name,
        "device": model.backend.device_name,
        "scores": found,
        "baseline": rate,
        "baseline_says": says,
    }, notes


def names(model: Model) -> tuple[Any, ...]:
    """The labels of a classifier; none for a model that predicts numbers."""
    kind, outputs = model.targets.kind, math.prod(model.output_shape)
    if kind == "values" or (kind == "binary" and outputs > 1):
        return ()
    return model.targets.labels or tuple(range(2 if kind == "binary" else model.output_shape[-1]))


def _places(model: Model) -> int:
    """The number of labels that a model predicts for each sample."""
    return math.prod(model.output_shape[:-1])


def describe(model: Model) -> dict[str, Any]:
    """A description of a model: network, training, inputs and outputs, in words and numbers."""
    columns = model.columns
    told = []
    for column in columns.columns if columns else ():
        if isinstance(column, Number):
            told.append((column.name, f"a number, {column.mean:.4g} +- {column.scale:.4g}"))
        elif isinstance(column, Text):
            told.append((column.name, _some(column.categories)))
    shape = " x ".join(map(str, model.input_shape or ()))
    labels, target = names(model), columns and columns.target
    of = f" of {target.name!r}" if target else ""
    each = f" at each of {_places(model)} places" if _places(model) > 1 else ""
    return {
        "network": repr(model.network),
        "parameters": sum(math.prod(p.shape) for p in model.params.values()),
        "dtype": model.dtype,
        "loss": str(model.loss),
        "optimizer": repr(model.optimizer),
        "epochs": model.history.epochs,
        "last": {
            name: value
            for name, value in model.history.last().items()
            if value is None or (isinstance(value, int | float) and math.isfinite(value))
        },
        "expects": f"{len(told)} columns; numbers as mean +- standard deviation"
        if told
        else f"{shape} numbers a sample",
        "columns": dict(told),
        "labels": list(labels),
        "answers": f"{len(labels)} labels{of}{each}: {_some(labels)}" if labels else f"numbers{of}",
    }


def _some(values: Sequence[Any], most: int = 10) -> str:
    """The first values, as text."""
    return ", ".join(map(repr, values[:most])) + (", ..." if len(values) > most else "")
