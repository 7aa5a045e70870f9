"""The samples and the model that the tests of mapped files and of batches made elsewhere share."""

import threading
from contextlib import contextmanager

import numpy as np

import xpnet as xn

RNG = np.random.default_rng(6)
X = RNG.integers(0, 9, (75, 4)).astype("uint8")
Y = np.arange(75) % 3
WEIGHT = RNG.uniform(0.5, 2.0, 75)
NET = xn.Sequential(xn.Dense(6), xn.BatchNorm(), xn.Tanh(), xn.Dropout(0.3), xn.Dense(3))


def make(backend="numpy", loss="softmax_cross_entropy", network=NET, **options):
    options = {"optimizer": xn.adam(0.05), "seed": 4, "dtype": "float64", **options}
    return xn.Model(network, loss=loss, backend=backend, **options)


def state(model):
    arrays = model._trainer.dump()
    return [(k, x.tobytes()) for part in ("params", "buffers") for k, x in sorted(arrays[part].items())]


def cut(size=8, x=X, y=Y):
    return [(x[i : i + size], y[i : i + size]) for i in range(0, len(x), size)]


@contextmanager
def unchanged(model):
    """The model is afterwards as it was, and no thread is left."""
    before, threads = state(model), threading.active_count()
    yield
    assert state(model) == before
    assert threading.active_count() == threads
