"""xpnet through its public `Model.fit`; a variant is a backend's name, "portable" being NumPy without Numba."""

import os
import sys
import time
from pathlib import Path

import talk
import task

if "portable" in sys.argv[1:]:
    sys.modules["numba"] = None  # as if it were not installed

import xpnet as xn
from xpnet.machine import timing

BUILD = os.environ.get("BENCHMARK_BUILD", "")
if BUILD and not Path(xn.__file__).is_relative_to(BUILD):
    raise ImportError(f"xpnet was to come from the checkout that is compared, and came from {xn.__file__}")

FAR = 10**6
"""Epochs asked for: what runs is chosen by the length of a training, and a clock ends this one."""


class Clock(xn.Callback):
    """Ends a training after a number of seconds, the first epoch not counted."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.epochs, self.spent, self.begun = seconds, -1, 0.0, 0.0

    def on_epoch(self, model, record) -> bool:
        now = time.perf_counter()
        self.epochs += 1
        self.begun = self.begun or now
        self.spent = now - self.begun
        return self.epochs > 0 and self.spent >= self.seconds


class Xpnet(talk.Contestant):
    def __init__(self, given, x, y, variant) -> None:
        super().__init__(given, x, y, variant)
        name = "numpy" if variant == "portable" else variant
        hidden = [xn.Dense(units, "relu") for units in given.sizes[1:-1]]
        self.model = xn.Model(
            xn.Sequential(*hidden, xn.Dense(given.sizes[-1])),
            loss="sigmoid_cross_entropy" if given.binary else "softmax_cross_entropy",
            optimizer=xn.adam(task.RATE),
            backend=name,
            seed=0,
        )

    def start(self) -> None:
        model = self.model
        model.reset()
        if model.input_shape is None:
            model.build(self.x.shape[1:])
        given = task.weights(self.task)
        model.params = {
            name: given[i][kind == "bias"]
            for i, pair in enumerate(names(model))
            for kind, name in pair.items()
        }

    def epochs(self, count: int) -> None:
        self.model.fit(self.x, self.y, epochs=count, batch_size=self.task.batch)
        self.model.backend.synchronize()

    def timed(self, seconds: float) -> tuple[int, float]:
        clock = Clock(seconds)
        self.model.fit(self.x, self.y, epochs=FAR, batch_size=self.task.batch, callbacks=[clock])
        return clock.epochs * (self.task.samples // self.task.batch), clock.spent

    def weights(self):
        to_numpy, params = self.model.backend.to_numpy, self.model.params
        return [(to_numpy(params[p["weight"]]), to_numpy(params[p["bias"]])) for p in names(self.model)]

    def about(self) -> str:
        model = self.model
        on = getattr(model.backend, "device_name", None) or model.backend.place  # as 0.1.0 calls it
        place = f"{model.backend.name} on {on}"
        return f"xpnet {xn.__version__}, {place}, {timing.natives(model)}"


def names(model):
    """Of each layer with weights, in order: {"weight": its name, "bias": its name}."""
    found = {}
    for name in model.params:
        layer, _, kind = name.rpartition(".")
        found.setdefault(int(layer), {})[kind] = name
    return [found[layer] for layer in sorted(found)]


if __name__ == "__main__":
    talk.serve(Xpnet)
