"""Cells of a table's column, each read as a number, a word or missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import MissingExtraError

MISSING = ("", "-", "--", "?", ".", "na", "n/a", "#n/a", "nan", "nil", "none", "null")
"""Words that mean "missing" among numbers, in any case; among texts only an empty cell does."""

NUMERIC_SHARE = 0.95
"""A column with at least this share of numbers is numeric, and its words are taken as missing."""

_THOUSANDS = r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?"


def import_pandas() -> Any:
    """pandas, which holds tables; MissingExtraError without it."""
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError("tables", "pandas", "pip install 'xpnet[data]'") from error
    return pandas


def columns_of(frame: Any) -> dict[str, Any]:
    """The columns of a frame by name; TypeError for anything but a frame, ValueError for a duplicate name."""
    if not isinstance(frame, import_pandas().DataFrame):
        raise TypeError(
            f"frame: a DataFrame was wanted, such as read_csv returns, a {type(frame).__name__} came"
        )
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(
            f"the table has {names.count(twice)} columns of the name {twice!r}: rename all but one"
        )
    return {name: frame.iloc[:, number] for number, name in enumerate(names)}


@dataclass(frozen=True)
class Cells:
    """A column read as numbers.

    values: float64, NaN where a cell is missing or a word.
    words: True where a cell is a word.
    padded: all numbers are whole and some begin with 0, as zip codes do.
    """

    series: Any
    values: np.ndarray
    words: np.ndarray
    padded: bool = False

    @property
    def numeric(self) -> bool:
        """True for a numeric column: at least NUMERIC_SHARE of it are numbers, and it is not padded."""
        numbers = int(np.count_nonzero(~np.isnan(self.values)))
        there = numbers + int(np.count_nonzero(self.words))
        return numbers > 0 and not self.padded and numbers >= NUMERIC_SHARE * there

    def check_finite(self) -> None:
        """ValueError naming the first infinite number."""
        endless = np.flatnonzero(np.isinf(self.values))
        if len(endless):
            raise ValueError(
                f"column {self.series.name!r} holds {examples(self.series, endless[:1])}, which is not "
                "finite: correct it, or leave it empty"
            )


def as_numbers(series: Any) -> Cells:
    """A column as numbers: 1,234,567 and inf are numbers, True and False are words."""
    if getattr(series.dtype, "kind", "O") in "iuf":
        values = series.to_numpy("float64", na_value=np.nan)
        return Cells(series, values, np.zeros(len(values), bool))
    codes, text = _factorized(series)  # text repeats: only the distinct cells are parsed
    known = import_pandas().to_numeric(text, errors="coerce").to_numpy("float64", copy=True)
    left = text[np.isnan(known)]
    grouped = left.str.fullmatch(_THOUSANDS).to_numpy(bool)
    known[left.index[grouped]] = left[grouped].str.replace(",", "", regex=False).astype("float64")
    word = np.zeros(len(known), bool)
    word[left.index[~grouped & ~left.str.lower().isin(MISSING).to_numpy(bool)]] = True
    found = known[np.isfinite(known)]
    whole = bool((found == np.floor(found)).all())
    padded = whole and any(cell[0] == "0" and cell.isdigit() for cell in text if len(cell) > 1)
    return Cells(series, known[codes], word[codes], padded)


def as_text(series: Any) -> Any:
    """A column as text, stripped, with "" for a missing cell and "1" for 1.0."""
    codes, text = _factorized(series)
    return import_pandas().Series(text.to_numpy(object)[codes], series.index, object, series.name)


def _factorized(series: Any) -> tuple[np.ndarray, Any]:
    """(codes, text of each code) of a column: series.iloc[i] is text[codes[i]]."""
    pandas = import_pandas()
    codes, cells = pandas.factorize(series, use_na_sentinel=False)
    text = [cell.strip() if isinstance(cell, str) else _written(cell) for cell in cells]
    return codes, pandas.Series(text, dtype=object)


def _written(cell: Any) -> str:
    if import_pandas().isna(cell):
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def place(series: Any, row: int) -> str:
    """The name of a row in a sentence: its line in the file, or its label in the frame's index."""
    return f"{series.index.name or 'row'} {series.index[row]}"


def examples(series: Any, rows: Iterable[int]) -> str:
    """At most three cells with their places, for a sentence: 'ten' (line 4), 'six' (line 9)."""
    return ", ".join(f"{series.iloc[row]!r} ({place(series, row)})" for row in list(rows)[:3])


def listed(names: Iterable[Any], most: int = 10) -> str:
    """At most `most` quoted names, for a sentence, and the number of the others."""
    known = list(names)
    return ", ".join(map(repr, known[:most])) + (
        f" and {len(known) - most} more" if len(known) > most else ""
    )


def counted(number: int, what: str) -> str:
    """A number with its noun: 1 row, 2 rows."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
