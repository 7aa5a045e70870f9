"""Names of a table's columns: a network has learned an order of features, which a later table must keep."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..calls import checked


@checked
def column_names(x: Any) -> tuple[str, ...] | None:
    """The names of the columns of a table of pandas, polars or Arrow; None for an array, or where they are not text."""
    for attribute in ("columns", "column_names"):  # Arrow's `columns` are the columns themselves
        names = getattr(x, attribute, None)
        if isinstance(names, Iterable) and not isinstance(names, str):
            found = tuple(names)
            if found and all(isinstance(name, str) for name in found):
                return tuple(map(str, found))
    return None


def check_column_names(x: Any, wanted: tuple[str, ...] | None, *, name: str = "x") -> None:
    """ValueError for a table whose columns are not those of training, in their order; arrays pass."""
    if wanted is None or (given := column_names(x)) is None or given == wanted:
        return
    if sorted(given) == sorted(wanted):
        first = next(i for i, pair in enumerate(zip(given, wanted, strict=True)) if len(set(pair)) > 1)
        raise ValueError(
            f"{name} has the columns of training in another order: column {first} is {given[first]!r}, "
            f"{wanted[first]!r} was wanted: give {name}[list(model.feature_names)]"
        )
    from .tables.cells import listed
    from .tables.columns import listed_with_nearest  # only an error needs them

    extra = [column for column in given if column not in wanted]
    if absent := [column for column in wanted if column not in given]:
        raise ValueError(
            f"{name} lacks {listed_with_nearest(absent, extra)}: the model was trained on {listed(wanted)}"
        )
    if extra:
        raise ValueError(
            f"{name} has columns that the model was not trained on, {listed(extra)}: "
            f"give {name}[list(model.feature_names)]"
        )
    raise ValueError(f"{name} has a column twice: {listed(given)} came, {listed(wanted)} was wanted")
