"""Column types of a table, number, text and dropped, and their features."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...describe import Description
from .cells import Cells, as_numbers, as_text, counted, examples, import_pandas, place


@dataclass(frozen=True)
class Kind(Description):
    """The base of the column types: a column by its name."""

    name: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.name, str):
            raise TypeError(f"name {self.name!r} must be text")

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its features."""
        return ()

    def fill(self, x: np.ndarray, series: Any) -> list[str]:
        """Writes the column's features into x (n, len(features)), which holds zeros; returns notes."""
        return []


@dataclass(frozen=True)
class Number(Kind):
    """A column of numbers, standardised: (value - mean) / scale, and 0 for a missing value.

    With `missing` a second feature is 1 where the value is missing, else 0.
    """

    mean: float = 0.0
    scale: float = 1.0
    missing: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_standard(self.mean, self.scale)
        if not isinstance(self.missing, bool):
            raise TypeError(f"missing {self.missing!r} must be True or False")

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its features."""
        return (self.name, f"{self.name} missing") if self.missing else (self.name,)

    def fill(self, x: np.ndarray, series: Any) -> list[str]:
        """Standardises; ValueError for a number beyond float32, and where most cells are words."""
        values, notes = read_numbers(as_numbers(series))
        absent = np.isnan(values)
        with np.errstate(over="ignore"):  # overflow is checked below
            x[:, 0] = np.where(absent, 0.0, (values - self.mean) / self.scale)
        far = np.flatnonzero(~np.isfinite(x[:, 0]))
        if len(far):
            raise ValueError(
                f"column {self.name!r} holds {examples(series, far[:1])}, too far from the mean {self.mean:g} "
                "of the training rows for float32: correct it, or leave it empty"
            )
        if self.missing:
            x[:, 1] = absent
        elif absent.any():
            notes.append(
                f"column {self.name!r}: {counted(int(absent.sum()), 'value')} missing, unlike in "
                f"training: the mean {self.mean:g} is used ({place(series, int(absent.argmax()))}, ...)"
            )
        return notes


@dataclass(frozen=True)
class Text(Kind):
    """A column of text, one-hot: a feature for each of its categories; a missing text is the category "".

    With `other` a last feature is 1 for every other text; without it, other texts are 0 in all features.
    """

    categories: tuple[str, ...] = ()
    other: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        known = self.categories
        if not isinstance(known, tuple) or not all(isinstance(text, str) for text in known):
            raise TypeError(f"categories {known!r} must be a tuple of texts")
        if not known or len(set(known)) < len(known):
            raise ValueError(f"categories {known!r}: each once, and at least one, was wanted")
        if not isinstance(self.other, bool):
            raise TypeError(f"other {self.other!r} must be True or False")

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its features."""
        names = tuple(f"{self.name}={text}" for text in self.categories)
        return (*names, f"{self.name} other") if self.other else names

    def fill(self, x: np.ndarray, series: Any) -> list[str]:
        """Writes one-hot rows; a note counts the texts without a category."""
        text = as_text(series)
        codes = import_pandas().Index(self.categories, dtype=object).get_indexer(text)
        unknown = np.flatnonzero(codes < 0)
        x[np.arange(len(codes)), codes] = 1  # code -1 is the last feature: "other", where there is one
        if self.other or not len(unknown):
            return []
        x[unknown] = 0
        different = len(set(text.iloc[unknown]))
        return [
            f"column {self.name!r}: {counted(len(unknown), 'unknown value')}, {different} different, such as "
            f"{examples(text, unknown[:1])}: ignored"
        ]


@dataclass(frozen=True)
class Dropped(Kind):
    """A column without features, and the reason."""

    reason: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.reason, str):
            raise TypeError(f"reason {self.reason!r} must be text")


def read_numbers(cells: Cells) -> tuple[np.ndarray, list[str]]:
    """(float64 with NaN for a missing number, notes) of a numeric column.

    A note names the words, which count as missing. ValueError where more than half of the filled cells are words, and
    for an infinite number.
    """
    series = cells.series
    cells.check_finite()
    words = np.flatnonzero(cells.words)
    if not len(words):
        return cells.values, []
    if len(words) > np.count_nonzero(~np.isnan(cells.values)):
        raise ValueError(
            f"column {series.name!r} holds {examples(series, words[:1])}, but numbers were learned: "
            f"{len(words)} of {len(series)} cells are words; is this another table, or another column?"
        )
    what = counted(len(words), "word")
    return cells.values, [
        f"column {series.name!r}: {what} among numbers treated as missing: {examples(series, words)}"
    ]


def standard(values: np.ndarray) -> tuple[float, float]:
    """(mean, population standard deviation) of finite numbers that differ; computed on [0, 1] against overflow."""
    low, high = float(values.min()), float(values.max())
    span = high - low
    if not math.isfinite(span):
        raise OverflowError(f"from {low:g} to {high:g}: rescale them")
    z = (values - low) / span
    return low + span * float(z.mean()), span * float(z.std())


def check_standard(mean: Any, scale: Any) -> None:
    """ValueError or TypeError unless mean is finite and scale is finite and above 0."""
    for name, value in (("mean", mean), ("scale", scale)):
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise TypeError(f"{name} {value!r} must be a finite number")
    if scale <= 0:
        raise ValueError(f"scale {scale!r} must be above 0")
