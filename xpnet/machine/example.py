"""The plan of an example training: what would run on this machine, and why."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..layers import Dense, Sequential
from ..model import Model
from ..train import FitOptions

SAMPLES = 1797
EPOCHS = 100
NAME = f"Dense 64-64-10, adam, {SAMPLES:,} samples, batches of 32, {EPOCHS} epochs"


def example_plan(backend: str = "auto") -> dict[str, Any]:
    """{"training": in words, "decisions": {"natives": {"value": ..., "why": ...}, ...}}; nothing is trained."""
    network = Sequential(Dense(64, "relu"), Dense(10))
    model = Model(network, loss="softmax_cross_entropy", optimizer="adam", backend=backend)
    x, y = np.zeros((SAMPLES, 64), "float32"), np.arange(SAMPLES) % 10
    with model.training_session(x, y) as (trainer, samples, _):
        plan = trainer.make_plan(samples, FitOptions(EPOCHS))
    return {"training": NAME, "decisions": plan.as_dict()}
