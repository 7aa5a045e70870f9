"""The loop around the step: batches, epochs, scores, and the state that they leave behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from typing import Any

import numpy as np

from .. import tree
from ..data import Targets, check_outputs, normalised
from ..describe import ours
from ..errors import DivergedError
from ..layers import Layer
from ..optim import Optimizer
from ..typing import Array, Loss, Shape, State
from .batches import Batches, Source
from .calls import Calls, Tally
from .divergence import Watch
from .estimate import Estimate
from .feed import Data
from .rows import Rows, at_once, chunks, taken
from .state import initial_state, replaced
from .step import look, make_forward, make_score, make_step

PROBE = 256
"""How many samples tell whether a training exploded."""
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

    Between epochs `state` is that of the last one that ended well, whatever broke off after it. `epochs` counts
    the epochs done, from which the order of the next one is drawn.
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
        self.state: State = {}
        self.epochs = 0
        self.natives, self.deterministic = natives, deterministic
        self._natives: Any = None
        self.started, self.trainings = False, 0
        self._watch: Watch | None = None
        self._steps: dict[Any, Callable[..., Any]] = {}
        self._runs: dict[Callable[..., Any], Callable[..., Any]] = {}
        self._estimate = Estimate(network)
        self.steps_per_call = 1
        self._pure = natives is not False and ours(network, loss, optimizer)
        first = backend.natives("auto" if natives else False, dtype=dtype, seconds=0.0)
        self.forward = backend.compile(make_forward(network), natives=first._replace(pure=self._pure))
        self._score = backend.compile(make_score(network, loss))
        self._look = backend.compile(look)

    def __getstate__(self) -> dict[str, Any]:
        """What `__init__` was given and the state on the host: compiled code is made again where it is needed."""
        given = {name: getattr(self, name) for name in _GIVEN}
        return {"given": given, "host": self.dump(), "epochs": self.epochs}

    def __setstate__(self, saved: dict[str, Any]) -> None:
        self.__init__(**saved["given"])  # type: ignore[misc]
        if saved["host"]:
            self.load(saved["host"], epochs=saved["epochs"])

    def build(self, input_shape: Shape, *, fill: Callable[[State], State] | None = None) -> Shape:
        """Draws the initial state from the seed; the output shape, the batch left out.

        fill: gives the state instead, of one whose arrays have their shapes and dtypes only.
        """
        parts = self.network, self.optimizer, input_shape, self.dtype, self.seed
        host, output_shape = initial_state(*parts, drawn=fill is None)
        self.load(host if fill is None else fill(host), epochs=0)
        return output_shape

    def load(self, host: State, *, epochs: int) -> None:
        """Takes a state of host arrays over, and the number of epochs that led to it."""
        self.state, self.epochs = tree.map(self.backend.asarray, host), epochs
        self.started, self._watch = bool(host["step"][0] > 0), None

    def dump(self) -> State:
        """The state as host arrays."""
        return tree.map(self.backend.to_numpy, self.state)

    def replace(self, part: str, new: Any) -> None:
        """Puts other arrays in the place of `state[part]`; ValueError where names or shapes differ."""
        self.state[part], self._watch = replaced(self.backend, self.state[part], new, part, self.dtype), None

    def batches(self, data: Data, size: int) -> Batches:
        """The batches of a training on so many samples each."""
        count = self.optimizer.accumulate
        rows = None if count == 1 else size
        return Batches(data, size * count, self.reduction, self.dtype, self.seed, rows)

    def step(self, data: Data) -> float:
        """One step on all the samples; the loss before it. DivergedError where it explodes."""
        batches = Batches(data, len(data), self.reduction, self.dtype, self.seed)
        watch = self._watching(batches)
        with (
            self.threads(batches.shape, len(data)),
            self.backend.device_context(),
            self._all_or_nothing("this step", watch, batches),
        ):
            run = self._runner(1, batches.shape, len(data))
            self._epoch(Calls(run, batches, 1, self.epochs, self.state), watch)
        return watch.loss

    def run(
        self,
        batches: Source,
        *,
        epochs: int,
        steps_per_call: int | None = None,
        on_steps: Callable[[dict[str, Any]], Any] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Trains for so many epochs; yields each epoch's record. DivergedError where the loss explodes.

        steps_per_call: how many steps the backend runs at once, None to leave it to the backend. `on_steps`
        is called after each such group of steps, and waits for it.
        """
        run = self._runner(epochs * batches.steps, batches.shape, batches.size, batches.rows)
        seconds = self._estimate.seconds(self.state["params"], batches.shape, batches.size, 1)
        self.steps_per_call = min(steps_per_call or self.backend.choose_steps(seconds), batches.at_once)
        alone = on_steps is None and isinstance(batches, Batches)
        early = alone and self.backend.overlaps_epochs(seconds * batches.steps)
        watch = self._watching(batches)
        calls = partial(Calls, run, batches, self.steps_per_call)
        ahead: Calls | None = None
        for left in reversed(range(epochs)):
            threads = self.threads(batches.shape, batches.rows or batches.size)
            with (
                threads,
                self.backend.device_context(),
                self._all_or_nothing(f"epoch {self.epochs + 1}", watch, batches),
            ):
                if ahead is None or not ahead.begun_with(self.state):
                    ahead = calls(self.epochs, self.state)
                ahead = self._epoch(ahead, watch, on_steps, calls if early and left else None)
                self.epochs += 1
            yield {"epoch": self.epochs, "loss": watch.loss}

    def outputs(self, x: Array | Rows) -> Array:
        """The network's outputs in prediction mode, worked off in chunks."""
        params, buffers = self.state["params"], self.state["buffers"]
        with self.backend.device_context():
            if not isinstance(x, Rows) and (x.shape[0] < 2 or x.shape[0] <= at_once(x)):
                return self.forward(params, buffers, x)
            with closing(taken((x,), chunks(x) or [slice(0)])) as found:
                return self.backend.xp.concat(
                    [self.forward(params, buffers, part) for (part,) in found], axis=0
                )

    def scores(self, data: Data, targets: Targets) -> dict[str, float]:
        """The loss under the model's reduction, and the accuracy where targets are classes."""
        w, _ = normalised(data.weight, len(data), reduction=self.reduction)
        loss = right = 0.0
        parts = chunks(data.x)
        with self.backend.device_context(), closing(taken((data.x, data.y), parts)) as found:
            for chunk, (x, y) in zip(parts, found, strict=True):
                outputs, part_loss = self._score(
                    self.state["params"], self.state["buffers"], x, y, self._weights(w[chunk])
                )
                loss += float(part_loss)
                if targets.kind != "values":
                    hits = self.backend.to_numpy(targets.hits(outputs, y)).astype("float64")
                    right += float(hits @ data.weight[chunk])  # on the host: a share of 1 is then exactly 1
        if targets.kind == "values":
            return {"loss": loss}
        return {"loss": loss, "accuracy": right / float(data.weight.sum())}

    def _compiled(
        self, steps: int, shape: Shape, batch_size: int, rows: int | None = None
    ) -> Callable[..., Any]:
        self.started, self.trainings = True, self.trainings + 1
        if self._natives is None or not self._natives.ops:  # what has run with natives goes on with them
            seconds = self._estimate.seconds(self.state["params"], shape, batch_size, steps)
            natives = self.backend.natives(self.natives, dtype=self.dtype, seconds=seconds)
            self._natives = natives._replace(pure=self._pure, deterministic=self.deterministic)
        natives, shards = self._natives, self.optimizer.accumulate if rows else 1
        key = natives.name, rows if shards > 1 else None
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
                self.forward = self.backend.compile(make_forward(self.network), natives=natives)
        return self._steps[key]

    @property
    def updates(self) -> str:
        """What the last training ran on: "portable", or the name of the backend's natives."""
        return "portable" if self._natives is None else self._natives.name

    def _runner(
        self, steps: int, shape: Shape, batch_size: int, rows: int | None = None
    ) -> Callable[..., Any]:
        """What runs an epoch's steps; kept, so that a library which traces it does so once."""
        step = self._compiled(steps, shape, batch_size, rows)
        if step not in self._runs:
            self._runs[step] = self.backend.epoch(step, self._look)
        return self._runs[step]

    def _epoch(
        self,
        calls: Calls,
        watch: Watch,
        on_steps: Callable[[dict[str, Any]], Any] | None = None,
        then: Callable[[int, State], Calls] | None = None,
    ) -> Calls | None:
        """An epoch's steps and their mean loss; the host waits for the device once a part, or for `on_steps`.

        then: gives the next epoch's calls, which are begun before this one's end is waited for, and returned.
        """
        tally = Tally(self.backend)
        with closing(calls):
            for ran, weights in calls:
                self.state, losses, steps, looked = ran
                tally.add(losses, steps, weights)
                if on_steps is not None:
                    on_steps(tally.latest())
        looked = self._look(self.state) if looked is None else looked
        begun = None if then is None else then(self.epochs + 1, self.state).begin(self.state)
        # both are on their way before anything is waited for
        watch.loss, first = tally.ended(self.reduction)
        watch.first = first if watch.first is None else watch.first
        watch.largest = float(self.backend.to_numpy(looked))
        return begun

    def threads(self, shape: Shape, batch_size: int) -> AbstractContextManager[Any]:
        """The backend's threads for the products of a batch of samples of this shape."""
        work = self._estimate.products(shape, batch_size)
        return self.backend.threads(work, deterministic=self.deterministic)

    def _weights(self, w: np.ndarray) -> Array:
        return self.backend.asarray(w, dtype=self.dtype)

    def _watching(self, batches: Source) -> Watch:
        """One watch over all of a training, however it is cut into runs; begins with a look at the outputs."""
        if self._watch is None:
            if getattr(self.loss, "of", None) is not None:
                check_outputs(self.outputs(batches.few(32).x), self.loss)
            self._watch = Watch(float(self._look(self.state)))
        return self._watch

    def _loss_now(self, data: Data) -> float:
        """The loss of some samples under the present parameters."""
        w, _ = normalised(data.weight, len(data), reduction="mean")
        state = self.state
        return float(self._score(state["params"], state["buffers"], data.x, data.y, self._weights(w))[1])

    @contextmanager
    def _all_or_nothing(self, when: str, watch: Watch, batches: Source) -> Iterator[None]:
        """Puts the state and `epochs` back unless the block ends well; DivergedError where the training exploded.

        A step consumes its state, so that one which breaks off, by an error or by Ctrl-C, leaves nothing to go
        on from; and an epoch that is half done would be another one when it is taken up again.
        """
        good, epochs = self.backend.snapshot(self.state), self.epochs
        try:
            yield
            watch.after = self._loss_now(batches.few(PROBE)) if watch.grown() else 0.0
            if watch.exploded():
                raise DivergedError(
                    f"the loss exploded in {when} ({watch}): the weights from before are kept; "
                    f"use a smaller learning rate than {float(good['lr']):g}"
                )
        except BaseException:
            self.state, self.epochs = good, epochs
            raise
