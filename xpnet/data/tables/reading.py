"""Reading of CSV files, with any of their dialects, into a frame of text."""

from __future__ import annotations

import csv
import io
import os
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice
from operator import itemgetter
from typing import Any

import numpy as np

from ...calls import checked
from .cells import MISSING, NUMERIC_SHARE, counted, import_pandas
from .decoding import read_text

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_SNIFFED_RECORDS = 50
_CHUNK_ROWS = 256  # records read at a time; garbage collection makes larger chunks slower
_NUMBER = re.compile(r"\s*[+-]?(\d+(?P<point>[.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*")
_DECIMAL_COMMA = r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?(?:[eE][+-]?\d+)?"


@checked
def read_csv(path: str | os.PathLike[str]) -> Any:
    """The table in a CSV file as a DataFrame, every cell as text, "" for an empty one.

    The separator (comma, semicolon, tab or bar), the encoding (UTF-8, UTF-16, else cp1252) and gzip are inferred from
    the content. Cells are stripped; blank lines and empty rows are left out; with semicolons 1.234,5 becomes 1234.5.
    The frame's index, "line", is the line of the file in which each row begins. Nothing else is interpreted: "NA" and
    "01234" stay as they are. `frame.attrs["notes"]` has a sentence for each guess and each changed cell. OSError and
    ValueError name the file that cannot be read; the latter names the line of a row with more or fewer values than
    there are names.
    """
    pandas, name = import_pandas(), os.fspath(path)
    notes: list[str] = []
    try:
        content, encoding = read_text(name)
        if encoding != "utf-8":
            notes.append(f"the text is read as {encoding}")
        separator = _separator(content)
        if separator != ",":
            notes.append(f"values are separated by {_SEPARATORS[separator]}")
        names, cells, lines = _table(content, separator, notes)
        index = pandas.Index(lines, dtype="int64", name="line")
        frame = pandas.DataFrame(dict(zip(names, cells, strict=True)), index, dtype=object, copy=False)
        frame = _without_empty_rows(frame, notes)
        if frame.empty:
            raise ValueError("the file holds names and no rows: at least one row was wanted")
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    if separator == ";":
        _replace_commas(frame, notes)
    frame.attrs["notes"] = tuple(notes)
    return frame


def _records(content: bytes, separator: str) -> Iterator[tuple[int, int, list[str]]]:
    """(first line, last line, values) of each record that is not blank."""
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")
    # csv closes an open quote at the end of the text; no text holds \0, so it marks the record that swallowed it
    reader = csv.reader(chain(text, ["\0"]), delimiter=separator, skipinitialspace=True)
    start = 1
    try:
        for record in reader:
            if len(record) > 1 or (record and record[0].strip()):
                if record[-1].endswith("\0"):
                    if record == ["\0"]:
                        return
                    raise ValueError(f"line {start}: a quote in the row that begins there is never closed")
                yield start, reader.line_num, record
            start = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"line {start}: {error}: is a quote missing?") from error


def _separator(content: bytes) -> str:
    """The separator under which most of the first records have the same number of values, more than one."""

    def score(separator: str) -> tuple[bool, float, int]:
        counts: Counter[int] = Counter()
        with suppress(ValueError):  # reading raises it, if this separator is chosen
            for _, _, record in islice(_records(content, separator), _SNIFFED_RECORDS):
                counts[len(record)] += 1
        width, alike = max(counts.items(), key=itemgetter(1), default=(0, 0))
        return width > 1, alike / max(counts.total(), 1), width

    return max(_SEPARATORS, key=score)


def _table(
    content: bytes, separator: str, notes: list[str]
) -> tuple[list[str], list[np.ndarray], array[int]]:
    """(names, the cells of each column, the line of each row)."""
    records = _records(content, separator)
    first, last, header = next(records, (1, 1, []))
    if not header:
        raise ValueError("the file holds quotes and no values: names and rows were wanted")
    if _is_data(header):
        names = [f"column {number}" for number in range(1, len(header) + 1)]
        notes.append(f"the first line holds values: the columns are called 'column 1' to {names[-1]!r}")
        records = chain([(first, last, header)], records)
    else:
        names = _distinct([name.strip() for name in header], notes)
    lines = array("q")
    parts: list[list[np.ndarray]] = [[np.empty(0, object)] for _ in names]
    known: list[dict[str, str]] = [{} for _ in names]
    while rows := list(islice(records, _CHUNK_ROWS)):
        for start, end, record in rows:
            if len(record) != len(names):
                long = f" and ends in line {end}: is a quote missing?" if end > start else ""
                raise ValueError(
                    f"line {start} has {counted(len(record), 'value')}{long}, line {first} has {len(names)}: "
                    f"quote what holds {_SEPARATORS[separator]}, and leave empty what is missing"
                )
            lines.append(start)
        for number, cells in enumerate(zip(*(record for _, _, record in rows), strict=True)):
            parts[number].append(np.array(_kept(cells, known[number]), object))
    return names, [np.concatenate(part) for part in parts], lines


def _kept(cells: Iterable[str], known: dict[str, str]) -> list[str]:
    """Stripped cells; equal texts share one string while a column has few of them."""
    if len(known) > _CHUNK_ROWS:
        return list(map(str.strip, cells))
    return [known.setdefault(cell, cell) for cell in map(str.strip, cells)]


def _is_data(header: list[str]) -> bool:
    """True if the first record holds values and no names: all are numbers, or one has a decimal point."""
    found = [_NUMBER.fullmatch(name) for name in header]
    return all(found) or any(match and match["point"] for match in found)


def _distinct(header: list[str], notes: list[str]) -> list[str]:
    """The columns' names, made unique as pandas does: a, a.1 and Unnamed: 3."""
    names: dict[str, None] = {}  # a set in order: tables may have thousands of columns
    taken = set(header)
    for number, given in enumerate(header):
        name = given or f"Unnamed: {number}"
        same, count = name, 0
        while name in names or (count and name in taken):
            count += 1
            name = f"{same}.{count}"
        if not given:
            notes.append(f"column {number + 1} has no name and is called {name!r}")
        elif count:
            notes.append(f"the name {given!r} appears twice: column {number + 1} is called {name!r}")
        names[name] = None
    return list(names)


def _without_empty_rows(frame: Any, notes: list[str]) -> Any:
    empty = (frame == "").all(axis=1).to_numpy()
    if not empty.any():
        return frame
    lines = frame.index[empty]
    notes.append(f"{counted(len(lines), 'empty row')} left out, the first in line {lines[0]}")
    return frame[~empty]


def _replace_commas(frame: Any, notes: list[str]) -> None:
    """Rewrites 1.234,5 to 1234.5 in the numeric columns, if one of them has a comma."""
    found = {}
    for column in frame:
        cells = frame[column]
        there = ~cells.str.lower().isin(MISSING)
        fits = there & cells.str.fullmatch(_DECIMAL_COMMA)
        if fits.any() and fits.sum() >= NUMERIC_SHARE * there.sum():
            found[column] = fits
    with_comma = [column for column in found if frame[column].str.contains(",", regex=False).any()]
    if not with_comma:
        return
    for column, fits in found.items():
        plain = frame[column].str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
        frame[column] = frame[column].where(~fits, plain)
    notes.append(f"decimal commas in {', '.join(map(repr, with_comma))}")
