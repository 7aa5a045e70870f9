"""The batches of a training: which samples, in which order, with which weights, and where they come from."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from ..data import batch_slices, count_batches, normalised, shuffled
from ..typing import Batch, Shape
from .inputs import Samples
from .lazy import LazyRows, loaded

READ_ELEMENTS = 2**21
"""How many numbers are read at once from a file: 8 MiB of float32, 5 to 20 ms of training."""


class Segment(NamedTuple):
    """Batches whose samples are on the backend, as `backends.Epoch` takes them.

    order: (n,) in which the samples are taken; None as they are. w: (n,) their weights in that order.
    size: samples in a batch. totals: each batch's weight, which its loss counts with.
    """

    samples: Batch
    order: np.ndarray | None
    w: np.ndarray
    size: int
    totals: np.ndarray


class BatchSource(Protocol):
    """Where a training's batches come from: samples on the backend, rows of a file, or whoever makes them.

    size: samples in a batch. steps: batches in an epoch, or more than it can have where nobody knows. at_once: batches
    in a part. shape: of one sample. rows: how many samples a step works off at once, None for all of its batch.
    """

    size: int
    rows: int | None
    steps: int
    at_once: int
    shape: Shape

    def epoch(self, number: int) -> Generator[Segment]:
        """The parts of an epoch in turn; closed where an epoch breaks off."""

    def head(self, count: int) -> Samples:
        """So many samples, or fewer, to look at."""


@dataclass
class Batches:
    """Samples cut into batches, in an order of its own for each epoch, drawn on the host from the seed."""

    data: Samples
    size: int
    reduction: str
    dtype: str
    seed: int
    rows: int | None = None

    def __post_init__(self) -> None:
        n, weight = len(self.data), self.data.weight
        self.size = min(self.size, n)
        self.steps = self.at_once = count_batches(n, self.size)
        self.shape: Shape = tuple(self.data.x.shape[1:])
        if isinstance(self.data.x, LazyRows):
            widest = max(1, math.prod(self.shape), math.prod(self.data.y.shape[1:]))
            self.at_once = min(self.steps, max(1, READ_ELEMENTS // (self.size * widest)))
        even = self.size == n or bool((weight == weight[0]).all())
        self._always = self._normalised(weight) if even else None  # whatever the order

    def epoch(self, number: int) -> Generator[Segment]:
        """The parts of an epoch: one where the samples are on the backend. A single batch is in no order."""
        n, size = len(self.data), self.size
        order = None if size == n else shuffled(n, seed=self.seed, epoch=number)
        w, totals = self._always or self._normalised(self.data.weight[order])
        x, y = self.data.x, self.data.y
        if not isinstance(x, LazyRows):
            yield Segment({"x": x, "y": y}, order, w, size, totals)
            return
        cuts = list(batch_slices(n, self.at_once * size))
        with closing(loaded((x, y), cuts if order is None else [order[cut] for cut in cuts])) as found:
            for cut, (x, y) in zip(cuts, found, strict=True):
                batches = slice(cut.start // size, count_batches(cut.stop, size))
                yield Segment({"x": x, "y": y}, None, w[cut], size, totals[batches])

    def head(self, count: int) -> Samples:
        """The first samples."""
        data, some = self.data, slice(min(count, len(self.data)))
        x, y = (z.take(some) if isinstance(z, LazyRows) else z[some, ...] for z in (data.x, data.y))
        return Samples(x, y, data.weight[some], data.plain[some])

    def _normalised(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        w, totals = normalised(weight, self.size, reduction=self.reduction)
        return np.array(w, dtype=self.dtype), totals  # a copy: a library may keep the memory it is given
