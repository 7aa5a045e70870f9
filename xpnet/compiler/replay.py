"""A recorded training step made again and again: its calls, one after another, in one piece of memory that stays.

Two arrays of a step share a place in that memory where the one is done with before the other begins, so that a step
takes no more than it needs at its fullest, and asks for none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from operator import is_
from typing import Any

import numpy as np

from .. import tree
from ..typing import Array, Batch, State
from .memory_plan import LiveRange, aligned, allocate, plan
from .partition import in_pieces
from .task import gather
from .threadpool import Hands
from .tracing import Call, NotTraceableError, Trace, Tracer, View, arrays, map_arrays

LARGEST = 2**20
"""How many numbers a batch may have to be copied to where the calls look for it."""
MOST = 8
"""How many shapes of batch are recorded; each takes some memory for good."""

ALONE = Hands()
Result = tuple[State, dict[str, Array]]
Step = Callable[[State, Batch], Result]
Feed = Callable[[np.ndarray], None]


class Replayed:
    """A step that runs its third batch of a shape, and all after it, as a list of calls.

    The first runs as it is, for the last batch of an epoch may be the only one of its shape; before the second the
    step is recorded. One that cannot be recorded goes on as it is, and `reason` says why.
    """

    def __init__(self, step: Step, hands: Hands = ALONE) -> None:
        self.step, self.hands = step, hands
        self.reason: str | None = None
        self._seen: set[Any] = set()
        self._programs: dict[Any, Program] = {}
        self._memory = np.empty(0, "uint8")

    def __call__(self, state: State, batch: Batch) -> Result:
        program = self._program(state, batch) if sum(x.size for x in batch.values()) <= LARGEST else None
        if program is None:
            return self.step(state, batch)
        for name, x in batch.items():
            np.copyto(program.batch[name], x)
        return self._run(program, state)

    def steps(
        self, state: State, data: Batch, order: np.ndarray, w: np.ndarray, size: int
    ) -> Iterator[Result]:
        """The steps of an epoch, whose samples are gathered to where the calls look for them."""
        known: dict[int, tuple[Program, Feed]] = {}
        for start in range(0, len(w), size):
            rows, part = order[start : start + size], w[start : start + size]
            if len(part) in known:
                program, feed = known[len(part)]
                feed(rows)
                program.batch["w"][...] = part
                result = self._run(program, state)
            else:
                batch = {name: x[rows] for name, x in data.items()}
                batch["w"] = part
                result = self(state, batch)
                if made := self._programs.get(_key(batch)):
                    known[len(part)] = made, made.feed(data)
            state = result[0]
            yield result

    def _run(self, program: Program, state: State) -> Result:
        try:
            return program.run(state) or self.step(state, dict(program.batch))
        except BaseException:
            # it may be Ctrl-C, and then a thread may still be filling a piece of this memory
            self._programs, self._memory = {}, np.empty(0, "uint8")
            raise

    def _program(self, state: State, batch: Batch) -> Program | None:
        """The calls for batches of this shape, once there has been one before."""
        key = _key(batch)
        if key in self._programs or self.reason is not None or not all(map(_in_order, batch.values())):
            return self._programs.get(key)
        if key not in self._seen:
            self._seen.add(key)
        elif len(self._programs) < MOST:
            try:
                program = Program(self.step, state, batch, self.hands)
                if program.size > self._memory.size:
                    self._memory = allocate(program.size)
            except Exception as error:
                # whatever it is, the step itself still runs, and shows errors of its own
                self.reason = f"{type(error).__name__}: {error}"
                return None
            programs, self._programs = {**self._programs, key: program}, {}  # none that is half placed stays
            for known in programs.values():
                known.place(self._memory)
            self._programs = programs
        return self._programs.get(key)


class Program:
    """The calls of a step for one shape of batch."""

    def __init__(self, step: Step, state: State, batch: Batch, hands: Hands = ALONE) -> None:
        if not _writable(tree.leaves(state)):
            raise NotTraceableError("the state's arrays cannot be written through")
        trace = Trace()
        given = map_arrays(state, trace.new_buffer, np.ndarray)
        samples = {name: trace.new_buffer(x) for name, x in batch.items()}
        new, metrics = step(given, samples)
        self.buffers, self.hands = trace.buffers, hands
        self._samples = {name: x.as_view for name, x in samples.items()}
        self._metrics = {name: x.as_view for name, x in metrics.items()}
        self._state = [x.as_view for x in tree.leaves(given)]
        if _names(new) != _names(given):
            raise NotTraceableError("the state has other arrays after the step")
        carried = [
            call for pair in zip(self._state, tree.leaves(new), strict=True) for call in self._carry(*pair)
        ]
        wanted = {
            ref.buffer for ref in arrays([self._metrics, self._state, [call.args for call in carried]], View)
        }
        self.calls = [*trace.prune(wanted), *carried]
        self._offsets, self.size = plan(self._spans())
        self.batch: Batch = {}
        self._memory = np.empty(0, "uint8")
        self._bound: list[Any] = []

    def _carry(self, old: View, new: Tracer) -> Iterator[Call]:
        """The call, if there must be one, that brings an array of the new state to where the old one is."""
        if new.as_view != old:
            if (new.shape, new.dtype) != (old.shape, old.dtype) or new.buffer in [
                ref.buffer for ref in self._state
            ]:
                raise NotTraceableError("the state changes its form")
            yield Call(np.copyto, (old, new.as_view), old.buffer)

    def _spans(self) -> dict[int, LiveRange]:
        """(first call, last call, bytes) of each root that is not of the state."""
        first: dict[int, int] = {ref.buffer: -1 for ref in self._samples.values()}
        last = dict(first)
        for index, call in enumerate(self.calls):
            for ref in arrays(call.args, View):
                first.setdefault(ref.buffer, index)
                last[ref.buffer] = index
        for ref in self._metrics.values():
            last[ref.buffer] = len(self.calls)
        state = {ref.buffer for ref in self._state}
        return {
            root: LiveRange(first[root], last[root], _bytes(self.buffers[root]))
            for root in first
            if root not in state
        }

    def place(self, memory: np.ndarray) -> None:
        """Settles where everything but the state is."""
        self._memory, self._bound = memory, []  # so that the calls are bound anew
        self.batch = map_arrays(self._samples, partial(self._array, state={}), View)

    def run(self, state: State) -> Result | None:
        """The step on the samples in `batch`; None, and nothing done, where the state is of another form."""
        metrics = self.go(state)
        return None if metrics is None else (state, {name: x[()] for name, x in metrics.items()})

    def go(self, state: dict[str, Any]) -> dict[str, Any] | None:
        """The calls on a state's arrays, and the metrics; None, and nothing done, where they are of another form.

        Whoever replaces an array of a part, such as the parameters, makes a dict of its own for that part.
        """
        known = len(state) == len(self._bound) and all(map(is_, state.values(), self._bound))
        if not known and not self._bind(state):
            return None
        for call in self._made:
            call()
        return {name: x.copy() for name, x in self._results.items()}

    def feed(self, data: Batch) -> Feed:
        """What gathers these rows of the samples in `batch`, in pieces where they are large."""
        taken = np.zeros(len(self.batch["w"]), "int64")
        calls = in_pieces([gather(x, taken, self.batch[name]) for name, x in data.items()], self.hands)

        def feed(rows: np.ndarray) -> None:
            taken[...] = rows
            for call in calls:
                call()

        return feed

    def _bind(self, parts: dict[str, Any]) -> bool:
        """The calls on this state's arrays."""
        given = list(tree.leaves(parts))
        form = [(x.shape, x.dtype, x.strides) for x in given]
        if form != [(ref.shape, ref.dtype, ref.strides) for ref in self._state] or not _writable(given):
            return False
        state = {ref.buffer: x for ref, x in zip(self._state, given, strict=True)}
        place = partial(self._array, state=state)
        calls = ((call.function, map_arrays(call.args, place, View)) for call in self.calls)
        self._made = in_pieces(calls, self.hands)
        self._results = map_arrays(self._metrics, place, View)
        self._bound = list(parts.values())
        return True

    def _array(self, ref: View, state: dict[int, np.ndarray]) -> np.ndarray:
        own = state.get(ref.buffer)
        if own is not None and ref == self.buffers[ref.buffer]:
            return own
        buffer, start = (self._memory, self._offsets[ref.buffer]) if own is None else (own, 0)
        return np.ndarray(ref.shape, ref.dtype, buffer, start + ref.offset, ref.strides)


def _names(part: Any) -> Any:
    return [(name, _names(value)) for name, value in part.items()] if isinstance(part, dict) else type(part)


def _key(batch: Batch) -> Any:
    return tuple([(name, x.shape, x.dtype) for name, x in batch.items()])


def _in_order(x: np.ndarray) -> bool:
    return type(x) is np.ndarray and x.flags.c_contiguous


def _writable(given: Iterable[np.ndarray]) -> bool:
    return all(_in_order(x) and x.flags.writeable for x in given)


def _bytes(ref: View) -> int:
    size = ref.dtype.itemsize * int(np.prod(ref.shape))
    return aligned(size)
