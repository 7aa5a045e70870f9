"""The plan of an example training: what would run on this machine, and why."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..layers import Dense, Sequential
from ..model import Model
from ..train import FitOptions

SAMPLES = 1797
"""The samples of the example, as many as the digits data set has."""
EPOCHS = 100
"""The epochs of the example."""
NAME = f"Dense 64-64-10, adam, {SAMPLES:,} samples, batches of 32, {EPOCHS} epochs"
"""The example in words."""


def example_plan(backend: str = "auto") -> dict[str, Any]:
    """The plan of the example on a backend, without training it.

    {"training": NAME, "decisions": {"natives": {"value": ..., "why": ...}, ...}}
    """
    network = Sequential(Dense(64, "relu"), Dense(10))
    model = Model(network, loss="softmax_cross_entropy", optimizer="adam", backend=backend)
    x, y = np.zeros((SAMPLES, 64), "float32"), np.arange(SAMPLES) % 10
    with model.training_session(x, y) as (trainer, samples, _):
        options = FitOptions(EPOCHS)
        plan = trainer.make_plan(trainer.batches(samples, options.batch_size), options)
    return {"training": NAME, "decisions": plan.as_dict()}
