"""Sources of samples: data sets by name, folders of IDX files, .npz files and CSV files."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from ..data import DATASETS, check_finite, check_numbers, idx_folder, read_npz, split
from ..data.tables import Columns, Number, Target, Text, read_csv
from ..errors import UnknownNameError, unknown
from .config import Config

HELD_OUT_SHARE = 0.2
"""The share of the samples that is held out by default."""


@dataclass
class Source:
    """The samples of a run.

    name: the name of the data, for the run's folder.
    train: (x, y) to learn from. held: (x, y) held out; None without any.
    decided: the settings that the data decided; with them, the same data yield the same samples.
    columns: the columns of a table, which the model keeps to treat later data alike; None for other data.
    notes: a sentence for each decision and each correction.
    """

    name: str
    train: tuple[np.ndarray, np.ndarray]
    held: tuple[np.ndarray, np.ndarray] | None
    decided: dict[str, Any]
    columns: Columns | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def classes(self) -> int:
        """The number of labels; 0 for a regression."""
        if self.decided["task"] == "regression":
            return 0
        return len(self.columns.labels if self.columns else np.unique(self.train[1]))

    @property
    def outputs(self) -> int:
        """The number of outputs that a network for these samples has."""
        return self.classes or math.prod(self.train[1].shape[1:])


def read(config: Config) -> Source:
    """The samples that a configuration names; ValueError or OSError if they cannot be read."""
    kind = _kind(config.data)
    given = config.data if kind == "set" else os.path.abspath(config.data)
    name = config.data if kind == "set" else Path(given).name.partition(".")[0] or "data"
    if kind == "csv":
        return _table(config, name, given)
    if config.target is not None:
        raise ValueError(f"target {config.target!r}: only the columns of a CSV file have names: leave it out")
    return _arrays(config, name, given, _samples(config.data, kind))


def rows(model: Any, data: str, *, target: bool) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """(x, y, notes) of the data that a model is applied to. If the data have a test set, it is that.

    target: False for data that may lack targets; y is then None.
    """
    kind, columns = _kind(data), model.columns
    if kind != "csv":
        if not target:
            *_, x = read_npz(data, targets=False) if kind == "npz" else _samples(data, kind)[:-1]
            return x if columns is None else _standard(x, columns), None, ()
        *_, x, y = _samples(data, kind)
        return *((x, y) if columns is None else _treated(columns, x, y)), ()
    if columns is None:
        raise ValueError(
            f"{data}: the model was not trained on a table: give it a data set, IDX files or .npz"
        )
    frame = read_csv(data)
    notes = frame.attrs["notes"]
    with _named(data):
        if not target:
            x, more = columns.inputs_and_notes(frame)
            return x, None, notes + more
        if columns.target is None:
            raise ValueError("the model's columns have no target to score its answers with")
        there, y, said = columns.target.values(frame)
        x, more = columns.inputs_and_notes(frame[there])
        return x, y, (*notes, *said, *more)


@contextmanager
def _named(data: str) -> Iterator[None]:
    """A context manager that adds the data's name to errors, and calls `validation_split` held_out."""
    try:
        yield
    except ValueError as error:
        raise type(error)(f"{data}: {error}".replace("validation_split", "held_out")) from error


def _kind(data: str) -> str:
    """The kind of source that a setting names: "set", "idx", "npz" or "csv"."""
    if data in DATASETS:
        return "set"
    if os.path.isdir(data):
        return "idx"
    if not os.path.exists(data):
        raise absent("data", data, DATASETS)
    return "npz" if data.endswith(".npz") else "csv"


def absent(what: str, path: str, names: Iterable[str] = ()) -> UnknownNameError:
    """The error for a path that does not exist: it suggests similar paths, and `names` if the path may be a name."""
    above, end = os.path.split(path)
    beside = os.listdir(above or ".") if os.path.isdir(above or ".") else []
    near = [os.path.join(above, name) for name in get_close_matches(end, beside, 3)]
    known = list(names)
    if known and not above and not os.path.splitext(end)[1]:
        return unknown(what, path, [*known, *near])
    hint = f": did you mean {near[0]!r}?" if near else ""
    return UnknownNameError(f"{what} {path!r} does not exist{hint}")


def _samples(data: str, kind: str) -> tuple[np.ndarray, ...]:
    """(x, y), or (x, y, x_test, y_test)."""
    if kind == "npz":
        return read_npz(data)
    return DATASETS[data]() if kind == "set" else idx_folder(data)


