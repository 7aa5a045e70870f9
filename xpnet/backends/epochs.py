"""The default epoch of a backend: a Python loop over batches that are gathered where the data lies.

`Backend` inherits these methods. A library that runs many steps in one call overrides `epoch`, `losses` and
`choose_steps`, as JAX does; one whose steps may share memory overrides `steps`, as NumPy does.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..namespace import namespace
from ..typing import Array, Batch, Namespace, State
from .protocol import CallResult, Epoch

GATHER_ELEMENTS = 2**18
"""The most elements of an array that are gathered at once for the next batches: they stay in a cache until used."""


class EpochLoop(ABC):
    """The methods of a backend that run an epoch. All may be overridden; the defaults use the standard alone."""

    @property
    @abstractmethod
    def xp(self) -> Namespace: ...

    @abstractmethod
    def asarray(self, host: Any, *, dtype: Any = None, device: Any = None) -> Array: ...

    @abstractmethod
    def to_numpy(self, x: Array) -> np.ndarray: ...

    def choose_steps(self, seconds: float) -> int:
        """The number of steps in one call of an epoch, where the user sets none.

        Override it together with `epoch`, if a call can run several steps.
        seconds: the time of one portable step, estimated from sizes alone and never from a clock.
        """
        return 1

    def overlaps_epochs(self, seconds: float) -> bool:
        """True if the next epoch is dispatched before the current one's losses are read.

        Override it for a library that computes asynchronously. The calls of `epoch` must then leave the state that
        they begin with intact: the next epoch is discarded if an array of that state was replaced in between, or if
        the training ends.
        seconds: the time of an epoch of portable steps, estimated from sizes alone.
        """
        return False

    def epoch(
        self,
        step: Callable[[State, Batch], tuple[State, dict[str, Array]]],
        measure: Callable[[State], Array] | None = None,
    ) -> Epoch:
        """An epoch of a compiled step: a function that yields a `CallResult` for each call.

        Override it for a library that runs a loop of steps in one call.
        measure: a reduction of the state after a call, for a library that can compute it within the call.
        """

        def run(
            state: State, data: Batch, order: np.ndarray | None, w: np.ndarray, batch_size: int, steps: int
        ) -> Iterator[CallResult]:
            losses: list[Array] = []
            left = -(-len(w) // batch_size)
            for state, metrics in self.steps(step, state, data, order, w, batch_size):  # noqa: B020 - each state leads to the next
                losses.append(metrics["loss"])
                left -= 1
                if len(losses) == steps or not left:
                    yield state, losses[0] if steps == 1 else self.xp.stack(losses), len(losses), None
                    losses = []

        return run

    def steps(
        self, step: Any, state: State, data: Batch, order: np.ndarray | None, w: np.ndarray, batch_size: int
    ) -> Iterator[tuple[State, dict[str, Array]]]:
        """The steps of an epoch one by one: yields (state, metrics) after each; the parameters are those of `Epoch`.

        Override it where the steps can share what they gather or allocate.
        """
        for batch in self.batches({**data, "w": self.asarray(w)}, order, batch_size):
            state, metrics = step(state, batch)
            yield state, metrics

    def batches(self, data: Batch, order: np.ndarray | None, batch_size: int) -> Iterator[Batch]:
        """The batches of an epoch; those of several small batches are gathered in one call.

        data: the samples as they are, and the weights `w` in the order already.
        """
        n = data["w"].shape[0]
        if order is None:
            yield from [data] if n <= batch_size else self.split_batches(data, n, batch_size)
            return
        xp, index = self.xp, self.asarray(order)
        widest = max(math.prod(x.shape[1:]) for x in data.values())
        rows = max(1, GATHER_ELEMENTS // (batch_size * max(1, widest))) * batch_size
        for start in range(0, n, rows):
            stop = min(start + rows, n)
            some = {name: xp.take(x, index[start:stop], axis=0) for name, x in data.items() if name != "w"}
            some["w"] = data["w"][start:stop]
            yield from self.split_batches(some, stop - start, batch_size)

    def split_batches(self, data: Batch, n: int, size: int) -> Iterator[Batch]:
        """Consecutive batches of n samples. Override it if the library splits faster than it slices."""
        if n <= size:
            yield data
            return
        for start in range(0, n, size):
            part = slice(start, min(start + size, n)), ...
            yield {name: x[part] for name, x in data.items()}

    def losses(self, calls: Sequence[tuple[Array, int]]) -> np.ndarray:
        """Each step's loss on the host, from the (losses, steps) of an epoch's calls; waits for the device once."""
        found = [losses for losses, _ in calls]
        if isinstance(found[0], np.generic):  # on the host already
            return np.asarray(found)
        xp = namespace(found[0])
        return self.to_numpy(xp.concat(found) if found[0].shape else xp.stack(found))
