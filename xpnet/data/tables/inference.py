"""Inference of a column's type, statistics and categories from its cells."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from .cells import Cells, as_numbers, as_text, counted, examples
from .column_types import Dropped, Number, Text, read_numbers, standard

MAX_CATEGORIES = 100
"""The most categories of a column of text; of more, the most frequent are kept and the rest are "other"."""

_ROW_NUMBER = re.compile(r"(?i:(^|.*[\W_])(id|idx|index|row|nr|no))|.*[a-z](Id|ID)|(?i:unnamed: \d+)")


def learn_column(name: str, series: Any) -> tuple[Number | Text | Dropped, list[str]]:
    """(the column's type, notes); a column without information is Dropped, with the reason."""
    series = series.rename(name)
    cells = as_numbers(series)
    if cells.numeric:
        return _number(name, cells)
    kind, notes = _text(name, as_text(series))
    numbers = int(np.count_nonzero(~np.isnan(cells.values)))
    if numbers and not cells.padded and not isinstance(kind, Dropped):
        words = np.flatnonzero(cells.words)
        notes.append(
            f"column {name!r}: treated as text, since it holds {counted(numbers, 'number')} and "
            f"{counted(len(words), 'word')}, such as {examples(series, words[:1])}"
        )
    return kind, notes


def _number(name: str, cells: Cells) -> tuple[Number | Dropped, list[str]]:
    values, notes = read_numbers(cells)
    missing = bool(np.isnan(values).any())
    found = values[~np.isnan(values)]
    if found.min() == found.max():
        if missing:  # presence alone may be informative
            return Number(name, float(found[0]), 1.0, True), notes
        return Dropped(name, f"it is {found[0]:g} in every row"), notes
    if _numbers_rows(name, found):
        return Dropped(name, "it numbers the rows: whole numbers, each once"), notes
    try:
        mean, scale = standard(found)
    except OverflowError as error:
        raise ValueError(f"column {name!r} holds numbers {error}") from None
    if not scale:  # differences of subnormal numbers underflow
        return Dropped(name, f"it is about {mean:g} in every row"), notes
    return Number(name, mean, scale, missing), notes


def _numbers_rows(name: str, values: np.ndarray) -> bool:
    """True for whole numbers that differ in every row under a name such as id: a year may differ too, and stays."""
    if not _ROW_NUMBER.fullmatch(name) or (values != np.floor(values)).any():
        return False
    return len(np.unique(values)) == len(values)


def _text(name: str, text: Any) -> tuple[Text | Dropped, list[str]]:
    counts = text.value_counts(sort=False)
    if len(counts) == 1:
        only = counts.index[0]
        return Dropped(name, f"it is {only!r} in every row" if only else "it is empty"), []
    if len(counts) == len(text):
        return Dropped(name, f"every row has a different text, such as {text.iloc[0]!r}"), []
    if len(counts) <= MAX_CATEGORIES:
        return Text(name, tuple(sorted(counts.index))), []
    ranked = sorted(counts.index, key=lambda word: (-counts[word], word))
    kept = f"the {MAX_CATEGORIES} most frequent of its {len(counts)} texts are kept, the rest is 'other'"
    return Text(name, tuple(sorted(ranked[:MAX_CATEGORIES])), other=True), [f"column {name!r}: {kept}"]
