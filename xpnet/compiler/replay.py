"""Replay: a traced training step run again as a list of NumPy calls, in memory allocated once.

A replayed step is a `Program`, one for each shape of batch: the calls of the trace, dead code left out, each bound to
arrays in one block of memory (`memory_plan`) and to the state's own arrays, and large calls partitioned into tasks.
A run copies the batch into that memory, makes the calls in order and returns copies of the metrics. The state's
arrays are written in place.

`ReplayedStep` has the signature of the step that it wraps. It traces the step at the second batch of a shape, because
the last batch of an epoch may be the only one of its shape, and replays it from then on. A step that cannot be traced
runs as it is, and `reason` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from operator import is_
from typing import Any

import numpy as np

from .. import tree
from ..typing import Array, Batch, State
from .memory_plan import LiveRange, aligned, aligned_empty, plan
from .partition import partition
from .task import gather
from .threadpool import Parallelism
from .tracing import Call, NotTraceableError, Trace, Tracer, View, arrays, map_arrays

MAX_BATCH_ELEMENTS = 2**20
"""Elements of the largest batch that is copied into the program's memory; the step runs as it is on a larger one."""
MAX_PROGRAMS = 8
"""Programs of one step, each for another shape of batch; they share their memory."""

SINGLE_THREAD = Parallelism()
Result = tuple[State, dict[str, Array]]
Step = Callable[[State, Batch], Result]
Loader = Callable[[np.ndarray], None]


class ReplayedStep:
    """A step that is traced at the second batch of a shape, and replayed for this batch and all after it.

    reason: the error that kept it from being traced; None as long as there was none.
    """

    def __init__(self, step: Step, parallelism: Parallelism = SINGLE_THREAD) -> None:
        self.step, self.parallelism = step, parallelism
        self.reason: str | None = None
        self._seen: set[Any] = set()
        self._programs: dict[Any, Program] = {}
        self._memory = np.empty(0, "uint8")

    def __call__(self, state: State, batch: Batch) -> Result:
        small = sum(x.size for x in batch.values()) <= MAX_BATCH_ELEMENTS
        program = self._program(state, batch) if small else None
        if program is None:
            return self.step(state, batch)
        for name, x in batch.items():
            np.copyto(program.batch[name], x)
        return self._run(program, state)

    def steps(
        self, state: State, data: Batch, order: np.ndarray, w: np.ndarray, size: int
    ) -> Iterator[Result]:
        """The steps of an epoch; each batch is gathered from the data straight into the program's memory."""
        known: dict[int, tuple[Program, Loader]] = {}
        for start in range(0, len(w), size):
            rows, weights = order[start : start + size], w[start : start + size]
            if len(weights) in known:
                program, load = known[len(weights)]
                load(rows)
                program.batch["w"][...] = weights
                result = self._run(program, state)
            else:
                batch = {name: x[rows] for name, x in data.items()}
                batch["w"] = weights
                result = self(state, batch)
                if found := self._programs.get(_key(batch)):
                    known[len(weights)] = found, found.loader(data)
            state = result[0]
            yield result

    def _run(self, program: Program, state: State) -> Result:
        try:
            return program.step(state) or self.step(state, dict(program.batch))
        except BaseException:
            # after an interrupt a thread may still be writing into this memory: no later step uses it
            self._programs, self._memory = {}, np.empty(0, "uint8")
            raise

    def _program(self, state: State, batch: Batch) -> Program | None:
        """The program for this shape of batch; None for the first batch of a shape."""
        key = _key(batch)
        if key in self._programs or self.reason is not None or not all(map(_is_plain, batch.values())):
            return self._programs.get(key)
        if key not in self._seen:
            self._seen.add(key)
        elif len(self._programs) < MAX_PROGRAMS:
            try:
                program = Program(self.step, state, batch, self.parallelism)
                if program.size > self._memory.size:
                    self._memory = aligned_empty(program.size)
            except Exception as error:
                # the step itself still runs, and raises errors of its own
                self.reason = f"{type(error).__name__}: {error}"
                return None
            programs = {**self._programs, key: program}
            self._programs = {}  # an interrupt here leaves no program with half of its arrays moved
            for each in programs.values():
                each.allocate(self._memory)
            self._programs = programs
        return self._programs.get(key)


