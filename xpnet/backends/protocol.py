"""The values that a backend returns: availability, capabilities, natives, and the calls of an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

import numpy as np

from ..optim import update_each
from ..typing import Array, Batch, Op, State, Update


class Availability(NamedTuple):
    """The answer to "can this backend be used here?": true or false like a bool, and the reason in words."""

    ok: bool
    reason: str

    def __bool__(self) -> bool:
        return self.ok


class Capabilities(NamedTuple):
    """The capabilities of a backend; a test proves each.

    computes: arrays hold values (those of torch's meta device have shapes only).
    float64: the device and the process support double precision.
    traces: `compile` traces the step, which therefore must not read values.
    """

    computes: bool = True
    float64: bool = True
    traces: bool = False


class Natives(NamedTuple):
    """The kernels that a training runs in the place of portable code.

    name: the name of the set in the record of a training.
    update: the function that applies an optimizer's rule to all parameters.
    ops: the native of each op, by the op's name.
    pure: the step's operations depend on the shapes of its arguments alone, so that its Python code need not run at
        every step. False if a user's own code is in it. A library that traces assumes it in any case.
    deterministic: the bits must not depend on the number of threads.
    why: the reason for this choice, in words.
    """

    name: str = "portable"
    update: Update = update_each
    ops: Mapping[str, Op] = MappingProxyType({})
    pure: bool = False
    deterministic: bool = True
    why: str = ""


CallResult = tuple[State, Array, int, Array | None]
"""The result of one call of an epoch: (state, losses, steps, measured). A plain tuple, since each step may make one.

losses: () or (k,), of which the first `steps` are those of the call's steps. measured: the epoch's `measure` of the
state, if the call computed it, else None. All arrays are on the device, so that nothing waits for them.
"""


class Epoch(Protocol):
    """An epoch of training: an iterator over the results of its calls.

    state: consumed; each yielded state is consumed by the next call.
    data: the samples, resident on the device, by their names in a batch.
    order: (n,) on the host, the indices of the samples in the order of the epoch; None for the samples as they are.
    w: (n,) on the host, the samples' weights in that order.
    batch_size: the samples of a step; the last step has the rest.
    steps: the most steps in one call.
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
