"""The JAX backend: a jitted step, and an epoch as one jitted loop of steps, with the state donated.

The problem: dispatching a jitted call costs more than a small step computes; a step of 65 us takes 19 us in a loop.
An epoch is therefore a `fori_loop` over steps, which gathers each batch on the device. Three facts shape it:

- JAX traces and compiles once for each shape. The loop's bounds are dynamic, so that a shorter last call uses the same
  trace; a smaller last batch has a trace of its own.
- Dispatch is asynchronous. At most one call is queued behind the running one, so that Ctrl-C waits for no queue, and
  the next epoch may be dispatched before the losses of the current one are read.
- Donated arrays are gone. An epoch copies the state within its first call, so that the caller's state stays valid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, cached_property, partial, wraps
from typing import Any

import numpy as np

from ...dtypes import in_numpy_format
from ...errors import BackendError
from ...installed import BACKENDS
from ...namespace import with_natives
from ...typing import Array, Batch, Device, Namespace, Op, State
from ..base import Backend
from ..cores import cores
from ..protocol import CallResult, Capabilities, Epoch, Natives

SHORTENED = {"int64": "int32", "uint64": "uint32"}
"""The integers that JAX cuts to fewer bits, without a word, until it is told to take 64."""

MAX_CALL_SECONDS = 0.5
"""The most portable time of the steps in one call. A call cannot be interrupted: Ctrl-C waits for its end."""
MAX_OVERLAP_SECONDS = 0.1
"""The longest epoch that is dispatched early: in a longer one, the host's work between epochs no longer counts."""


class JaxBackend(Backend):
    """JAX arrays. The step is traced once for each shape of batch."""

    name = "jax"
    package, install = BACKENDS["jax"].needs

    @cached_property
    def xp(self) -> Namespace:
        import jax.numpy

        return jax.numpy

    def devices(self) -> list[Device]:
        import jax

        return jax.devices()

    def device(self, spec: Any = None) -> Device:
        import jax

        if spec is None:
            return jax.devices()[0]
        if isinstance(spec, str) and ":" not in spec:
            matching = [d for d in jax.devices() if spec in (d.platform, {"gpu": "cuda"}.get(d.platform))]
            spec = matching[0] if matching else spec
        return super().device(spec)

    @cached_property
    def capabilities(self) -> Capabilities:
        import jax

        return Capabilities(float64=bool(jax.config.jax_enable_x64), traces=True)

    def dtype(self, name: Any) -> Any:
        import jax

        return jax.dtypes.canonicalize_dtype(super().dtype(name))  # int64 is int32 where x64 is off

    def no_float64(self) -> str:
        return (
            "JAX has no float64 until it is switched on, before its first use: "
            "jax.config.update('jax_enable_x64', True), or use dtype='float32'"
        )

    def from_numpy(self, host: np.ndarray, device: Device) -> Array:
        import jax

        if host.dtype.name in SHORTENED and host.size and not self.capabilities.float64:
            held = np.iinfo(SHORTENED[host.dtype.name])
            if host.max() > held.max or host.min() < held.min:
                raise BackendError(
                    f"JAX has no {host.dtype} until it is switched on, before its first use, and the array holds "
                    f"numbers beyond {held.dtype}: jax.config.update('jax_enable_x64', True), or give smaller numbers"
                )
        return jax.device_put(host, device)  # jax.numpy.array takes 70 us more

    def copy_to(self, x: Array, device: Device) -> Array:
        import jax

        return jax.numpy.array(x, copy=True, device=device)

    def to_numpy(self, x: Array) -> np.ndarray:
        return in_numpy_format(np.array(x))  # waits for the computation, and raises what it raised

    def copy(self, arrays: Any) -> Any:
        return _copy()(arrays)

    def snapshot(self, state: State) -> State:
        return state.copy()  # an epoch copies the arrays itself, within its first call if it has no other

    def synchronize(self) -> None:
        import jax

        jax.effects_barrier()
        jax.numpy.zeros(()).block_until_ready()

    @contextmanager
    def device_context(self, device: Device = None) -> Iterator[None]:
        """Within it a bias is added to all rows, also where the user has JAX refuse that in code of his own."""
        import jax

        with super().device_context(device), jax.numpy_rank_promotion("allow"):
            yield

    def natives(self, wanted: bool | str, *, dtype: str, seconds: float) -> Natives:
        if wanted is False:
            return Natives(update=self.update, why="natives=False was given")
        why = "JAX's own loops compile in seconds, unrolled ones in minutes"
        return Natives("jax", self.update, self._table, why=why)

    @property
    def _table(self) -> Mapping[str, Op]:
        """The natives for the selected device."""
        from .natives import ANYWHERE, ON_CPU

        return ON_CPU if self.selected.platform == "cpu" else ANYWHERE

    def compile(
        self, function: Callable[..., Any], *, consumes: tuple[int, ...] = (), natives: Natives | None = None
    ) -> Callable[..., Any]:
        import jax

        # other functions than a training step need them too: a Python loop along time takes minutes to compile
        table = self._table if natives is None else natives.ops
        if table:
            function = _traced_with(function, table)
        return jax.jit(function, donate_argnums=consumes)

    def choose_steps(self, seconds: float) -> int:
        return max(1, int(MAX_CALL_SECONDS / seconds))

    def overlaps_epochs(self, seconds: float) -> bool:
        beside = self.selected.platform != "cpu" or cores() > 1  # the host runs on a core of its own
        return beside and seconds <= MAX_OVERLAP_SECONDS

    def epoch(
        self,
        step: Callable[[State, Batch], tuple[State, dict[str, Array]]],
        measure: Callable[[State], Array] | None = None,
    ) -> Epoch:
        import jax

        (alone, loop), gather, copy = _loops(step, measure), _gather(), _copy()

        def calls(
            state: State, data: Batch, order: np.ndarray | None, w: np.ndarray, batch_size: int, steps: int
        ) -> Iterator[CallResult]:
            n = len(w)
            if order is None and n <= batch_size:
                state, metrics = step(copy(state), {**data, "w": w})
                yield state, metrics["loss"], 1, None
                return
            order = np.arange(n) if order is None else order
            full = n // batch_size if steps > 1 else 0
            if 0 < full <= steps:  # one or two calls transfer host arrays faster than device_put does
                state, losses, measured = alone(state, data, order, w, 0, full, batch_size, steps)
                yield state, losses, full, measured
            else:
                state = copy(state)
                order, w = jax.device_put((order, w), self.selected)
                for first in range(0, full, steps):
                    last = min(first + steps, full)
                    state, losses = loop(state, data, order, w, first, last, batch_size, steps)
                    yield state, losses, last - first, None
            for start in range(full * batch_size, n, batch_size):
                batch = gather(data, order, w, start, min(batch_size, n - start))
                state, metrics = step(state, batch)
                yield state, metrics["loss"], 1, None

        def run(*args: Any, **options: Any) -> Iterator[CallResult]:
            before = None
            for ran in calls(*args, **options):
                if before is not None:
                    before.block_until_ready()  # at most one call is queued: Ctrl-C waits for no queue
                before = ran[1]
                yield ran

        return run

    def losses(self, calls: Sequence[tuple[Array, int]]) -> np.ndarray:
        # jax.device_get queues a copy of each array first, which on a CPU takes longer than the copies
        return np.concatenate([np.ravel(losses)[:steps] for losses, steps in calls])