class Program:
    """The calls of a step for one shape of batch.

    calls: of the trace, dead code left out. batch: the arrays that the calls read the samples from. size: bytes of
    memory for all arrays but the state's.
    """

    def __init__(
        self, step: Step, state: State, batch: Batch, parallelism: Parallelism = SINGLE_THREAD
    ) -> None:
        if not _is_writeable(tree.leaves(state)):
            raise NotTraceableError("the state's arrays cannot be written through")
        trace = Trace()
        traced_state = map_arrays(state, trace.new_buffer, np.ndarray)
        samples = {name: trace.new_buffer(x) for name, x in batch.items()}
        new_state, metrics = step(traced_state, samples)
        self.buffers, self.parallelism = trace.buffers, parallelism
        self._samples = {name: x.as_view for name, x in samples.items()}
        self._metrics = {name: x.as_view for name, x in metrics.items()}
        self._state = [x.as_view for x in tree.leaves(traced_state)]
        if _names(new_state) != _names(traced_state):
            raise NotTraceableError("the state has other arrays after the step")
        pairs = zip(self._state, tree.leaves(new_state), strict=True)
        copies = [call for old, new in pairs for call in self._copy_back(old, new)]
        results = arrays([self._metrics, self._state, [call.args for call in copies]], View)
        self.calls = [*trace.prune({view.buffer for view in results}), *copies]
        self._offsets, self.size = plan(self._live_ranges())
        self.batch: Batch = {}
        self._memory = np.empty(0, "uint8")
        self._thunks: list[Callable[[], Any]] = []
        self._bound_state: list[Any] = []

    def _copy_back(self, old: View, new: Tracer) -> Iterator[Call]:
        """The call that copies an array of the new state over the old one; none if it was updated in place."""
        if new.as_view != old:
            in_state = new.buffer in [view.buffer for view in self._state]
            if (new.shape, new.dtype) != (old.shape, old.dtype) or in_state:
                raise NotTraceableError("the state changes its form")
            yield Call(np.copyto, (old, new.as_view), old.buffer)

    def _live_ranges(self) -> dict[int, LiveRange]:
        """The live range of each buffer that is not of the state; samples live from before the first call."""
        first = {view.buffer: -1 for view in self._samples.values()}
        last = dict(first)
        for index, call in enumerate(self.calls):
            for view in arrays(call.args, View):
                first.setdefault(view.buffer, index)
                last[view.buffer] = index
        for view in self._metrics.values():
            last[view.buffer] = len(self.calls)
        for view in self._state:
            first.pop(view.buffer, None)
        return {
            buffer: LiveRange(index, last[buffer], _bytes(self.buffers[buffer]))
            for buffer, index in first.items()
        }

    def allocate(self, memory: np.ndarray) -> None:
        """Places all arrays but the state's in this memory; the next run binds the calls anew."""
        self._memory, self._bound_state = memory, []
        self.batch = map_arrays(self._samples, partial(self._array, state={}), View)

    def step(self, state: State) -> Result | None:
        """One step on the samples in `batch`: the state, updated in place, and the metrics.

        None, and nothing has run, if the state is of another form than the traced one.
        """
        metrics = self.run(state)
        return None if metrics is None else (state, {name: x[()] for name, x in metrics.items()})

    def run(self, state: Any) -> dict[str, Any] | None:
        """Makes the calls on a state's arrays and returns copies of the metrics; None as in `step`.

        The calls stay bound to the arrays of the last state as long as its parts are the same dicts: code that
        replaces an array of a part must put it into a new dict.
        """
        bound = len(state) == len(self._bound_state) and all(map(is_, state.values(), self._bound_state))
        if not bound and not self._bind(state):
            return None
        for thunk in self._thunks:
            thunk()
        return {name: x.copy() for name, x in self._results.items()}

    def loader(self, data: Batch) -> Loader:
        """A function that gathers rows of the data into `batch`, on several threads if they are large."""
        indices = np.zeros(len(self.batch["w"]), "int64")
        calls = [gather(x, indices, self.batch[name]) for name, x in data.items()]
        thunks = partition(calls, self.parallelism)

        def load(rows: np.ndarray) -> None:
            indices[...] = rows
            for thunk in thunks:
                thunk()

        return load

    def _bind(self, parts: dict[str, Any]) -> bool:
        """Binds the calls to this state's arrays; False if these are of another form."""
        given = list(tree.leaves(parts))
        form = [(x.shape, x.dtype, x.strides) for x in given]
        wanted = [(view.shape, view.dtype, view.strides) for view in self._state]
        if form != wanted or not _is_writeable(given):
            return False
        state = {view.buffer: x for view, x in zip(self._state, given, strict=True)}
        place = partial(self._array, state=state)
        calls = ((call.function, map_arrays(call.args, place, View)) for call in self.calls)
        self._thunks = partition(calls, self.parallelism)
        self._results = map_arrays(self._metrics, place, View)
        self._bound_state = list(parts.values())
        return True

    def _array(self, view: View, state: dict[int, np.ndarray]) -> np.ndarray:
        """The array of a view, in the memory of the program or of the state."""
        own = state.get(view.buffer)
        if own is not None and view == self.buffers[view.buffer]:
            return own
        memory, start = (self._memory, self._offsets[view.buffer]) if own is None else (own, 0)
        return np.ndarray(view.shape, view.dtype, memory, start + view.offset, view.strides)


def _names(part: Any) -> Any:
    return [(name, _names(value)) for name, value in part.items()] if isinstance(part, dict) else type(part)


def _key(batch: Batch) -> Any:
    return tuple([(name, x.shape, x.dtype) for name, x in batch.items()])


def _is_plain(x: np.ndarray) -> bool:
    return type(x) is np.ndarray and x.flags.c_contiguous


def _is_writeable(given: Iterable[np.ndarray]) -> bool:
    return all(_is_plain(x) and x.flags.writeable for x in given)


def _bytes(view: View) -> int:
    return aligned(view.dtype.itemsize * int(np.prod(view.shape)))
