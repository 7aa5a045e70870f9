"""What a backend tells of itself and hands out: whether it is there, what it can do, natives, epochs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

import numpy as np

from ..optim import update_each
from ..typing import Array, Batch, Op, State, Update


class Availability(NamedTuple):
    """Whether a backend can be used, and in words why or why not; true or false like a bool."""

    ok: bool
    reason: str

    def __bool__(self) -> bool:
        return self.ok


class Capabilities(NamedTuple):
    """What a backend can do; each is proved by a test.

    computes: arrays hold values (torch's meta device has shapes only).
    float64: double precision is to be had, on this device and in this process.
    traces: `compile` traces the step, so that it may not look at values.
    """

    computes: bool = True
    float64: bool = True
    traces: bool = False


class Natives(NamedTuple):
    """What runs in the place of portable code: the update, and ops by name; called `name` in the record.

    pure: whether what the step does hangs on its arguments' shapes alone, as where nobody's own code is in it, so
    that its Python need not run at every step. A library that traces takes that for granted.
    deterministic: whether the bits may depend on no number of threads.
    why: why these and no others, in words.
    """

    name: str = "portable"
    update: Update = update_each
    ops: Mapping[str, Op] = MappingProxyType({})
    pure: bool = False
    deterministic: bool = True
    why: str = ""


CallResult = tuple[State, Array, int, Array | None]
"""What a call of an epoch leaves: (state, losses, steps, looked); a plain tuple, for there may be one for each step.

Of `losses`, () or (k,), the first `steps` are those of its steps. looked: what the epoch's `look` gives of the state,
where the library gets that along with the steps, else None. All is the device's, so that nothing waits for it.
"""


class Epoch(Protocol):
    """An epoch of training: yields what each call of so many steps leaves.

    data: the samples, resident, by their names in a batch. order: (n,) on the host, the samples in the order in
    which they are taken, or None for all of them as they are. w: (n,) on the host, the weights in that order.
    `state` is consumed, the yielded one by going on.
    """

    def __call__(
        self,
        state: State,
        data: Batch,
        order: np.ndarray | None,
        w: np.ndarray,
        batch_size: int,
        steps: int,
    ) -> Iterator[CallResult]: ...
