"""Measurements of xpnet by itself, each in a fresh process: `alone.py WHAT SIZE SECONDS` prints JSON.

predict: one-row predictions, with natives and without, against the bare NumPy expression. one: a step of 2-3-1,
one sample at a time. peak: the largest memory of a training, by tracemalloc, which NumPy reports to.
"""

import json
import math
import statistics
import sys
import time
import tracemalloc
from functools import partial

import numpy as np
import task
from peer_xpnet import FAR, Clock, Xpnet

import xpnet as xn


def predict(given, seconds) -> dict:
    """Medians of single calls, in microseconds, taken in turn: of a model that was trained with natives, if they
    are here, of one whose training was too short for them, and of the bare expression."""
    x, y = task.samples(given)
    row, times = x[:1], {}
    for name, epochs in (("predict", FAR), ("portable", 1)):
        contestant = Xpnet(given, x, y, "numpy")
        contestant.start()
        contestant.model.fit(x, y, epochs=epochs, batch_size=given.batch, callbacks=[Clock(0.0)])
        bare = partial(_bare, contestant.weights(), row)
        assert bare() == contestant.model.predict(row)
        times |= {"bare": (bare, []), name: (partial(contestant.model.predict, row), [])}
    begun = time.perf_counter()
    while len(times["bare"][1]) < 100 or time.perf_counter() - begun < seconds:
        for call, taken in times.values():
            start = time.perf_counter()
            call()
            taken.append(time.perf_counter() - start)
    return {f"{name}_us": statistics.median(taken) * 1e6 for name, (_, taken) in times.items()}


def _bare(layers, h):
    for w, b in layers[:-1]:
        h = np.maximum(h @ w + b, 0)
    w, b = layers[-1]
    return np.argmax(h @ w + b, axis=-1)


def one(given, seconds) -> dict:
    """Exclusive or, learned a sample at a time."""
    x = np.asarray([[0, 0], [0, 1], [1, 0], [1, 1]] * 64, "float32")
    y = (x[:, :1] != x[:, 1:]).astype("float32")
    network = xn.Sequential(xn.Dense(3, "relu"), xn.Dense(1))
    model = xn.Model(network, loss="sigmoid_cross_entropy", optimizer=xn.adam(task.RATE), backend="numpy")
    clock = Clock(seconds)
    model.fit(x, y, epochs=FAR, batch_size=1, callbacks=[clock])
    return {"us": clock.spent / (clock.epochs * len(x)) * 1e6}


def peak(given, seconds) -> dict:
    """Bytes at the peak of a training, and those that a step cannot do without.

    Needed: parameters, gradients, Adam's two slots, and of each layer the input that its derivative takes,
    and the probabilities. kept: parameters and slots as they were before the epoch, to which `fit` goes back
    where an epoch breaks off. A training before it leaves out what is allocated once, such as Numba's code.
    """
    x, y = task.samples(given)
    few = 4 * given.batch
    x, y = x[:few].copy(), y[:few].copy()

    def train():
        model = Xpnet(given, x, y, "numpy").model
        model.fit(x, y, epochs=FAR, batch_size=given.batch, callbacks=[Clock(0.0)])
        return sum(math.prod(p.shape) * p.dtype.itemsize for p in model.params.values())

    train()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    params = train()
    reached = tracemalloc.get_traced_memory()[1] - before
    activations = given.batch * sum(given.sizes) * x.dtype.itemsize
    return {"peak": reached, "needed": 4 * params + activations, "kept": 3 * params}


if __name__ == "__main__":
    what, size, seconds = sys.argv[1:]
    measured = {"predict": predict, "one": one, "peak": peak}[what]
    print(json.dumps(measured(task.TASKS[size], float(seconds))))
