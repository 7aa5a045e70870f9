"""The target: the column to predict, labels or numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...calls import checked_class
from ...describe import Description
from ...errors import LabelError, choose, unknown
from ..batching import split
from .cells import as_numbers, as_text, columns_of, counted, examples, listed
from .column_types import check_standard, read_numbers, standard

TASKS = ("classification", "regression")
_MAX_NUMERIC_LABELS = 20
"""Whole numbers of at most this many different values are labels."""


@checked_class
@dataclass(frozen=True)
class Target(Description):
    """The column to predict.

    task: "classification", with the labels in order, all texts or all numbers; or "regression", with mean and scale.
    why: a sentence on the choice of the task.

    >>> frame = xn.data.read_csv("xpnet/data/iris.csv")
    >>> xn.data.Target.learn(frame, "species").labels
    ('setosa', 'versicolor', 'virginica')
    """

    name: str
    task: str = "regression"
    labels: tuple[Any, ...] = ()
    mean: float = 0.0
    scale: float = 1.0
    why: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("name", "why"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name} {getattr(self, name)!r} must be text")
        choose("task", self.task, TASKS)
        check_standard(self.mean, self.scale)
        labels = self.labels
        if not isinstance(labels, tuple) or (self.task == "classification") != (len(labels) > 1):
            raise ValueError(
                f"labels {labels!r}: a tuple of two or more for a classification, else () was wanted"
            )
        if not (
            all(isinstance(label, str) for label in labels)
            or all(isinstance(label, int | float) and not isinstance(label, bool) for label in labels)
        ):
            raise TypeError(f"labels {labels!r} must be all text or all numbers")
        if len(set(labels)) < len(labels):
            raise ValueError(f"labels {labels!r}: each once was wanted")

    @classmethod
    def learn(cls, frame: Any, name: str | None = None, task: str | None = None) -> Target:
        """The column of this name, or the last; the task is inferred from its values, unless it is given.

        Texts are labels. Whole numbers of at most 20 different values, each of which occurs twice or more, are labels
        too. Other numbers are regressed. ValueError for an unknown name, for a column in which all texts differ or all
        are equal, and for a task that does not fit.
        """
        columns = columns_of(frame)
        name = list(columns)[-1] if name is None and columns else name
        if name not in columns:
            raise unknown("target", name, columns)
        if task is not None:
            choose("task", task, TASKS)
        series = columns[name].rename(name)
        cells = as_numbers(series)
        if not cells.numeric:
            return cls._of_texts(name, as_text(series), task)
        values, _ = read_numbers(cells)
        found = values[~np.isnan(values)]
        different, counts = np.unique(found, return_counts=True)
        if len(different) == 1:
            raise _one_value(name, f"{different[0]:g}")
        labels = tuple(int(value) if value == np.floor(value) else float(value) for value in different)
        whole = all(isinstance(label, int) for label in labels)
        few = whole and len(labels) <= _MAX_NUMERIC_LABELS and bool((counts > 1).all())
        why = f"target {name!r} holds {len(labels)} different {'whole ' if few else ''}numbers"
        if task == "classification" or (few and task is None):
            return cls(name, "classification", labels, why=_why(why, "classification", task))
        try:
            mean, scale = standard(found)
        except OverflowError as error:
            raise ValueError(f"target {name!r} holds numbers {error}") from None
        return cls(name, "regression", mean=mean, scale=scale or 1.0, why=_why(why, "regression", task))

    @classmethod
    def _of_texts(cls, name: str, text: Any, task: str | None) -> Target:
        there = text[text != ""]
        labels = tuple(sorted(set(there)))
        if not labels:
            raise ValueError(f"target {name!r} has no values: choose another column")
        if task == "regression":
            raise ValueError(
                f"target {name!r} holds text, such as {examples(there, [0])}, and a regression takes numbers: "
                "leave task out, or choose another column"
            )
        if len(labels) == 1:
            raise _one_value(name, labels[0])
        if len(labels) == len(there) > 2:
            raise ValueError(
                f"target {name!r} has a different text in every row: nothing can be learned from it"
            )
        why = f"target {name!r} has {len(labels)} different texts"
        return cls(name, "classification", labels, why=_why(why, "classification", task))

    def split(self, frame: Any, share: float, *, seed: int = 0) -> tuple[Any, Any]:
        """(to learn from, held out): the rows that have a target, the share held out of every class alike."""
        there, y, _ = self.values(frame)
        strata = np.unique(y, return_inverse=True)[1] if self.labels else None
        kept, held = split(len(y), share, seed=seed, strata=strata)
        rows = np.flatnonzero(there)
        return frame.iloc[rows[kept]], frame.iloc[rows[held]]

    def values(self, frame: Any) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """(True for the rows with a target, y of those rows, notes); y as `Columns.arrays` returns it.

        LabelError for a label that was not learned.
        """
        columns = columns_of(frame)
        if self.name not in columns:
            raise unknown("target", self.name, columns)
        series = columns[self.name].rename(self.name)
        notes: list[str] = []
        if self.labels and isinstance(self.labels[0], str):
            text = as_text(series)
            there = (text != "").to_numpy()
            y = text.to_numpy()[there]
        else:
            values, notes = read_numbers(as_numbers(series))
            there = ~np.isnan(values)
            y = values[there]
        if not there.all():
            notes.append(f"{counted(int((~there).sum()), 'row')} without a target {self.name!r} left out")
        if not there.any():
            raise ValueError(f"target {self.name!r} has no values: give rows that have one")
        if not self.labels:
            with np.errstate(over="ignore"):  # a Model refuses what becomes infinite
                return there, ((y - self.mean) / self.scale).astype("float32"), notes
        known = np.asarray(self.labels, None if isinstance(self.labels[0], str) else object)
        numbers = {label: number for number, label in enumerate(self.labels)}
        codes = np.array([numbers.get(label, -1) for label in y.tolist()])
        if (codes < 0).any():
            row = np.flatnonzero(there)[np.argmax(codes < 0)]
            raise LabelError(
                f"target {self.name!r} holds {examples(series, [row])}, which was not learned: known are "
                f"{listed(self.labels)}"
            )
        return there, known[codes], notes


def _why(found: str, task: str, given: str | None) -> str:
    return f"{found}: {task}" + (", as asked" if given else "")


def _one_value(name: str, value: Any) -> ValueError:
    return ValueError(f"target {name!r} is {value} in every row: nothing can be learned from it")
