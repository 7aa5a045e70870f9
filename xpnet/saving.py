"""A model as a file: its configuration as JSON, its training state as arrays."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from .backends import Backend, get
from .data import Targets
from .data.tables import COLUMNS, Columns
from .describe import within
from .errors import ModelFileError, file_path, shown, warn
from .io import flat_state, from_config, nested_state, read, to_config, write
from .io.whole import MODEL, settle
from .layers import LAYERS
from .ops import Loss
from .optim import OPTIMIZERS
from .optim.schedules import SCHEDULES
from .train import History, Trainer
from .typing import Shape

CLASSES = {
    cls.__name__: cls
    for cls in (
        *(*LAYERS.values(), Loss, Targets, *COLUMNS.values()),
        *(*OPTIMIZERS.values(), *SCHEDULES.values()),
    )
}
"""The classes that a model file may name."""
HISTORY = ("epoch", "loss", "val_loss", "val_accuracy")
"""The columns of a history that `fit` writes; a user may add others."""


def save(path: str | os.PathLike[str], model: Any, trainer: Trainer) -> None:
    """Writes a model with its optimizer state, whole or not at all."""
    for given in within(model.network):
        ours = CLASSES.get(type(given).__name__)
        if ours is not None and given.__class__ is not ours:
            raise TypeError(
                f"{given!r} cannot be saved: xpnet has a {type(given).__name__} too, rename your class"
            )
    config = {
        "network": to_config(model.network),
        "loss": to_config(model.loss),
        "optimizer": to_config(model.optimizer),
        "reduction": model.reduction,
        "dtype": model.dtype,
        "seed": model.seed,
        "input_shape": to_config(model.input_shape),
        "targets": to_config(model.targets),
        "epochs": trainer.epochs,
        "history": dict(model.history),
    }
    if model.feature_names is not None:
        config["feature_names"] = list(model.feature_names)
    if model.columns is not None:
        config["columns"] = to_config(_made_x(model.columns, model.input_shape))
    write(path, flat_state(trainer.dump()), config)


def load(
    restored: Callable[..., Any],
    path: str | os.PathLike[str],
    backend: Any,
    device: Any,
    custom: Iterable[type],
) -> Any:
    """The model in a file; see `xpnet.load`.

    restored(given, input_shape=..., fill=..., epochs=..., targets=..., history=...): makes the model of the arguments
    `given` and puts the state of the file into it. fill: turns a state of shapes alone into the file's, so that shapes
    are compared before any array of their size is made. targets: checks those of the file against the model's.
    """
    own: tuple[Any, ...] = (None,)
    if isinstance(custom, Iterable) and not isinstance(custom, str | type):
        own = tuple(custom)
    if not all(isinstance(cls, type) for cls in own):
        raise TypeError(f"custom: a list of classes was wanted, such as [MyLayer], {shown(custom)} came")
    place = backend if backend is None or isinstance(backend, Backend) else get(backend, device)
    path = model_file(path)
    arrays, config = read(path)
    classes = {**CLASSES, **{cls.__name__: cls for cls in own}}
    try:
        parts = ("network", "loss", "optimizer", "targets")
        made = {name: from_config(config[name], classes) for name in parts}
        found = made.pop("targets")
        options = {name: config[name] for name in ("reduction", "dtype", "seed")}
        model = restored(
            {**made, **options, "backend": place, "device": device if place is None else None},
            input_shape=config["input_shape"],
            fill=lambda state: nested_state(_sane(arrays), like=state),
            epochs=_count(config["epochs"]),
            targets=lambda wanted, output_shape: _fitting(found, wanted, output_shape),
            feature_names=_names(config.get("feature_names"), config["input_shape"]),
            history=_history(config["history"]),
        )
        if config.get("columns") is not None:
            model.columns = _made_x(from_config(config["columns"], classes), model.input_shape)
    except (AttributeError, KeyError, TypeError, ValueError, MemoryError, RecursionError) as error:
        raise ModelFileError(f"{os.fspath(path)}: the file does not describe a model: {error}") from error
    return model


def model_file(path: str | os.PathLike[str]) -> Path:
    """The model file of a path: the file itself, or the one in a run's folder."""
    place = file_path("path", path)
    folder = place if place.is_dir() else place.parent
    said = settle(folder)
    if said is not None:
        warn(said, RuntimeWarning)
    if place == folder and not (folder / MODEL).exists():
        raise IsADirectoryError(
            f"path {str(place)!r} cannot be read, it is a folder without a {MODEL}: give a file that model.save wrote, "
            "or the folder of a run"
        )
    return folder / MODEL if place == folder else place


