"""Batches from an iterable: each is a step, and the next is made and placed while the present one computes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from operator import length_hint
from typing import Any, Self

from ..data import Targets, as_array
from ..errors import LabelError
from ..namespace import is_array
from ..optim import Optimizer
from .batches import Batches, Segment
from .inputs import Samples
from .lazy import prefetch
from .options import FitOptions

REMEDY = "give a function that makes a fresh iterator at each call"

_ENDED = object()
"""In the place of a batch where a pass has ended."""


def check_stream(
    x: Any, y: Any, options: FitOptions, optimizer: Optimizer, given: dict[str, Any]
) -> FitOptions | None:
    """The options where x gives the batches, y being None; None where x and y are arrays.

    given: what else the user gave, by name, None for an option left out. TypeError where y is None and x gives no
    batches; ValueError for options that do not go with batches, or only with them.
    """
    if y is not None:
        if options.steps_per_epoch is not None:
            raise ValueError(
                "steps_per_epoch goes with batches alone: leave it out, or give batches without y"
            )
        return None
    if is_array(x) or hasattr(x, "__array__") or isinstance(x, str | dict):
        raise TypeError(
            f"y is missing: fit(x, y), or without y batches of (x, y); x is a {type(x).__name__}, which gives none"
        )
    if not callable(x) and not isinstance(x, Iterable):
        raise TypeError(f"x is {x!r}, which gives no batches, and y is missing: fit(x, y), or {REMEDY}")
    accumulate = None if optimizer.accumulate == 1 else optimizer.accumulate
    for name, value in {**given, "accumulate": accumulate}.items():
        if value is not None:
            raise ValueError(
                f"{name} does not go with batches, of which each is a step: leave it out; a batch may be "
                "(x, y, sample_weight)"
            )
    if isinstance(x, Iterator) and options.epochs > 1 and options.steps_per_epoch is None:
        raise ValueError(
            f"x is a {type(x).__name__}, which ends after one of the {options.epochs} epochs: {REMEDY}, or give "
            "steps_per_epoch"
        )
    return options


def check_known(targets: Targets, y: Any) -> None:
    """LabelError for text labels before the model knows its labels: one batch need not hold all of them."""
    kind = getattr(as_array("y", y).dtype, "kind", "f")
    if targets.labels is None and targets.kind != "values" and kind not in "biuf":
        raise LabelError(
            "y holds text, and one batch does not tell which labels there are: number them 0, 1, ..., or fit arrays "
            "that hold them all first"
        )


class Stream:
    """The batches of an iterable, or of the fresh iterable that a function returns for each epoch; a `BatchSource`.

    place(x, y, sample_weight): puts a batch on the backend. The first batch is placed at once: it shows the shapes.
    steps: the most batches of an epoch; the next one then goes on behind them, and begins a fresh pass where one ends.
    The iterator runs in one thread.
    """

    at_once = 1
    rows: int | None = None

    def __init__(self, given: Any, place: Callable[..., Batches], steps: int | None = None) -> None:
        from .reader import Reader  # 10 ms, which training in memory does without

        self._given, self._place = given, place
        self._reader = Reader()
        self._most, self._goes_on = sys.maxsize if steps is None else steps, steps is not None
        self.steps = min(self._most, length_hint(given, sys.maxsize))
        try:
            first, self._left = self._reader.submit(self._begun).result()
            self._example = self._placed(1, first)
        except BaseException:
            self._reader.close()
            raise
        self._first: Batches | None = self._example
        self.size, self.shape = self._example.size, self._example.shape

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._reader.close()

    def epoch(self, number: int) -> Generator[Segment]:
        """A segment for each batch."""
        yield from prefetch(self._reader, self._parts())

    def head(self, count: int) -> Samples:
        """Samples of the first batch."""
        return self._example.head(count)

    def _parts(self) -> Iterator[Segment]:
        if self._first is None:
            first = next(self._left, _ENDED) if self._goes_on else _ENDED
            if first is _ENDED:
                first, self._left = self._begun()
            self._first = self._placed(1, first)
        one, self._first = self._first, None
        yield from one.epoch(0)
        for count, item in enumerate(islice(self._left, self._most - 1), start=2):
            yield from self._placed(count, item).epoch(0)

    def _begun(self) -> tuple[Any, Iterator[Any]]:
        """The first batch of a fresh pass, and the others."""
        items = self._given if isinstance(self._given, Iterable) else self._given()
        if not isinstance(items, Iterable):
            raise TypeError(f"x gave {items!r} when it was called, which gives no batches: {REMEDY}")
        items = iter(items)
        for first in items:
            return first, items
        raise ValueError(f"x gives no batches, or none any more: {REMEDY}")

    def _placed(self, count: int, item: Any) -> Batches:
        """A batch on the backend; an error names the batch."""
        try:
            if not isinstance(item, tuple | list) or len(item) not in (2, 3):
                many = f" of {len(item)}" if isinstance(item, tuple | list) else ""
                raise TypeError(
                    f"(x, y) or (x, y, sample_weight) was wanted, a {type(item).__name__}{many} came"
                )
            return self._place(*item)
        except (TypeError, ValueError) as error:
            why = ", which x gives as y is left out" if count == 1 else ""
            error.args = (f"in batch {count}{why}: {error}",)
            raise
