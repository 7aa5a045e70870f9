"""Timings: the microseconds of a training step and of a prediction."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..layers import Dense, Sequential
from ..model import Model
from ..optim import adam

STEPS = 64
"""The steps of an epoch."""
REPEATS = 5
"""The number of measurements, of which the median counts."""


def measure(backend: Any, sizes: tuple[int, ...], batch: int, *, at_least: float) -> dict[str, Any]:
    """A row of the benchmark: median times in microseconds with their spread, interquartile range / median.

    sizes: the units of the layers, inputs first. at_least: the seconds of each measurement.
    """
    x, y = samples(sizes[0], sizes[-1], STEPS * batch)
    model = Model(
        Sequential(*(Dense(units, "relu") for units in sizes[1:-1]), Dense(sizes[-1])),
        loss="softmax_cross_entropy",
        optimizer=adam(1e-3),
        backend=backend,
    )
    clock = Clock(at_least)
    model.fit(x, y, epochs=10**6, batch_size=batch, callbacks=[clock])
    predicts = list(timed(lambda: model.predict(x[:1]), at_least))
    return {
        "backend": backend.name,
        "device": backend.device_name,
        "network": "-".join(map(str, sizes)),
        "batch": batch,
        "step_us": statistics.median(clock.times),
        "step_spread": spread(clock.times),
        "predict_us": statistics.median(predicts),
        "predict_spread": spread(predicts),
        "losses": [model.history["loss"][0], model.history["loss"][-1]],
        "natives": natives(model),
    }


def samples(inputs: int, classes: int, n: int) -> tuple[Any, Any]:
    """n samples (x, y) of normal distributions, one for each class, that overlap slightly."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, classes, n)
    x = rng.standard_normal((classes, inputs))[y] * 0.3 + rng.standard_normal((n, inputs))
    return x.astype("float32"), y


class Clock:
    """A callback that measures the microseconds of a step, and ends the training after the last measurement.

    A measurement is the least number of whole epochs that take `at_least` seconds. The first epoch, which may
    compile, is not measured. times: the results.
    """

    def __init__(self, at_least: float) -> None:
        self.at_least, self.times = at_least, list[float]()
        self.begun, self.epochs = 0.0, -1

    def __call__(self, model: Any, record: dict[str, Any]) -> bool:
        model.backend.synchronize()
        now = time.perf_counter()
        self.epochs += 1
        if self.epochs and now - self.begun >= self.at_least:
            self.times.append((now - self.begun) / (self.epochs * STEPS) * 1e6)
            self.epochs = 0
        if not self.epochs:
            self.begun = time.perf_counter()
        return len(self.times) == REPEATS


def timed(call: Callable[[], Any], at_least: float) -> Iterator[float]:
    """The microseconds of a call, REPEATS times: each is the median over `at_least` seconds of calls."""
    call()
    for _ in range(REPEATS):
        times, begun = list[float](), time.perf_counter()
        while not times or time.perf_counter() - begun < at_least:
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        yield statistics.median(times) * 1e6


def natives(model: Any) -> str:
    """The name of the natives that a model's training used, "portable" for none."""
    return str(model.updates)


def spread(times: list[float]) -> float:
    """The interquartile range over the median."""
    low, middle, high = statistics.quantiles(times, n=4, method="inclusive")
    return (high - low) / middle
