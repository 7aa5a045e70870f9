"""L-BFGS on all samples at once, by SciPy (the extra `scipy`): for small data sets, where it needs few iterations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import numpy as np

from ..data import normalised
from ..errors import DivergedError, MissingExtraError, integer, number
from ..optim import moving
from ..tree import nest
from ..typing import Array, Batch, Flat
from .callbacks import as_callbacks
from .feed import Data
from .history import History
from .rows import taken
from .step import add_shards, gradient, split
from .trainer import Trainer


def fit_lbfgs(
    model: Any,
    x: Any,
    y: Any,
    *,
    iterations: int = 100,
    weight_decay: float = 0.0,
    memory: int = 10,
    tolerance: float = 1e-5,
    batch_size: int | None = None,
    validation_data: tuple[Any, ...] | None = None,
    sample_weight: Any = None,
    class_weight: Any = None,
    callbacks: Iterable[Any] = (),
) -> History:
    """Trains an `xn.Model` by L-BFGS, from its present parameters, in the place of its optimizer.

    What is minimised is the loss over all samples + weight_decay |p|^2 / 2. memory: from how many past steps the
    curvature is estimated. Ends after so many iterations, or where no element of the gradient is above `tolerance`,
    or the dtype shows no gain. batch_size: how many samples are worked off at a time, which bounds the memory and
    changes nothing else but batch norm. Each iteration, of one evaluation or a few, is an epoch of the history, its
    "loss" the one after it and without the decay; callbacks hear of it as of an epoch. Parameters that the model's
    optimizer has frozen stay as they are; dropout drops the same units in all iterations. float64 gets nearest to
    the minimum.
    MissingExtraError without SciPy; DivergedError for a loss that is not finite.
    Source: Byrd, Lu, Nocedal, Zhu, 1995, SIAM J. Sci. Comput. 16; scipy.optimize.minimize, method "L-BFGS-B".
    """
    try:
        from scipy.optimize import minimize
    except ImportError as error:
        raise MissingExtraError("fit_lbfgs", "scipy", "pip install 'xpnet[scipy]'") from error
    iterations, memory = integer("iterations", iterations), integer("memory", memory)
    batch_size = None if batch_size is None else integer("batch_size", batch_size)
    weight_decay, tolerance = number("weight_decay", weight_decay), number("tolerance", tolerance)
    listeners = as_callbacks(callbacks)
    data, model._targets = model._data(x, y, sample_weight, class_weight)
    held = None if validation_data is None else model._data(*validation_data)[0]
    with model._stay() as trainer, ExitStack() as ends:
        whole = Whole(trainer, data, -(-len(data) // batch_size) if batch_size else 1, float(weight_decay))
        ends.enter_context(trainer.backend.device_context())
        ends.enter_context(trainer.threads(tuple(data.x.shape[1:]), min(batch_size or len(data), len(data))))
        for listener in reversed(listeners):
            ends.callback(listener.on_end, model)
        for listener in listeners:
            listener.on_begin(model)

        def after(intermediate_result: Any) -> None:
            record = whole.accept(intermediate_result.x)
            if held is not None:
                scores = trainer.scores(held, model._targets)
                record.update({f"val_{name}": value for name, value in scores.items()})
            model.history.add(record)
            stops = [listener.on_epoch(model, record) for listener in listeners]  # every one is called
            if any(stops):
                raise StopIteration

        minimize(
            whole,
            whole.start(),
            method="L-BFGS-B",
            jac=True,
            callback=after,
            options={
                "maxiter": iterations,
                "maxfun": 100 * iterations,
                "maxcor": memory,
                "gtol": tolerance,
                "ftol": np.finfo(trainer.dtype).eps,
            },
        )
    return model.history


class Whole:
    """The objective over all samples, as a function of one vector of all parameters that move."""

    def __init__(self, trainer: Trainer, data: Data, shards: int, decay: float) -> None:
        self.trainer, self.backend, self.decay = trainer, trainer.backend, decay
        w, _ = normalised(data.weight, len(data), reduction=trainer.reduction)
        ((x, y),) = taken((data.x, data.y), [slice(0, len(data))])  # also from a file
        self.batch: Batch = {"x": x, "y": y, "w": trainer._weights(w)}
        self.names = moving(trainer.optimizer, trainer.state["params"])
        if not self.names:
            raise ValueError("every parameter of the model is frozen: nothing is left to train")
        trainer.started = True
        trainer._watching(trainer.batches(data, len(data)))  # looks at the first outputs
        self.evaluate = self.backend.compile(objective(trainer, shards))
        self.at: tuple[np.ndarray, float, Flat, Flat] | None = None

    def start(self) -> np.ndarray:
        """The present parameters as a vector."""
        return self._vector(self.trainer.state["params"])

    def __call__(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        state = self.trainer.state
        params = {**state["params"], **self._arrays(vector)}
        loss, grads, updates = self.evaluate(
            params, state["buffers"], self.batch, state["key"], state["step"]
        )
        if self.at is None and not math.isfinite(float(loss)):
            raise self._diverged(float(loss))
        self.at = vector.copy(), float(loss), params, updates
        penalty = 0.5 * self.decay * float(vector @ vector)
        return float(loss) + penalty, self._vector(grads) + self.decay * vector

    def accept(self, vector: np.ndarray) -> dict[str, Any]:
        """Makes the vector the model's parameters, and gives the epoch's record; DivergedError where it exploded."""
        if self.at is None or not np.array_equal(self.at[0], vector):
            self(vector)
        assert self.at is not None
        _, loss, params, updates = self.at
        if not (math.isfinite(loss) and np.isfinite(vector).all()):
            raise self._diverged(loss)
        trainer = self.trainer
        state = trainer.state
        trainer.state = {**state, "params": params, "buffers": {**state["buffers"], **updates}}
        trainer.epochs += 1
        return {"epoch": trainer.epochs, "loss": loss}

    def _diverged(self, loss: float) -> DivergedError:
        return DivergedError(
            f"the loss exploded in iteration {self.trainer.epochs + 1} (loss {loss:.3g}): the weights from before are "
            "kept; rescale the inputs, or give weight_decay"
        )

    def _vector(self, arrays: Flat) -> np.ndarray:
        parts = [self.backend.to_numpy(arrays[name]).ravel() for name in self.names]
        return np.concatenate(parts).astype("float64")

    def _arrays(self, vector: np.ndarray) -> Flat:
        arrays, start = {}, 0
        for name in self.names:
            shape = tuple(self.trainer.state["params"][name].shape)
            stop = start + math.prod(shape)
            arrays[name] = self.backend.asarray(vector[start:stop].reshape(shape), dtype=self.trainer.dtype)
            start = stop
        return arrays


def objective(trainer: Trainer, shards: int) -> Callable[..., tuple[Array, Flat, Flat]]:
    """`f(params, buffers, batch, key, step)`: the loss in training mode, its gradient, and the new buffers."""
    network, loss = trainer.network, trainer.loss

    def f(params: Flat, buffers: Flat, batch: Batch, key: Array, step: Array) -> tuple[Array, Flat, Flat]:
        arrays = nest({**params, **buffers})
        return add_shards(
            gradient(network, loss, arrays, part, words=(key, step * shards + index))
            for index, part in enumerate(split(batch, shards))
        )

    return f
