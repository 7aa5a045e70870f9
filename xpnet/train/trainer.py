"""The loop around the step: batches, epochs, scores, and the state that they leave behind."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from operator import mul
from typing import Any

import numpy as np

from ..data import (
    Targets,
    as_array,
    batch_slices,
    check_finite,
    check_numbers,
    check_probabilities,
    normalised,
)
from ..describe import ours
from ..errors import DivergedError
from ..layers import Layer, flatten
from ..namespace import namespace
from ..ops import binary_cross_entropy, cross_entropy
from ..optim import Optimizer, slot_names
from ..typing import Array, Loss, Shape, State
from .batches import Batches
from .divergence import Watch
from .feed import Data, require_own
from .step import look, make_forward, make_score, make_step

PER_ARRAY, PER_ELEMENT, PER_PRODUCT = 30e-6, 1.6e-9, 6e-11
"""Seconds that a portable step takes for each parameter array, for each parameter, and for each of these and each
sample; rough, and fixed, so that what runs never depends on a clock."""
CHUNK, PROBE = 8192, 256
"""How many samples a prediction takes at once, which bounds its memory; and how many tell whether training exploded."""
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
        self.steps_per_call = 1
        self.forward = backend.compile(make_forward(network))
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

    def build(self, input_shape: Shape) -> Shape:
        """Draws the initial state from the seed; the output shape, the batch left out."""
        rng = np.random.default_rng(self.seed)
        params, buffers, output_shape = self.network.init(rng, input_shape, self.dtype)
        params, buffers = (flatten(_map(self._cast, tree)) for tree in (params, buffers))
        host: State = {
            "params": params,
            "buffers": buffers,
            "slots": {
                slot: {name: np.zeros_like(params[name]) for name in names}
                for slot, names in slot_names(self.optimizer, params).items()
            },
            "step": np.zeros(1, "int32"),
            "lr": np.asarray(self.optimizer.peak, self.dtype),
            "key": np.random.SeedSequence(self.seed).generate_state(2).view("int32"),
        }
        self.load(host, epochs=0)
        return output_shape

    def load(self, host: State, *, epochs: int) -> None:
        """Takes a state of host arrays over, and the number of epochs that led to it."""
        self.state, self.epochs = _map(self.backend.asarray, host), epochs
        self.started, self._watch = bool(host["step"][0] > 0), None

    def dump(self) -> State:
        """The state as host arrays."""
        return _map(self.backend.to_numpy, self.state)

    def replace(self, part: str, new: Any) -> None:
        """Puts other arrays in the place of `state[part]`; ValueError where names or shapes differ."""
        old = self.state[part]
        if not isinstance(new, dict) or set(new) != set(old):
            came = sorted(map(str, new)) if isinstance(new, dict) else f"a {type(new).__name__}"
            raise ValueError(
                f"{part} must be a dict of the arrays {sorted(old)}, {came} came: give each of them"
            )
        placed = {}
        for name in old:
            what = f"{part}[{name!r}]"
            value = as_array(what, new[name])
            require_own(self.backend, value, what)
            check_numbers(what, value)
            if tuple(value.shape) != tuple(old[name].shape):
                raise ValueError(f"{what} {tuple(value.shape)} must have the shape {tuple(old[name].shape)}")
            with self.backend.on():
                placed[name] = self.backend.asarray(value, dtype=self.dtype)
                check_finite(placed[name], name=what)
        self.state[part], self._watch = placed, None

    def step(self, data: Data) -> float:
        """One step on all the samples; the loss before it. DivergedError where it explodes."""
        watch = self._watching(data)
        with self._threads(len(data)), self.backend.on(), self._all_or_nothing("this step", watch, data):
            self._epoch(self._runner(1, len(data)), self._batches(data, len(data)), watch)
        return watch.loss

    def run(
        self,
        data: Data,
        *,
        epochs: int,
        batch_size: int,
        steps_per_call: int | None = None,
        on_steps: Callable[[dict[str, Any]], Any] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Trains for so many epochs; yields each epoch's record. DivergedError where the loss explodes.

        steps_per_call: how many steps the backend runs at once, None to leave it to the backend. `on_steps`
        is called after each such group of steps, and waits for it.
        """
        rows, batch_size = batch_size, batch_size * self.optimizer.accumulate
        batches = self._batches(data, batch_size)
        run = self._runner(epochs * len(batches), min(batch_size, len(data)), rows)
        sizes = (math.prod(p.shape) for p in self.state["params"].values())
        elements = sum(sizes) + math.prod(data.x.shape[1:])
        steps = steps_per_call or self.backend.choose_steps(elements=elements, batch_size=batch_size)
        self.steps_per_call = min(steps, len(batches))
        watch = self._watching(data)
        for _ in range(epochs):
            threads = self._threads(min(rows, len(data)))
            with threads, self.backend.on(), self._all_or_nothing(f"epoch {self.epochs + 1}", watch, data):
                self._epoch(run, batches, watch, self.steps_per_call, on_steps)
            self.epochs += 1
            yield {"epoch": self.epochs, "loss": watch.loss}

    def outputs(self, x: Array) -> Array:
        """The network's outputs in prediction mode, worked off in chunks."""
        xp, state = namespace(x), self.state
        with self.backend.on():
            parts = [
                self.forward(state["params"], state["buffers"], x if x.shape[0] <= CHUNK else x[part, ...])
                for part in (batch_slices(x.shape[0], CHUNK) if x.shape[0] else [slice(0)])
            ]
            return parts[0] if len(parts) == 1 else xp.concat(parts, axis=0)

    def scores(self, data: Data, targets: Targets) -> dict[str, float]:
        """The loss under the model's reduction, and the accuracy where targets are classes."""
        w, _ = normalised(data.weight, len(data), reduction=self.reduction)
        loss = right = 0.0
        with self.backend.on():
            for part in batch_slices(len(data), CHUNK):
                x, y = (data.x, data.y) if len(data) <= CHUNK else (data.x[part, ...], data.y[part, ...])
                outputs, part_loss = self._score(
                    self.state["params"], self.state["buffers"], x, y, self._weights(w[part])
                )
                loss += float(part_loss)
                if targets.kind != "values":
                    hits = self.backend.to_numpy(targets.hits(outputs, y)).astype("float64")
                    right += float(hits @ data.weight[part])  # on the host: a share of 1 is then exactly 1
        if targets.kind == "values":
            return {"loss": loss}
        return {"loss": loss, "accuracy": right / float(data.weight.sum())}

    def _compiled(self, steps: int, batch_size: int, rows: int | None = None) -> Callable[..., Any]:
        self.started, self.trainings = True, self.trainings + 1
        params = self.state["params"].values()
        if self._natives is None or not self._natives.ops:  # what has run with natives goes on with them
            elements, arrays = sum(math.prod(p.shape) for p in params), len(params)
            seconds = steps * (arrays * PER_ARRAY + elements * (PER_ELEMENT + batch_size * PER_PRODUCT))
            natives = self.backend.natives(self.natives, dtype=self.dtype, seconds=seconds)
            pure = self.natives is not False and ours(self.network, self.loss, self.optimizer)
            self._natives = natives._replace(pure=pure, deterministic=self.deterministic)
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

    def _runner(self, steps: int, batch_size: int, rows: int | None = None) -> Callable[..., Any]:
        """What runs an epoch's steps; kept, so that a library which traces it does so once."""
        step = self._compiled(steps, batch_size, rows)
        if step not in self._runs:
            self._runs[step] = self.backend.epoch(step)
        return self._runs[step]

    def _epoch(
        self,
        run: Callable[..., Any],
        batches: Batches,
        watch: Watch,
        steps_per_call: int = 1,
        on_steps: Callable[[dict[str, Any]], Any] | None = None,
    ) -> None:
        """An epoch's steps and their mean loss; the host waits for the device at its end only, or for `on_steps`."""
        order, w, shares = batches.epoch(self.epochs)
        calls, done = [], 0
        for state, losses, steps in run(self.state, batches.samples, order, w, batches.size, steps_per_call):
            self.state = state
            calls.append((losses, steps))
            done += steps
            if on_steps is not None:
                loss = _mean(self.backend.losses(calls[-1:]), shares[done - steps : done])
                on_steps({"step": done, "steps": steps, "loss": loss})
        found = self.backend.losses(calls).tolist()
        watch.loss = sum(map(mul, found, shares.tolist()))
        watch.first = found[0] if watch.first is None else watch.first

    def _threads(self, batch_size: int) -> AbstractContextManager[Any]:
        """The backend's threads for products of this batch with each matrix among the parameters."""
        shapes = [p.shape for p in self.state["params"].values() if len(p.shape) > 1]
        products = [batch_size * math.prod(shape) for shape in shapes]
        return self.backend.threads(products, deterministic=self.deterministic)

    def _batches(self, data: Data, size: int) -> Batches:
        return Batches(data, size, self.reduction, self.dtype, self.seed)

    def _weights(self, w: np.ndarray) -> Array:
        return self.backend.asarray(w, dtype=self.dtype)

    def _watching(self, data: Data) -> Watch:
        """One watch over all of a training, however it is cut into runs; begins with a look at the outputs."""
        if self._watch is None:
            for name, loss in (
                ("cross_entropy", cross_entropy),
                ("binary_cross_entropy", binary_cross_entropy),
            ):
                if self.loss is loss:
                    check_probabilities(self.outputs(data.x[:32, ...]), name)
            self._watch = Watch(self._looked()[1])
        return self._watch

    def _looked(self) -> tuple[bool, float]:
        """Whether buffers and slots are finite, and the largest parameter."""
        finite, size = self._look(self.state["params"], self.state["buffers"], self.state["slots"])
        return bool(finite), float(size)

    def _loss_now(self, data: Data) -> float:
        """The loss of the first samples under the present parameters."""
        part = next(batch_slices(len(data), PROBE))
        w, _ = normalised(data.weight[part], PROBE, reduction="mean")
        x, y = data.x[part, ...], data.y[part, ...]
        return float(self._score(self.state["params"], self.state["buffers"], x, y, self._weights(w))[1])

    def _cast(self, x: np.ndarray) -> np.ndarray:
        x = np.asarray(x)
        return x.astype(self.dtype) if x.dtype.kind == "f" else x

    @contextmanager
    def _all_or_nothing(self, when: str, watch: Watch, data: Data) -> Iterator[None]:
        """Puts the state back as it was unless the block ends well; DivergedError where the training exploded.

        A step consumes its state, so that one which breaks off, by an error or by Ctrl-C, leaves nothing to go
        on from; and an epoch that is half done would be another one when it is taken up again.
        """
        good = self.backend.keep(self.state)
        try:
            yield
            finite, size = self._looked()
            watch.after = self._loss_now(data) if finite and watch.grown(size) else 0.0
            if not finite or watch.exploded(size):
                raise DivergedError(
                    f"the loss exploded in {when} ({watch}): the weights from before are kept; "
                    f"use a smaller learning rate than {float(good['lr']):g}"
                )
        except BaseException:
            self.state = good
            raise


def _mean(losses: np.ndarray, shares: np.ndarray) -> float:
    """The mean of some steps' losses, each by its share; 0 where none has a share."""
    total = sum(shares.tolist())
    return sum(map(mul, losses.tolist(), shares.tolist())) / total if total else 0.0


def _map(function: Callable[[Any], Any], tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _map(function, value) for name, value in tree.items()}
    return function(tree)
