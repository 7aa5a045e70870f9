"""The plan of a run: what executes and where it may be cut, decided once before the first step.

A plan follows from sizes, installed packages, options, the cores of the process, the work that it has done and the
natives that it has loaded, never from a clock. The loop obeys the plan and decides nothing. `model.plan` shows the plan
of the last run.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from ..layers import Layer
from ..typing import Flat
from .batches import Batches, BatchSource
from .cost import PROCESS, CostModel

T = TypeVar("T")
Cut = Literal["between steps", "between calls"]


class Decision(NamedTuple, Generic[T]):
    """A value of a plan and, in words, why it was chosen."""

    value: T
    why: str

    def __str__(self) -> str:
        return f"{self.value}: {self.why}"


@dataclass(frozen=True, repr=False)
class ExecutionPlan:
    """The decisions for one run of training.

    natives: the name of the natives in force, or "portable".
    threads: BLAS threads during a step; None where the library sets its own.
    steps_per_call: steps in one call of the backend.
    epoch_overlap: True where an epoch's first call is issued before the losses of the epoch before are fetched.
    cuts: the places where `state` is whole and on hand, for a checkpoint, a signal or an exchange between processes.
    """

    natives: Decision[str]
    threads: Decision[int | None]
    steps_per_call: Decision[int]
    epoch_overlap: Decision[bool]
    cuts: Decision[Cut]

    def __str__(self) -> str:
        """One line for each decision, with its reason."""
        return "\n".join(f"{field.name:<16}{getattr(self, field.name)}" for field in fields(self))

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """{"natives": {"value": ..., "why": ...}, ...}: the decisions as JSON can hold them."""
        return {field.name: getattr(self, field.name)._asdict() for field in fields(self)}

    def __repr__(self) -> str:
        values = (f"{field.name}={getattr(self, field.name).value!r}" for field in fields(self))
        return f"ExecutionPlan({', '.join(values)})"


class _Planned(NamedTuple):
    """A plan that is kept for runs of the same key, its natives and its estimated seconds of portable steps."""

    key: Any
    plan: ExecutionPlan
    natives: Any
    seconds: float


class Planner:
    """Makes the plans of a trainer's runs.

    natives: the `Natives` in force, those of the last run that began. Natives that were once loaded stay in force.
    """

    def __init__(
        self,
        network: Layer,
        backend: Any,
        *,
        dtype: str,
        natives: bool | str,
        pure: bool,
        deterministic: bool,
    ) -> None:
        self.cost = CostModel(network)
        self.backend, self.dtype = backend, dtype
        self.wanted, self.pure, self.deterministic = natives, pure, deterministic
        self.natives: Any = None
        self._last: _Planned | None = None

    def begin_run(self, *args: Any, **options: Any) -> ExecutionPlan:
        """The plan of a run that begins, as `of_run` makes it, and puts its natives in force."""
        planned = self._planned(*args, **options)
        self.natives = planned.natives
        if self.wanted == "auto" and not self._loaded:
            PROCESS.add(self.backend.name, planned.seconds)
        return planned.plan

    def of_run(
        self, params: Flat, source: BatchSource, *, epochs: int, steps_per_call: int | None, observed: bool
    ) -> ExecutionPlan:
        """The plan of a run over `epochs` epochs; observed: a callback sees the state after each call."""
        return self._planned(
            params, source, epochs=epochs, steps_per_call=steps_per_call, observed=observed
        ).plan

    def _planned(
        self, params: Flat, source: BatchSource, *, epochs: int, steps_per_call: int | None, observed: bool
    ) -> _Planned:
        """A run like the last one has the same plan, which is kept: a plan takes 30 us."""
        threads = self.threads(source)  # the cores may have changed
        sizes = source.shape, source.size, source.rows, source.steps, source.at_once
        before = 0.0 if self._loaded else PROCESS.of(self.backend.name)
        key = sizes, type(source), epochs, steps_per_call, observed, threads, self._loaded, before
        if self._last is None or self._last.key != key:
            step = self.cost.seconds(params, source.shape, source.size, 1)
            seconds = step * epochs * source.steps
            natives, in_force = self._natives(before + seconds)
            calls = self._steps_per_call(step, source, steps_per_call)
            overlap = self._epoch_overlap(step * source.steps, source, observed)
            plan = ExecutionPlan(natives, threads, calls, overlap, _cuts(calls.value))
            counted = (
                0.0 if source.steps == sys.maxsize else seconds
            )  # the number of a stream's batches is unknown
            self._last = _Planned(key, plan, in_force, counted)
        return self._last

    def threads(self, source: BatchSource) -> Decision[int | None]:
        """The BLAS threads for the products of a source's batches, or of their parts of `rows` samples."""
        products = self.cost.products(source.shape, source.rows or source.size)
        return Decision(*self.backend.choose_threads(products, deterministic=self.deterministic))

    @property
    def _loaded(self) -> bool:
        return self.natives is not None and bool(self.natives.ops)

    def _natives(self, seconds: float) -> tuple[Decision[str], Any]:
        if self._loaded:
            why = "an earlier run loaded these natives, and all later runs keep them"
            return Decision(self.natives.name, why), self.natives
        found = self.backend.natives(self.wanted, dtype=self.dtype, seconds=seconds)
        found = found._replace(pure=self.pure, deterministic=self.deterministic)
        return Decision(found.name, found.why or f"{self.backend.name} chose it"), found

    def _steps_per_call(self, seconds: float, source: BatchSource, wanted: int | None) -> Decision[int]:
        chosen = wanted or self.backend.choose_steps(seconds)
        if chosen > source.at_once:
            return Decision(source.at_once, "a segment of the samples holds no more batches")
        if wanted:
            return Decision(chosen, f"steps_per_call={wanted} was given")
        return Decision(chosen, f"{self.backend.name} chose it for steps of an estimated {seconds:.2g} s")

    def _epoch_overlap(self, seconds: float, source: BatchSource, observed: bool) -> Decision[bool]:
        if observed:
            return Decision(False, "the state is read after each call")
        if not isinstance(source, Batches):
            return Decision(False, "the batches are made while the training runs")
        value = bool(self.backend.overlaps_epochs(seconds))
        return Decision(value, f"{self.backend.name} chose it for epochs of an estimated {seconds:.2g} s")


def _cuts(steps_per_call: int) -> Decision[Cut]:
    whole = "a step is compiled whole, gradients and update together, since no process exchanges gradients"
    if steps_per_call == 1:
        return Decision("between steps", f"each call is one step; {whole}")
    return Decision("between calls", f"{steps_per_call} steps run in one call of the backend; {whole}")
