"""The loop around the step: epochs over batches, obeying the plan of the run, and the state that they leave behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from typing import Any, cast

import numpy as np

from .. import tree
from ..data import Targets, check_outputs
from ..describe import ours
from ..errors import DivergedError
from ..layers import Layer
from ..optim import Optimizer
from ..typing import Array, Loss, Shape, State
from .batches import Batches, BatchSource
from .divergence import DivergenceMonitor
from .epoch import EpochLoss, EpochRun
from .evaluation import Evaluator
from .inputs import Samples, hold_out
from .lazy import LazyRows
from .options import FitOptions
from .plan import ExecutionPlan, Planner
from .state import initial_state, replaced
from .step import make_step, state_magnitude

PROBE_SAMPLES = 256
"""Samples whose loss after an epoch's last update is computed where the parameters grew much."""
_GIVEN = (
    "network",
    "loss",
    "optimizer",
    "backend",
    "reduction",
    "dtype",
    "seed",
    "natives",
    "deterministic",
)


class Trainer:
    """A network, its loss and its optimizer on one backend, and the state of their training.

    Between epochs `state` is that of the last epoch that ended well, whatever broke off after it. `epochs` counts
    the epochs done, from which the order of the next one is drawn. `plan` is that of the last run, None before the
    first. `started` is True once a step has run or a trained state was loaded; `trainings` counts the runs.
    """

    def __init__(
        self,
        network: Layer,
        loss: Loss,
        optimizer: Optimizer,
        backend: Any,
        *,
        reduction: str,
        dtype: str,
        seed: int,
        natives: bool | str = "auto",
        deterministic: bool = True,
    ) -> None:
        self.network, self.loss, self.optimizer = network, loss, optimizer
        self.backend, self.reduction, self.dtype, self.seed = backend, reduction, dtype, seed
        self.natives, self.deterministic = natives, deterministic
        self.state = cast("State", {})  # until `build` or `load`
        self._good: State | None = None  # while an epoch runs, the state before it
        self.epochs = 0
        self.started, self.trainings = False, 0
        self.plan: ExecutionPlan | None = None
        self._monitor: DivergenceMonitor | None = None
        self._steps: dict[Any, Callable[..., Any]] = {}
        self._loops: dict[Callable[..., Any], Callable[..., Any]] = {}
        pure = natives is not False and ours(network, loss, optimizer)
        self._planner = Planner(
            network, backend, dtype=dtype, natives=natives, pure=pure, deterministic=deterministic
        )
        first = backend.natives("auto" if natives else False, dtype=dtype, seconds=0.0)
        self._evaluator = Evaluator(network, loss, backend, reduction=reduction, dtype=dtype)
        self._evaluator.compile(first._replace(pure=pure))
        self._magnitude = backend.compile(state_magnitude)

    def __getstate__(self) -> dict[str, Any]:
        """The arguments of `__init__` and the state on the host; compiled code is made again where it is needed."""
        given = {name: getattr(self, name) for name in _GIVEN}
        return {"given": given, "host": self.dump(), "epochs": self.epochs}

    def __setstate__(self, saved: dict[str, Any]) -> None:
        self.__init__(**saved["given"])  # type: ignore[misc]
        if saved["host"]:
            self.load(saved["host"], epochs=saved["epochs"])

    def build(self, input_shape: Shape, *, fill: Callable[[State], State] | None = None) -> Shape:
        """Draws the initial state from the seed; the output shape, the batch left out.

        fill: returns the state to start from, given one whose arrays have their shapes and dtypes only.
        """
        parts = self.network, self.optimizer, input_shape, self.dtype, self.seed
        host, output_shape = initial_state(*parts, drawn=fill is None)
        self.load(host if fill is None else fill(host), epochs=0)
        return output_shape

    def load(self, host: State, *, epochs: int) -> None:
        """Places a state of host arrays on the backend; epochs: the number that led to it."""
        self.state, self.epochs = tree.map(self.backend.asarray, host), epochs
        self.started, self._monitor = bool(host["step"][0] > 0), None

    def dump(self) -> State:
        """The state as host arrays; while an epoch runs, the one before it, from which training can go on."""
        return tree.map(self.backend.to_numpy, self._good or self.state)

    def replace(self, part: str, new: Any) -> None:
        """Replaces the arrays of `state[part]`; ValueError where names or shapes differ."""
        state = cast("dict[str, Any]", self.state)
        state[part], self._monitor = replaced(self.backend, state[part], new, part, self.dtype), None

    def begin(self) -> None:
        """Notes that a run begins: from here on the parameters are trained ones."""
        self.started, self.trainings = True, self.trainings + 1

    def batches(self, samples: Samples, size: int) -> Batches:
        """The batches of a training: `size` samples for each pass, `optimizer.accumulate` passes for each step."""
        count = self.optimizer.accumulate
        rows = None if count == 1 else size
        return Batches(samples, size * count, self.reduction, self.dtype, self.seed, rows)

    def step(self, samples: Samples) -> float:
        """One step on all the samples; the loss before it. DivergedError where it explodes."""
        batches = Batches(samples, len(samples), self.reduction, self.dtype, self.seed)
        monitor = self.monitor(batches)
        plan = self.plan = self._planner.begin_run(
            self.state["params"], batches, epochs=1, steps_per_call=1, observed=True
        )
        with (
            self.backend.threads(plan.threads.value),
            self.backend.device_context(),
            self._all_or_nothing("this step", monitor, batches),
        ):
            self._epoch(EpochRun(self._compiled_epoch(batches), batches, 1, self.epochs, self.state), monitor)
        return monitor.loss

    def make_plan(self, source: BatchSource, options: FitOptions, *, observed: bool = False) -> ExecutionPlan:
        """The plan that a run on a source of batches would have; observed: an `on_steps` looks at each call."""
        calls = options.steps_per_call
        return self._planner.of_run(
            self.state["params"], source, epochs=options.epochs, steps_per_call=calls, observed=observed
        )

    def run(
        self,
        given: Samples | BatchSource,
        options: FitOptions,
        *,
        targets: Targets,
        held: Samples | None = None,
        on_steps: Callable[[dict[str, Any]], Any] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Trains for `options.epochs` more; yields each epoch's record. DivergedError where the loss explodes.

        given: samples, of which `options.validation_split` is held out, or a source of batches. held: samples whose
        scores go into each record under names that begin with "val_". on_steps: called after each call of the
        backend, which waits for it.
        """
        if isinstance(given, Samples):
            if options.validation_split:
                share, kind = options.validation_split, targets.kind
                given, held = hold_out(self.backend, given, share, kind=kind, seed=self.seed)
            given = self.batches(given, options.batch_size)
        return self._run(given, options, targets, held, on_steps)

    def _run(
        self,
        source: BatchSource,
        options: FitOptions,
        targets: Targets,
        held: Samples | None,
        on_steps: Callable[[dict[str, Any]], Any] | None,
    ) -> Iterator[dict[str, Any]]:
        plan = self.plan = self._planner.begin_run(
            self.state["params"],
            source,
            epochs=options.epochs,
            steps_per_call=options.steps_per_call,
            observed=on_steps is not None,
        )
        start = partial(EpochRun, self._compiled_epoch(source), source, plan.steps_per_call.value)
        monitor = self.monitor(source)
        # with epoch overlap: the next epoch, its first call issued before this one's losses are fetched
        begun: EpochRun | None = None
        for left in reversed(range(options.epochs)):
            with (
                self.backend.device_context(),
                self._all_or_nothing(f"epoch {self.epochs + 1}", monitor, source),
            ):
                with self.backend.threads(plan.threads.value):
                    if begun is None or not begun.started_from(self.state):
                        begun = start(self.epochs, self.state)
                    next_epoch = start if plan.epoch_overlap.value and left else None
                    begun = self._epoch(begun, monitor, on_steps, next_epoch)
                self.epochs += 1
                record = {"epoch": self.epochs, "loss": monitor.loss}
                if held is not None:  # within: an epoch whose scores are broken off is in no history
                    record |= {f"val_{name}": value for name, value in self.scores(held, targets).items()}
            yield record

    @property
    def forward(self) -> Callable[..., Array]:
        """`forward(params, buffers, x)`: the compiled forward pass in prediction mode."""
        return self._evaluator.forward

    def outputs(self, x: Array | LazyRows) -> Array:
        """The network's outputs in prediction mode, computed in chunks."""
        return self._evaluator.outputs(self.state, x)

    def scores(self, samples: Samples, targets: Targets) -> dict[str, float]:
        """The loss under the model's reduction, and the accuracy where targets are classes."""
        return self._evaluator.scores(self.state, samples, targets)

    def threads(self, source: BatchSource) -> AbstractContextManager[Any]:
        """The backend's threads for the products of a source's batches."""
        return self.backend.threads(self._planner.threads(source).value)

    def weights(self, w: np.ndarray) -> Array:
        """The weights of a batch's samples on the backend."""
        return self._evaluator.weights(w)

    def monitor(self, source: BatchSource) -> DivergenceMonitor:
        """The monitor over all of a training, however it is cut into runs; at its start the outputs are checked."""
        if self._monitor is None:
            if getattr(self.loss, "of", None) is not None:
                check_outputs(self.outputs(source.head(32).x), self.loss)
            with self.backend.device_context():
                self._monitor = DivergenceMonitor(float(self._magnitude(self.state)))
        return self._monitor

    def _compiled_epoch(self, source: BatchSource) -> Callable[..., Any]:
        """The backend's epoch of compiled steps under the plan's natives; kept, so that a library traces it once."""
        self.begin()
        step = self._compiled_step(source)
        if step not in self._loops:
            self._loops[step] = self.backend.epoch(step, self._magnitude)
        return self._loops[step]

    def _compiled_step(self, source: BatchSource) -> Callable[..., Any]:
        natives, rows = self._planner.natives, source.rows
        shards = -(-source.size // rows) if rows else 1  # `accumulate`, or fewer where the samples are few
        key = natives.name, rows if shards > 1 else None, shards  # one part is the step of a whole batch
        if key not in self._steps:
            step = make_step(
                self.network,
                self.loss,
                self.optimizer,
                shards=shards,
                rows=rows,
                update=natives.update,
                scalars=self.backend.scalars,
            )
            self._steps[key] = self.backend.compile(step, consumes=(0,), natives=natives)
            if natives.ops:
                self._evaluator.compile(natives)
        return self._steps[key]

    def _epoch(
        self,
        epoch: EpochRun,
        monitor: DivergenceMonitor,
        on_steps: Callable[[dict[str, Any]], Any] | None = None,
        next_epoch: Callable[[int, State], EpochRun] | None = None,
    ) -> EpochRun | None:
        """Runs an epoch's steps; the host waits for the device once a segment, or for `on_steps`.

        next_epoch: makes the next epoch, whose first call is issued before this epoch's losses are fetched; returned.
        """
        losses = EpochLoss(self.backend)
        with closing(epoch):
            for result, totals in epoch:
                self.state, found, steps, magnitude = result
                losses.add(found, steps, totals)
                if on_steps is not None:
                    on_steps(losses.latest())
        magnitude = self._magnitude(self.state) if magnitude is None else magnitude
        begun = None if next_epoch is None else next_epoch(self.epochs + 1, self.state).begin(self.state)
        # both are on their way before anything is waited for
        monitor.loss, first = losses.ended(self.reduction)
        monitor.first = first if monitor.first is None else monitor.first
        monitor.largest = float(self.backend.to_numpy(magnitude))
        return begun

    @contextmanager
    def _all_or_nothing(self, when: str, monitor: DivergenceMonitor, source: BatchSource) -> Iterator[None]:
        """Restores the state and `epochs` unless the block ends well; DivergedError where the training exploded.

        A step consumes its state: a step that breaks off, by an error or by Ctrl-C, leaves no state to continue from.
        Half an epoch cannot be resumed either, since the next epoch is drawn in another order.
        """
        good, epochs = self.backend.snapshot(self.state), self.epochs
        self._good = good
        try:
            yield
            monitor.after = 0.0
            if monitor.grown():
                monitor.after = self._evaluator.mean_loss(self.state, source.head(PROBE_SAMPLES))
            if monitor.exploded():
                raise DivergedError(
                    f"the loss exploded in {when} ({monitor}): the weights from before are kept; "
                    f"use a smaller learning rate than {float(good['lr']):g}"
                )
        except BaseException:
            self.state, self.epochs = good, epochs
            raise
        finally:
            self._good = None
