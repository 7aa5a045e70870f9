"""The loop around the step: batches, epochs, scores, and the state that they leave behind."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..data import (
    Targets,
    as_array,
    batch_slices,
    check_numbers,
    check_probabilities,
    count_batches,
    normalised,
    shuffled,
)
from ..errors import DivergedError
from ..layers import Layer, flatten
from ..namespace import namespace
from ..ops import binary_cross_entropy, cross_entropy
from ..optim import Optimizer
from ..typing import Array, Batch, Loss, Shape, State
from .divergence import Watch
from .feed import Data, require_own
from .step import all_finite, largest, make_forward, make_score, make_step

CHUNK = 8192
"""How many samples a prediction takes at once, which bounds its memory."""


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
    ) -> None:
        self.network, self.loss, self.optimizer = network, loss, optimizer
        self.backend, self.reduction, self.dtype, self.seed = backend, reduction, dtype, seed
        self.state: State = {}
        self.epochs = 0
        self.updates = "portable"
        self.started = False
        self._watch: Watch | None = None
        self._steps: dict[str, Callable[..., Any]] = {}
        self.forward = backend.compile(make_forward(network))
        self._score = backend.compile(make_score(network, loss))
        self._finite = backend.compile(all_finite)
        self._largest = backend.compile(largest)

    def build(self, input_shape: Shape) -> Shape:
        """Draws the initial state from the seed; the output shape, the batch left out."""
        rng = np.random.default_rng(self.seed)
        params, buffers, output_shape = self.network.init(rng, input_shape, self.dtype)
        params, buffers = (_map(self._cast, tree) for tree in (params, buffers))
        host: State = {
            "params": flatten(params),
            "buffers": flatten(buffers),
            "slots": {
                slot: {name: np.zeros_like(p) for name, p in flatten(params).items()}
                for slot in self.optimizer.slots
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
            came = sorted(new) if isinstance(new, dict) else repr(new)
            raise ValueError(f"{part} must be a dict of the arrays {sorted(old)}, {came} came")
        placed = {}
        for name in old:
            what = f"{part}[{name!r}]"
            value = as_array(what, new[name])
            require_own(self.backend, value, what)
            check_numbers(what, value)
            if tuple(value.shape) != tuple(old[name].shape):
                raise ValueError(f"{what} {tuple(value.shape)} must have the shape {tuple(old[name].shape)}")
            placed[name] = self.backend.asarray(value, dtype=self.dtype)
        self.state[part], self._watch = placed, None

    def step(self, data: Data) -> float:
        """One step on all the samples; the loss before it. DivergedError where it explodes."""
        watch = self._watching(data)
        with self.backend.on(), self._all_or_nothing("this step", watch):
            w, _ = normalised(data.weight, len(data), reduction=self.reduction)
            (batch,) = self._batches(data, None, w, len(data))
            self.state, metrics = self._compiled(1)(self.state, batch)
            watch.loss = float(metrics["loss"])
            watch.first = watch.loss if watch.first is None else watch.first
        return watch.loss

    def run(self, data: Data, *, epochs: int, batch_size: int) -> Iterator[dict[str, Any]]:
        """Trains for so many epochs; yields each epoch's record. DivergedError where the loss explodes."""
        run = self.backend.epoch(self._compiled(epochs * count_batches(len(data), batch_size)))
        watch = self._watching(data)
        for _ in range(epochs):
            with self.backend.on(), self._all_or_nothing(f"epoch {self.epochs + 1}", watch):
                order = self._order(data, batch_size)
                weight = data.weight if order is None else data.weight[order]
                w, shares = normalised(weight, batch_size, reduction=self.reduction)
                total: Any = 0.0
                batches = self._batches(data, order, w, batch_size)
                for share, (state, metrics) in zip(shares, run(self.state, batches), strict=True):
                    self.state = state
                    total = total + metrics["loss"] * float(share)
                    if watch.first is None:
                        watch.first = float(metrics["loss"])
                watch.loss = float(total)
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

    def _compiled(self, steps: int) -> Callable[..., Any]:
        self.started = True
        params = self.state["params"].values()
        update, self.updates = self.backend.choose_update(
            self.optimizer.rule,
            elements=sum(math.prod(p.shape) for p in params),
            arrays=len(params),
            steps=steps,
        )
        if self.updates not in self._steps:
            step = make_step(self.network, self.loss, self.optimizer, update=update)
            self._steps[self.updates] = self.backend.compile(step, consumes=(0,))
        return self._steps[self.updates]

    def _order(self, data: Data, batch_size: int) -> np.ndarray | None:
        """The epoch's order of samples; None for a single batch, whose order does not matter."""
        if batch_size >= len(data):
            return None
        return shuffled(len(data), seed=self.seed, epoch=self.epochs)

    def _batches(
        self, data: Data, order: np.ndarray | None, w: np.ndarray, batch_size: int
    ) -> Iterator[Batch]:
        weights = self._weights(w)
        if order is None:
            yield {"x": data.x, "y": data.y, "w": weights}
            return
        xp, index = namespace(data.x), self.backend.asarray(order)
        for part in batch_slices(len(data), batch_size):
            rows = index[part]
            yield {
                "x": xp.take(data.x, rows, axis=0),
                "y": xp.take(data.y, rows, axis=0),
                "w": weights[part],
            }

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
            self._watch = Watch(float(self._largest(self.state["params"])))
        return self._watch

    def _cast(self, x: np.ndarray) -> np.ndarray:
        x = np.asarray(x)
        return x.astype(self.dtype) if x.dtype.kind == "f" else x

    @contextmanager
    def _all_or_nothing(self, when: str, watch: Watch) -> Iterator[None]:
        """Puts the state back as it was unless the block ends well; DivergedError where the training exploded.

        A step consumes its state, so that one which breaks off, by an error or by Ctrl-C, leaves nothing to go
        on from; and an epoch that is half done would be another one when it is taken up again.
        """
        good = self.backend.copy(self.state)
        try:
            yield
            finite = self._finite({part: self.state[part] for part in ("buffers", "slots")})
            if not finite or watch.exploded(float(self._largest(self.state["params"]))):
                raise DivergedError(
                    f"the loss exploded in {when} ({watch}): the weights from before are kept; "
                    f"use a smaller learning rate than {float(good['lr']):g}"
                )
        except BaseException:
            self.state = good
            raise


def _map(function: Callable[[Any], Any], tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _map(function, value) for name, value in tree.items()}
    return function(tree)