def _traced_with(function: Callable[..., Any], table: Mapping[str, Op]) -> Callable[..., Any]:
    """The function with natives in force for the types of its arguments, which are tracers within a jitted call."""

    @wraps(function)
    def traced(*args: Any) -> Any:
        import jax

        kinds = {type(x) for x in jax.tree.leaves(args)}
        return with_natives(function, *kinds, table=table)(*args)

    return traced


def _loops(
    step: Callable[..., Any], measure: Callable[[State], Array] | None
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Two jitted loops over the steps `first` to `last` of an epoch, with their losses in an array of `steps`.

    (alone, loop): `alone` runs an epoch in one call. It leaves its state intact, measures the new one, and has static
    bounds, with which it is slightly faster. `loop` runs a part of an epoch. It consumes its state, and its bounds are
    dynamic, so that a last call of fewer steps needs no trace of its own. JAX caches the trace of `step` by the shape
    of the batch, and that of a loop by the shape of the data.
    """
    import jax

    def loop(
        state: State, data: Batch, order: Array, w: Array, first: int, last: int, batch_size: int, steps: int
    ) -> tuple[State, Array]:
        def body(index: Array, carry: tuple[State, Array]) -> tuple[State, Array]:
            state, losses = carry
            new, metrics = step(state, _gather()(data, order, w, index * batch_size, batch_size))
            # fori_loop requires a carry of constant dtypes
            new = jax.tree.map(lambda x, old: x.astype(old.dtype), new, state)
            return new, losses.at[index - first].set(metrics["loss"])

        return jax.lax.fori_loop(first, last, body, (state, jax.numpy.zeros(steps, w.dtype)))

    def alone(*args: Any) -> tuple[State, Array, Array | None]:
        state, losses = loop(*args)
        return state, losses, None if measure is None else measure(state)

    return jax.jit(alone, static_argnums=(4, 5, 6, 7)), jax.jit(loop, static_argnums=(6, 7), donate_argnums=0)


@cache
def _gather() -> Callable[..., Batch]:
    """A jitted function that gathers the batch of the samples `start` to `start + size` of an order."""
    import jax

    @partial(jax.jit, static_argnums=4)
    def gather(data: Batch, order: Array, w: Array, start: Array, size: int) -> Batch:
        cut = partial(jax.lax.dynamic_slice_in_dim, start_index=start, slice_size=size)
        rows = cut(order)
        # jax.numpy.take would check for indices out of bounds, which an order never has
        batch = {name: x.at[rows].get(mode="promise_in_bounds") for name, x in data.items()}
        return {**batch, "w": cut(w)}

    return gather


@cache
def _copy() -> Callable[[Any], Any]:
    """A jitted function that copies all arrays in one call."""
    import jax

    return jax.jit(lambda arrays: jax.tree.map(jax.numpy.copy, arrays))
