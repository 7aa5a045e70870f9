"""Lazy rows: samples that stay in a mapped file and are loaded onto the backend a segment at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..data import batch_slices
from ..typing import Array, Shape
from .memmap import ask_for

if TYPE_CHECKING:
    from .reader import Reader

T = TypeVar("T")

CHUNK_SAMPLES = 8192
"""Samples that a prediction computes at once, at most."""
CHUNK_ELEMENTS = 2**23
"""Elements of the inputs that a prediction computes at once, at most: it bounds the memory of a prediction."""


@dataclass(frozen=True)
class LazyRows:
    """An array in a mapped file, or one that goes along with it; its rows are put on the backend when they are taken.

    put(part, numbers): puts rows on the backend; their numbers are for error messages. chosen: the numbers of the
    rows that count; None for all of them.
    """

    array: np.ndarray
    put: Callable[[np.ndarray, Sequence[int] | np.ndarray], Array]
    chosen: np.ndarray | None = None

    @property
    def shape(self) -> Shape:
        """The shape of the array of all chosen rows."""
        return (len(self.array if self.chosen is None else self.chosen), *self.array.shape[1:])

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.array.ndim

    def pick(self, numbers: np.ndarray) -> LazyRows:
        """The rows of these numbers, still lazy."""
        return replace(self, chosen=numbers if self.chosen is None else self.chosen[numbers])

    def take(self, rows: slice | np.ndarray) -> Array:
        """Some of the rows, read and put on the backend."""
        if self.chosen is not None:
            rows = self.chosen[rows]
        if isinstance(rows, slice):
            return self.put(self.array[rows], range(len(self.array))[rows])
        ask_for(self.array, rows)
        # indexing reads these rows alone; numpy.take would first copy all of an array that is not in C order
        return self.put(self.array[rows], rows)


def at_once(x: Array | LazyRows) -> int:
    """The number of samples that one forward pass takes outside training."""
    return max(1, min(CHUNK_SAMPLES, CHUNK_ELEMENTS // max(1, math.prod(x.shape[1:]))))


def chunks(x: Array | LazyRows) -> list[slice]:
    """The slices of samples that one forward pass takes each, outside training."""
    return list(batch_slices(x.shape[0], at_once(x)))


def loaded(arrays: Sequence[Any], rows: Sequence[slice | np.ndarray]) -> Generator[tuple[Array, ...]]:
    """The same rows of each array on the backend, segment by segment; a file is read one segment ahead."""
    if not any(isinstance(x, LazyRows) for x in arrays):
        for part in rows:
            yield tuple(arrays) if len(rows) == 1 else tuple(x[part, ...] for x in arrays)
        return
    parts = (tuple(x.take(part) for x in arrays) for part in rows)
    if len(rows) == 1:
        yield from parts
        return
    from .reader import Reader  # 10 ms, which training in memory does without

    with Reader() as reader:
        yield from prefetch(reader, parts)


def prefetch(reader: Reader, items: Iterator[T]) -> Generator[T]:
    """The items in order; the reader's thread makes each while the caller works on the one before."""
    coming = reader.submit(next, items, None)
    while (item := coming.result()) is not None:
        coming = reader.submit(next, items, None)
        yield item
