"""JAX: the whole step is jitted, and the steps of an epoch are a loop within one jitted call, its state donated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, cached_property, partial, wraps
from typing import Any

import numpy as np

from ...installed import BACKENDS
from ...namespace import with_natives
from ...typing import Array, Batch, Device, Namespace, Op, State
from ..base import Backend
from ..cores import cores
from ..protocol import CallResult, Capabilities, Epoch, Natives

CALL = 0.5
"""Seconds of portable steps that a call runs at most. It cannot be broken off, so that Ctrl-C may wait as long."""
EARLY = 0.1
"""Seconds of an epoch's portable steps up to which the time counts in which the host looks at the epoch before it."""


class JaxBackend(Backend):
    """JAX arrays; one trace of the step for each shape of batch."""

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

    def _no_float64(self) -> str:
        return (
            "JAX has no float64 until it is switched on, before its first use: "
            "jax.config.update('jax_enable_x64', True), or use dtype='float32'"
        )

    def _upload(self, host: np.ndarray, device: Device) -> Array:
        import jax

        return jax.device_put(host, device)  # jax.numpy.array takes 70 us more

    def _own(self, x: Array, device: Device) -> Array:
        import jax

        return jax.numpy.array(x, copy=True, device=device)

    def copy(self, arrays: Any) -> Any:
        return _copy()(arrays)

    def snapshot(self, state: State) -> State:
        return state.copy()  # an epoch works on copies, made within its first call where that is its only one

    def synchronize(self) -> None:
        import jax

        jax.effects_barrier()
        jax.numpy.zeros(()).block_until_ready()

    def natives(self, wanted: bool | str, *, dtype: str, seconds: float) -> Natives:
        if wanted is False:
            return Natives(update=self.update, why="natives=False was given")
        why = "JAX's own loops compile in seconds, unrolled ones in minutes"
        return Natives("jax", self.update, self._table, why=why)

    @property
    def _table(self) -> Mapping[str, Op]:
        from .natives import ANYWHERE, ON_CPU

        return ON_CPU if self.selected.platform == "cpu" else ANYWHERE

    def compile(
        self, function: Callable[..., Any], *, consumes: tuple[int, ...] = (), natives: Natives | None = None
    ) -> Callable[..., Any]:
        import jax

        # what is no training step has them too: a long loop takes minutes to compile
        table = self._table if natives is None else natives.ops
        if table:
            function = _traced_with(function, table)
        return jax.jit(function, donate_argnums=consumes)

    def choose_steps(self, seconds: float) -> int:
        return max(1, int(CALL / seconds))

    def overlaps_epochs(self, seconds: float) -> bool:
        beside = self.selected.platform != "cpu" or cores() > 1  # the host runs on a core of its own
        return beside and seconds <= EARLY

    def epoch(
        self,
        step: Callable[[State, Batch], tuple[State, dict[str, Array]]],
        look: Callable[[State], Array] | None = None,
    ) -> Epoch:
        import jax

        (alone, loop), gather, copy = _loops(step, look), _gather(), _copy()

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
            if 0 < full <= steps:  # host arrays go along with one call or two faster than by themselves
                state, losses, looked = alone(state, data, order, w, 0, full, batch_size, steps)
                yield state, losses, full, looked
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
                    before.block_until_ready()  # one call ahead: Ctrl-C waits for no queue
                before = ran[1]
                yield ran

        return run

    def losses(self, calls: Sequence[tuple[Array, int]]) -> np.ndarray:
        # jax.device_get would queue a copy of each first, which takes longer than the copies on a CPU
        return np.concatenate([np.ravel(losses)[:steps] for losses, steps in calls])


def _traced_with(function: Callable[..., Any], table: Mapping[str, Op]) -> Callable[..., Any]:
    """The function with natives in force for the tracers that it is called with."""

    @wraps(function)
    def traced(*args: Any) -> Any:
        import jax

        kinds = {type(x) for x in jax.tree.leaves(args)}
        return with_natives(function, *kinds, table=table)(*args)

    return traced


def _loops(
    step: Callable[..., Any], look: Callable[[State], Array] | None
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Steps `first` to `last` of an epoch and their losses, in an array of length `steps`: twice, the first of which
    leaves its state alone and looks at what becomes of it, and the second of which consumes it.

    The second's ends are no part of its trace, so that a last call of fewer steps needs none of its own; the first
    is an epoch in one call, and a little quicker for knowing them. JAX keeps the trace of `step` by the shape of
    its batch, and a loop's by the shape of the data.
    """
    import jax

    def loop(
        state: State, data: Batch, order: Array, w: Array, first: int, last: int, batch_size: int, steps: int
    ) -> tuple[State, Array]:
        def body(index: Array, carry: tuple[State, Array]) -> tuple[State, Array]:
            state, losses = carry
            new, metrics = step(state, _gather()(data, order, w, index * batch_size, batch_size))
            new = jax.tree.map(
                lambda x, old: x.astype(old.dtype), new, state
            )  # a loop's state keeps its form
            return new, losses.at[index - first].set(metrics["loss"])

        return jax.lax.fori_loop(first, last, body, (state, jax.numpy.zeros(steps, w.dtype)))

    def alone(*args: Any) -> tuple[State, Array, Array | None]:
        state, losses = loop(*args)
        return state, losses, None if look is None else look(state)

    return jax.jit(alone, static_argnums=(4, 5, 6, 7)), jax.jit(loop, static_argnums=(6, 7), donate_argnums=0)


@cache
def _gather() -> Callable[..., Batch]:
    """The batch of `size` samples from place `start` on in an order."""
    import jax

    @partial(jax.jit, static_argnums=4)
    def gather(data: Batch, order: Array, w: Array, start: Array, size: int) -> Batch:
        cut = partial(jax.lax.dynamic_slice_in_dim, start_index=start, slice_size=size)
        rows = cut(order)
        # jax.numpy.take would look for places out of bounds, of which an order has none
        batch = {name: x.at[rows].get(mode="promise_in_bounds") for name, x in data.items()}
        return {**batch, "w": cut(w)}

    return gather


@cache
def _copy() -> Callable[[Any], Any]:
    """A copy of every array in one call."""
    import jax

    return jax.jit(lambda arrays: jax.tree.map(jax.numpy.copy, arrays))