def _fitting(targets: Any, wanted: Targets, output_shape: Shape) -> Targets:
    same = ("kind", "outputs", "ignored", "threshold")
    if not isinstance(targets, Targets) or any(getattr(targets, k) != getattr(wanted, k) for k in same):
        raise ValueError(f"the targets {targets!r} do not fit the loss, which takes {wanted}")
    if not isinstance(targets.vector, bool) or (targets.vector and output_shape != (targets.outputs,)):
        raise ValueError(f"vector {targets.vector!r} does not fit the outputs {output_shape}")
    told_apart = output_shape[-1] if targets.kind == "classes" else 2
    if targets.labels is not None and len(targets.labels) != told_apart:
        raise ValueError(f"{len(targets.labels)} labels do not fit the outputs {output_shape}")
    _check_labels(targets.labels, targets.dtype)
    return targets


def _check_labels(labels: tuple[Any, ...] | None, dtype: str | None) -> None:
    """ValueError for labels that no y can hold, or a dtype that does not hold them."""
    if labels is None:
        if dtype is not None and np.dtype(dtype).kind not in "biuf":
            raise ValueError(f"targets without labels are numbers, which the dtype {dtype!r} does not hold")
        return
    for label in labels:
        if not isinstance(label, str | int | float):
            raise ValueError(f"labels must be texts or numbers, {shown(label)} came")
    if len(set(labels)) < len(labels):
        raise ValueError(f"labels {shown(labels)}: each once was wanted")
    try:
        held = None if dtype is None else np.asarray(labels, dtype=dtype).tolist()
    except (TypeError, ValueError, OverflowError):
        held = None
    if held != list(labels):
        raise ValueError(f"the dtype {dtype!r} does not hold the labels {shown(labels)}")


def _made_x(columns: Any, input_shape: Shape) -> Columns:
    """The columns; TypeError or ValueError where they cannot have made x."""
    if not isinstance(columns, Columns):
        raise TypeError(f"model.columns: xn.data.Columns were wanted, or None, {columns!r} came")
    if (columns.width,) != input_shape:
        raise ValueError(
            f"model.columns make {columns.width} features of a row, and the model takes {input_shape}: set those that "
            "its x came from, or None"
        )
    return columns


def _names(names: Any, input_shape: Any) -> tuple[str, ...] | None:
    """The names of x's columns; ValueError unless they are texts, one for each feature of a sample."""
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"feature_names: a list of texts was wanted, {shown(names)} came")
    if [len(names)] != list(input_shape):
        raise ValueError(
            f"{len(names)} feature_names do not fit samples of the shape {shown(tuple(input_shape))}"
        )
    return tuple(names)


def _count(epochs: Any) -> int:
    if not isinstance(epochs, int) or isinstance(epochs, bool) or epochs < 0:
        raise ValueError(f"epochs {epochs!r} must be 0 or more")
    return epochs


def _history(columns: Any) -> History:
    if not isinstance(columns, dict) or not all(isinstance(column, list) for column in columns.values()):
        raise ValueError("history must hold a list for each name")
    for name, column in columns.items():
        kinds = int | float | None if name in HISTORY else str | int | float | None
        if not all(isinstance(value, kinds) for value in column):
            raise ValueError(f"history: the column {name!r} must hold numbers")
    if len({len(columns[name]) for name in HISTORY if name in columns}) > 1:
        raise ValueError("history must hold a value for each epoch")
    return History(columns)


def _sane(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays; ValueError for a number of steps or a learning rate that no training leaves."""
    for name in ("step", "lr"):
        if name in arrays and not (np.isfinite(arrays[name]) & (arrays[name] >= 0)).all():
            raise ValueError(f"{name} must be finite numbers, 0 or more")
    return arrays