def _table(config: Config, name: str, given: str) -> Source:
    """The samples of a CSV file."""
    frame = read_csv(config.data)
    notes = frame.attrs["notes"]
    share = HELD_OUT_SHARE if config.held_out is None else config.held_out
    with _named(config.data):
        target = Target.learn(frame, config.target, config.task)
        train, held = target.split(frame, share, seed=config.seed) if share else (frame, None)
        columns = Columns.learn(train, target=target.name, task=target.task)
        both = columns.arrays(train), None if held is None else columns.arrays(held)
    decided = {"data": given, "target": target.name, "task": target.task, "held_out": share}
    said = [*notes, target.why, *target.values(frame)[2], *columns.notes[1:], *_gaps(columns)]
    return Source(name, *both, decided, columns, said)


def _gaps(columns: Columns) -> Iterator[str]:
    """Notes on the treatment of missing values."""
    numbers = [column.name for column in columns.columns if isinstance(column, Number) and column.missing]
    texts = [
        column.name for column in columns.columns if isinstance(column, Text) and "" in column.categories
    ]
    if numbers:
        yield f"missing numbers become the mean, and a feature marks them: {', '.join(numbers)}"
    if texts:
        yield f"missing texts become a category of their own: {', '.join(texts)}"


def _arrays(config: Config, name: str, given: str, arrays: tuple[np.ndarray, ...]) -> Source:
    """The samples of arrays. x is standardised unless it lies in [0, 1], as pixels do; y unless it holds labels."""
    for what, array in zip(("x", "y", "x_test", "y_test"), arrays, strict=False):
        if what.startswith("x") or array.dtype.kind == "f":
            check_numbers(what, array)
            check_finite(array, name=what)
    x, y = arrays[:2]
    number = y.dtype.kind == "f" or y.ndim > 1
    task = config.task or ("regression" if number else "classification")
    decided: dict[str, Any] = {"data": given, "task": task}
    if len(arrays) == 4:
        if config.held_out is not None:
            raise ValueError(
                f"held_out {config.held_out:g}: {config.data} has its own samples held out: leave it out"
            )
        train: tuple[Any, Any] = (x, y)
        held: tuple[Any, Any] | None = (arrays[2], arrays[3])
    else:
        decided["held_out"] = share = HELD_OUT_SHARE if config.held_out is None else config.held_out
        strata = np.unique(y, return_inverse=True)[1] if task == "classification" else None
        kept, rest = np.arange(len(x)), None
        if share:
            with _named(config.data):
                kept, rest = split(len(x), share, seed=config.seed, strata=strata)
        train, held = (x[kept], y[kept]), (x[rest], y[rest]) if rest is not None else None
    source = Source(name, train, held, decided)
    target = None
    if task == "regression":
        y = train[1].astype("float64")
        target = Target("y", task, mean=float(y.mean()), scale=float(y.std()) or 1.0)
    elif not np.array_equal(labels := np.unique(train[1]), np.arange(len(labels))):
        target = Target("y", task, tuple(labels.tolist()))
    if target is not None or train[0].min(initial=0) < 0 or train[0].max(initial=0) > 1:
        source.columns = _learned(train[0], target or Target("y", task, tuple(range(len(labels)))))
        source.train = _treated(source.columns, *train)
        source.held = held and _treated(source.columns, *held)
        source.notes.append("x is standardised by the means and standard deviations of the training samples")
    return source


def _learned(x: np.ndarray, target: Target) -> Columns:
    """The columns of arrays: one for each element of a sample."""
    flat = x.reshape(len(x), -1).astype("float64")
    standard = zip(flat.mean(axis=0).tolist(), flat.std(axis=0).tolist(), strict=True)
    return Columns(
        tuple(Number(f"x{i}", mean, scale or 1.0) for i, (mean, scale) in enumerate(standard)), target
    )


def _treated(columns: Columns, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x and y of arrays as the model takes them."""
    target = columns.target
    if target is None:
        return _standard(x, columns), y
    if not target.labels:
        y = ((y - target.mean) / target.scale).astype("float32")
    elif target.labels != tuple(range(len(target.labels))):
        y = y.astype(object)
    return _standard(x, columns), y


def _standard(x: np.ndarray, columns: Columns) -> np.ndarray:
    """x standardised by the columns' means and deviations; ValueError if the columns are not one for each element."""
    numbers = [column for column in columns.columns if isinstance(column, Number)]
    flat = x.reshape(len(x), -1).astype("float64")
    if len(numbers) != len(columns.columns) or flat.shape[1] != len(numbers):
        raise ValueError(
            f"x {x.shape} does not fit the model, which takes the {len(columns.columns)} columns of a table"
        )
    return (flat - [number.mean for number in numbers]) / [number.scale for number in numbers]
