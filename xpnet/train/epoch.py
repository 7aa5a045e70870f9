"""One epoch: its calls of the backend in order, and its mean loss.

With epoch overlap the first call of the next epoch is issued before the losses of the present one are fetched, so that
the device does not wait for the host between two epochs.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from itertools import chain, islice
from operator import is_, mul
from typing import Any, Self

import numpy as np

from .. import tree
from ..data import shares
from ..typing import Array, State
from .batches import BatchSource


class EpochRun:
    """The device calls of one epoch in order; yields (result, batch weights) for each, see `backends.CallResult`."""

    def __init__(
        self, run: Callable[..., Any], batches: BatchSource, steps_per_call: int, number: int, state: State
    ) -> None:
        self._start: list[Any] = []
        self._left = _calls(run, batches, steps_per_call, number, state)
        self._begun: list[tuple[Any, np.ndarray]] = []

    def begin(self, state: State) -> Self:
        """Issues the first call ahead of time, from the state given."""
        self._start = _arrays(state)
        self._begun += islice(self._left, 1)
        return self

    def started_from(self, state: State) -> bool:
        """True where `begin` was given these very arrays: a callback may have replaced one of them since."""
        arrays = _arrays(state)
        return len(arrays) == len(self._start) and all(map(is_, arrays, self._start))

    def __iter__(self) -> Iterator[tuple[Any, np.ndarray]]:
        return chain(self._begun, self._left)

    def close(self) -> None:
        self._left.close()


class EpochLoss:
    """The losses of an epoch's steps. The host fetches them once a segment, so that the device's queue stays short."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._found: list[float] = []
        self._totals: list[np.ndarray] = []
        self._waiting: list[tuple[Array, int]] = []
        self._done = 0

    def add(self, losses: Array, steps: int, totals: np.ndarray) -> None:
        """Adds a call's losses; totals: the weights of the batches of its segment."""
        if not self._totals or totals is not self._totals[-1]:
            self._fetch()
            self._totals.append(totals)
        self._waiting.append((losses, steps))
        self._done += steps

    def latest(self) -> dict[str, Any]:
        """The record that `Callback.on_steps` gets after a call."""
        steps, end = self._waiting[-1][1], self._done
        losses, weights = self._backend.losses(self._waiting[-1:]), self._totals[-1][end - steps : end]
        total = sum(weights.tolist())
        mean = sum(map(mul, losses.tolist(), weights.tolist())) / total if total else 0.0
        return {"step": len(self._found) + end, "steps": steps, "loss": mean}

    def ended(self, reduction: str) -> tuple[float, float]:
        """(the mean loss of the epoch, the loss of its first step)."""
        self._fetch()
        share = shares(np.concatenate(self._totals), reduction=reduction)
        return sum(map(mul, self._found, share.tolist())), self._found[0]

    def _fetch(self) -> None:
        if self._waiting:
            self._found += self._backend.losses(self._waiting).tolist()
        self._waiting, self._done = [], 0


def _calls(
    run: Callable[..., Any], batches: BatchSource, steps_per_call: int, number: int, state: State
) -> Generator[tuple[Any, np.ndarray]]:
    with closing(batches.epoch(number)) as segments:
        for samples, order, w, size, totals in segments:
            for result in run(state, samples, order, w, size, steps_per_call):
                state = result[0]
                yield result, totals


def _arrays(state: State) -> list[Any]:
    return list(tree.leaves(state))
