"""The batches of a training: the samples of each, their order, their weights and their source."""

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
"""Elements that are read from a file at once: 8 MiB of float32, 5 to 20 ms of training."""


class Segment(NamedTuple):
    """Consecutive batches of an epoch whose samples are on the backend together, as `backends.Epoch` takes them.

    order: (n,) the order in which the samples are taken; None for their own order. w: (n,) their weights in that order.
    size: samples in a batch. totals: each batch's weight in the mean loss of the epoch.
    """

    samples: Batch
    order: np.ndarray | None
    w: np.ndarray
    size: int
    totals: np.ndarray


class BatchSource(Protocol):
    """A source of batches: samples on the backend, rows of a file, or an iterable.

    size: samples in a batch. steps: batches in an epoch, or `sys.maxsize` where their number is not known.
    at_once: batches in a segment, at most. shape: of one sample. rows: samples that a step processes at once, None for
    the whole batch.
    """

    size: int
    rows: int | None
    steps: int
    at_once: int
    shape: Shape

    def epoch(self, number: int) -> Generator[Segment]:
        """The segments of an epoch in order; the generator is closed where the epoch breaks off."""

    def head(self, count: int) -> Samples:
        """The first `count` samples, or fewer."""


@dataclass
class Batches:
    """Samples cut into batches; each epoch has its own order, drawn on the host from (seed, epoch)."""

    samples: Samples
    size: int
    reduction: str
    dtype: str
    seed: int
    rows: int | None = None

    def __post_init__(self) -> None:
        n, weight = len(self.samples), self.samples.weight
        self.size = min(self.size, n)
        self.steps = self.at_once = count_batches(n, self.size)
        self.shape: Shape = tuple(self.samples.x.shape[1:])
        if isinstance(self.samples.x, LazyRows):
            widest = max(1, math.prod(self.shape), math.prod(self.samples.y.shape[1:]))
            self.at_once = min(self.steps, max(1, READ_ELEMENTS // (self.size * widest)))
        even = self.size == n or bool((weight == weight[0]).all())
        self._always = self._normalised(weight) if even else None  # the same in any order

    def epoch(self, number: int) -> Generator[Segment]:
        """The segments of an epoch: one where the samples are on the backend. A single batch is not shuffled."""
        n, size = len(self.samples), self.size
        order = None if size == n else shuffled(n, seed=self.seed, epoch=number)
        w, totals = self._always or self._normalised(self.samples.weight[order])
        x, y = self.samples.x, self.samples.y
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
        samples, some = self.samples, slice(min(count, len(self.samples)))
        x, y = (z.take(some) if isinstance(z, LazyRows) else z[some, ...] for z in (samples.x, samples.y))
        return Samples(x, y, samples.weight[some], samples.plain[some])

    def _normalised(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        w, totals = normalised(weight, self.size, reduction=self.reduction)
        return np.array(w, dtype=self.dtype), totals  # a copy: a library may keep the memory it is given
