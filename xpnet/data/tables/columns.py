"""Columns: the statistics and categories of a table, by which every later table gives the same features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...calls import checked_class
from ...describe import Description
from .cells import columns_of, listed
from .column_types import Dropped, Number, Text
from .inference import learn_column
from .target import Target


@checked_class
@dataclass(frozen=True)
class Columns(Description):
    """The statistics and categories of a table's columns: their own JSON, saved with a model as `model.columns`.

    columns: a Number, a Text or a Dropped for each column but the target, in the table's order.
    target: the column to predict, or None.
    notes: a sentence for each decision and each corrected cell.

    >>> frame = xn.data.read_csv("xpnet/data/iris.csv")
    >>> columns = xn.data.Columns.learn(frame, target="species")
    >>> columns.inputs(frame).shape
    (150, 4)
    """

    columns: tuple[Number | Text | Dropped, ...]
    target: Target | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        kinds = (Number, Text, Dropped)
        if not isinstance(self.columns, tuple) or not all(
            isinstance(column, kinds) for column in self.columns
        ):
            raise TypeError(f"columns {self.columns!r} must be a tuple of Number, Text and Dropped")
        if self.target is not None and not isinstance(self.target, Target):
            raise TypeError(f"target {self.target!r} must be a Target or None")
        if not isinstance(self.notes, tuple) or not all(isinstance(note, str) for note in self.notes):
            raise TypeError(f"notes {self.notes!r} must be a tuple of texts")
        names = [column.name for column in self.columns] + ([self.target.name] if self.target else [])
        if len(set(names)) < len(names):
            raise ValueError(f"columns: each name once was wanted, {listed(names)} came")
        if not self.width:
            raise ValueError(
                "no column is left to learn from: "
                + (
                    "; ".join(f"{column.name!r}: {column.reason}" for column in self.dropped)
                    or "none was given"
                )
            )

    @classmethod
    def learn(cls, frame: Any, *, target: str | None = None, task: str | None = None) -> Columns:
        """Statistics and categories of the rows of a table: give it the rows that the network trains on.

        target: a column's name, None for the last. task: "classification", "regression", or None to infer it from the
        target's values. Rows without a target are left out, as by `arrays`.
        A column is a Number if at least 95 % of its filled cells are numbers; its few words count as missing. Whole
        numbers of which some begin with 0 are text, and so is every other column. Dropped are columns with one value,
        text that differs in every row, and whole numbers that differ in every row under a name that numbers the rows
        (id, index, no name). Of more than 100 texts the 100 most frequent are kept, the rest is one more category.
        ValueError where no column is left to learn from.
        """
        found = Target.learn(frame, target, task)
        there, _, said = found.values(frame)
        kinds, notes = [], [found.why, *said]
        for name, series in columns_of(frame).items():
            if name != found.name:
                kind, said = learn_column(name, series[there])
                kinds.append(kind)
                notes += said
        notes += [
            f"column {kind.name!r} is left out: {kind.reason}" for kind in kinds if isinstance(kind, Dropped)
        ]
        return cls(tuple(kinds), found, tuple(notes))

    @property
    def features(self) -> tuple[str, ...]:
        """The names of x's columns, such as "age", "age missing", "sex=female"."""
        return tuple(name for column in self.columns for name in column.features)

    @property
    def width(self) -> int:
        """The number of features of a row."""
        return len(self.features)

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """The columns without features."""
        return tuple(column for column in self.columns if isinstance(column, Dropped))

    @property
    def labels(self) -> tuple[Any, ...]:
        """The classes in order; none for a regression."""
        return self.target.labels if self.target else ()

    def arrays(self, frame: Any) -> tuple[np.ndarray, np.ndarray]:
        """(x (n, width) float32, y (n,)) of the rows that have a target.

        y: for a classification the labels, text or numbers as objects, which a Model takes unchanged; for a regression
        (value - mean) / scale as float32. LabelError for a label that was not learned.
        """
        if self.target is None:
            raise ValueError("these columns have no target: inputs(frame) gives x alone")
        there, y, _ = self.target.values(frame)
        return self.inputs(frame[there]), y

    def inputs(self, frame: Any) -> np.ndarray:
        """x (n, width) float32 of every row, for `Model.predict`; the target's column may be there or not.

        Columns may come in any order. ValueError names all missing columns.
        """
        return self.inputs_and_notes(frame)[0]

    def inputs_and_notes(self, frame: Any) -> tuple[np.ndarray, tuple[str, ...]]:
        """(x as `inputs` returns it, notes): a sentence for unknown columns, unseen categories, words and gaps."""
        given = columns_of(frame)
        wanted = [column for column in self.columns if not isinstance(column, Dropped)]
        known = {column.name for column in self.columns} | ({self.target.name} if self.target else set())
        extra = [name for name in given if name not in known]
        absent = [column.name for column in wanted if column.name not in given]
        if absent:
            raise ValueError(f"the table lacks {listed_with_nearest(absent, extra)}")
        notes = [f"unknown columns, ignored: {listed(extra)}"] if extra else []
        x, start = np.zeros((len(frame), self.width), "float32"), 0
        for column in wanted:
            end = start + len(column.features)
            notes += column.fill(x[:, start:end], given[column.name].rename(column.name))
            start = end
        return x, tuple(notes)

    def restore(self, outputs: Any) -> Any:
        """Predictions in the target's own units: outputs * scale + mean for a regression, labels as they are."""
        if self.target is None or self.target.labels:
            return outputs
        return np.asarray(outputs, "float64") * self.target.scale + self.target.mean


def listed_with_nearest(absent: list[str], extra: list[str]) -> str:
    """The missing columns, each with the nearest extra one, for a sentence: 'age' (is it 'Age'?), 'sex'."""
    import difflib  # only an error needs it

    folded = {name.casefold(): name for name in extra}
    said = []
    for name in absent:
        near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
        said.append(f"{name!r} (is it {folded[near[0]]!r}?)" if near else repr(name))
    what = "the column" if len(said) == 1 else f"{len(said)} columns:"
    return f"{what} {', '.join(said)}"
