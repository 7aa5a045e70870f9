"""L-BFGS on all samples at once, by SciPy (the extra `scipy`): for small data sets, where it needs few iterations."""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import numpy as np

from .calls import checked
from .data import normalised
from .errors import DivergedError, MissingExtraError, integer, number
from .model import Model
from .optim import moving
from .train import CallbackList, History, Samples, Trainer, loaded, make_gradients
from .typing import Batch, Flat


@checked
def fit_lbfgs(
    model: Model,
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

    The objective is the loss over all samples + weight_decay |p|^2 / 2.
    iterations: at most; the training ends before where no element of the gradient is above `tolerance`, or where the
    dtype shows no gain. memory: the number of past steps from which the curvature is estimated.
    batch_size: samples that are processed at a time. It bounds the memory and changes no result but batch norm's.
    Each iteration, of one evaluation or a few, is an epoch of the history and of the callbacks; its "loss" is that
    after the iteration, without the decay. Parameters that the model's optimizer has frozen stay as they are. Dropout
    drops the same units in all iterations. float64 gets nearest to the minimum.
    Errors: MissingExtraError without SciPy; DivergedError for a loss that is not finite.
    Source: Byrd, Lu, Nocedal, Zhu, 1995, SIAM J. Sci. Comput. 16; scipy.optimize.minimize, method "L-BFGS-B".
    """
    try:
        from scipy.optimize import minimize
    except ImportError as error:
        raise MissingExtraError("fit_lbfgs", "scipy", "pip install 'xpnet[scipy]'") from error
    iterations, memory = integer("iterations", iterations), integer("memory", memory)
    batch_size = None if batch_size is None else integer("batch_size", batch_size)
    weight_decay, tolerance = number("weight_decay", weight_decay), number("tolerance", tolerance)
    listeners = CallbackList(callbacks)
    session = model.training_session(
        x, y, sample_weight=sample_weight, class_weight=class_weight, validation_data=validation_data
    )
    with session as (trainer, samples, held), ExitStack() as ends:
        shards = -(-len(samples) // batch_size) if batch_size else 1
        whole = Objective(trainer, samples, shards, float(weight_decay))
        size = min(batch_size or len(samples), len(samples))
        ends.enter_context(trainer.backend.device_context())
        ends.enter_context(trainer.threads(trainer.batches(samples, size)))
        ends.enter_context(listeners.around(model))

        def after(intermediate_result: Any) -> None:
            record = whole.accept(intermediate_result.x)
            if held is not None:
                scores = trainer.scores(held, model.targets)
                record.update({f"val_{name}": value for name, value in scores.items()})
            model.history.add(record)
            if listeners.on_epoch(model, record):
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


class Objective:
    """The objective over all samples, as a function of one vector of all parameters that are not frozen."""

    def __init__(self, trainer: Trainer, samples: Samples, shards: int, decay: float) -> None:
        self.trainer, self.backend, self.decay = trainer, trainer.backend, decay
        w, _ = normalised(samples.weight, len(samples), reduction=trainer.reduction)
        ((x, y),) = loaded((samples.x, samples.y), [slice(0, len(samples))])  # also from a file
        self.batch: Batch = {"x": x, "y": y, "w": trainer.weights(w)}
        self.names = moving(trainer.optimizer, trainer.state["params"])
        if not self.names:
            raise ValueError("every parameter of the model is frozen: nothing is left to train")
        trainer.begin()
        trainer.monitor(trainer.batches(samples, len(samples)))  # checks the first outputs
        self.evaluate = self.backend.compile(make_gradients(trainer.network, trainer.loss, shards=shards))
        self.at: tuple[np.ndarray, float, Flat, Flat] | None = None

    def start(self) -> np.ndarray:
        """The present parameters as a vector."""
        return self._vector(self.trainer.state["params"])

    def __call__(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        state = self.trainer.state
        params = {**state["params"], **self._arrays(vector)}
        loss, grads, updates = self.evaluate({**state, "params": params}, self.batch)
        if self.at is None and not math.isfinite(float(loss)):
            raise self._diverged(float(loss))
        self.at = vector.copy(), float(loss), params, updates
        penalty = 0.5 * self.decay * float(vector @ vector)
        return float(loss) + penalty, self._vector(grads) + self.decay * vector

    def accept(self, vector: np.ndarray) -> dict[str, Any]:
        """Makes the vector the model's parameters; the epoch's record. DivergedError where the loss exploded."""
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
