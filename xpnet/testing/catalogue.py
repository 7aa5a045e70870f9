"""The catalogue: every public layer, op, loss, optimizer and metric by name, with the oracle's rows that prove it.

The names come from the code's own tables, so that an addition there is in the catalogue. `python3 ci/dev.py catalogue`
runs the oracle and writes the catalogue's page.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, NamedTuple

from .. import init, layers, metrics, ops, optim
from ..optim import schedules
from .case import Case
from .cases import CASES
from .optimizers import OPTIMIZERS, SCHEDULES, OptimizerRow
from .oracle import DTYPES

PROVED = ("layers", "activations", "losses", "other ops", "optimizers", "schedules")
"""The groups for which the oracle has rows."""

Counts = dict[str, dict[str, dict[str, list[int]]]]
"""[passed, failed] checks, by row, backend and dtype."""


class Entry(NamedTuple):
    """A public name: its group, the first line of its docstring (`what`), and the rows that prove it."""

    group: str
    name: str
    what: str
    rows: tuple[str, ...]

    def proven(self, counts: Counts, backend: str) -> tuple[str, ...]:
        """The dtypes in which checks of each row passed on a backend, and none failed."""

        def passed(row: str, dtype: str) -> bool:
            passed, failed = counts.get(row, {}).get(backend, {}).get(dtype, (0, 0))
            return passed > 0 and not failed

        return tuple(dtype for dtype in DTYPES if self.rows and all(passed(row, dtype) for row in self.rows))


def catalogue() -> list[Entry]:
    """Every layer, op, optimizer, schedule, initialiser and metric."""
    rows: dict[Any, list[str]] = {}
    every: tuple[Any, ...] = (*CASES, *OPTIMIZERS, *SCHEDULES)
    for row in every:
        rows.setdefault(_subject(row), []).append(row.name)
    return [
        Entry(group, name, _first_line(value), tuple(dict.fromkeys(rows.get(_plain(value), ()))))
        for group, found in _public()
        for name, value in found.items()
    ]


def without_rows() -> list[str]:
    """The names in PROVED groups for which the oracle has no row."""
    return [
        f"{entry.group}: {entry.name}" for entry in catalogue() if entry.group in PROVED and not entry.rows
    ]


def _public() -> Iterator[tuple[str, dict[str, Any]]]:
    """(group, its values by name)."""
    every = {name: getattr(ops, name) for name in ops.__all__ if _is_op(getattr(ops, name))}
    activations = {**ops.ACTIVATIONS, "prelu": ops.prelu}
    yield "layers", layers.LAYERS
    yield "activations", dict(sorted(activations.items()))
    yield "losses", ops.LOSSES
    yield "other ops", {n: op for n, op in every.items() if n not in activations and n not in ops.LOSSES}
    yield "optimizers", optim.OPTIMIZERS
    yield "schedules", {name: value for name, value in vars(schedules).items() if _is_schedule(name, value)}
    yield "initialisers", init.INITIALIZERS
    yield (
        "metrics",
        {n: metric for n, metric in vars(metrics).items() if n in metrics.__all__ and n != "METRICS"},
    )


def _is_op(value: Any) -> bool:
    """True for a function annotated to return a pullback."""
    return inspect.isfunction(value) and "Pullback" in str(inspect.signature(value).return_annotation)


def _is_schedule(name: str, value: Any) -> bool:
    """True for a public schedule: a class under its lower-case name, or a function that returns a schedule."""
    if not name.islower() or name.startswith("_"):
        return False
    return value in schedules.SCHEDULES.values() or _given(value) in schedules.SCHEDULES


def _given(value: Any) -> str:
    """The return annotation of a function, as text."""
    return str(inspect.signature(value).return_annotation) if inspect.isfunction(value) else ""


def _plain(value: Any) -> Any:
    """The op or class by which rows know a public value."""
    return schedules.SCHEDULES.get(_given(value), value)


def _subject(row: Any) -> Any:
    """The subject of a row: an op, or the class of a layer, an optimizer or a schedule."""
    if isinstance(row, Case):
        return row.op if row.layer is None else row.layer
    return type(row.optimizer if isinstance(row, OptimizerRow) else row.schedule)


def _first_line(value: Any) -> str:
    return (inspect.getdoc(value) or "").partition("\n")[0]
