"""Evaluation of a state: outputs, losses and scores of a network in prediction mode, chunk by chunk."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import numpy as np

from ..data import Targets, normalised
from ..layers import Layer
from ..typing import Array, Loss, State
from .inputs import Samples
from .lazy import LazyRows, at_once, chunks, loaded
from .step import make_forward, make_score


class Evaluator:
    """A network and its loss, compiled for prediction on one backend.

    forward(params, buffers, x): the compiled forward pass.
    """

    def __init__(self, network: Layer, loss: Loss, backend: Any, *, reduction: str, dtype: str) -> None:
        self.network, self.backend, self.reduction, self.dtype = network, backend, reduction, dtype
        self.forward: Any = None
        self._score = backend.compile(make_score(network, loss))

    def compile(self, natives: Any) -> None:
        """Compiles the forward pass anew, with natives in force."""
        self.forward = self.backend.compile(make_forward(self.network), natives=natives)

    def outputs(self, state: State, x: Array | LazyRows) -> Array:
        """The network's outputs, computed in chunks."""
        params, buffers = state["params"], state["buffers"]
        with self.backend.device_context():
            if not isinstance(x, LazyRows) and (x.shape[0] < 2 or x.shape[0] <= at_once(x)):
                return self.forward(params, buffers, x)
            with closing(loaded((x,), chunks(x) or [slice(0)])) as found:
                return self.backend.xp.concat(
                    [self.forward(params, buffers, part) for (part,) in found], axis=0
                )

    def scores(self, state: State, samples: Samples, targets: Targets) -> dict[str, float]:
        """The loss under the reduction, and the accuracy where targets are classes."""
        w, _ = normalised(samples.weight, len(samples), reduction=self.reduction)
        loss = right = 0.0
        parts = chunks(samples.x)
        with self.backend.device_context(), closing(loaded((samples.x, samples.y), parts)) as found:
            for chunk, (x, y) in zip(parts, found, strict=True):
                outputs, part_loss = self._score(
                    state["params"], state["buffers"], x, y, self.weights(w[chunk])
                )
                loss += float(part_loss)
                if targets.kind != "values":
                    hits = self.backend.to_numpy(targets.hits(outputs, y)).astype("float64")
                    # on the host: a share of 1 is then exactly 1
                    right += float(hits @ samples.weight[chunk])
        if targets.kind == "values":
            return {"loss": loss}
        return {"loss": loss, "accuracy": right / float(samples.weight.sum())}

    def mean_loss(self, state: State, samples: Samples) -> float:
        """The mean loss of some samples, in one pass."""
        w, _ = normalised(samples.weight, len(samples), reduction="mean")
        return float(self._score(state["params"], state["buffers"], samples.x, samples.y, self.weights(w))[1])

    def weights(self, w: np.ndarray) -> Array:
        """The weights of a batch's samples on the backend."""
        return self.backend.asarray(w, dtype=self.dtype)
