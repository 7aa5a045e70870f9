"""A step cut between gradients and update has the bits of the step that is compiled whole."""

import numpy as np
import pytest

import xpnet as xn
from xpnet.train import Trainer, make_apply, make_gradients, make_step

from ..bits import on_host, same_bits

RNG = np.random.default_rng(5)
X, Y = RNG.standard_normal((12, 4)), np.arange(12) % 3
NET = xn.Sequential(xn.Dense(6), xn.BatchNorm(), xn.Tanh(), xn.Dropout(0.3), xn.Dense(3))
LOSS = xn.ops.softmax_cross_entropy


def start(backend):
    """A fresh state and a batch."""
    trainer = Trainer(NET, LOSS, xn.adam(0.01), backend, reduction="mean", dtype="float32", seed=2)
    trainer.build((4,))
    w = np.full(12, 1 / 12)
    return trainer.state, {
        "x": backend.asarray(X, dtype="float32"),
        "y": backend.asarray(Y),
        "w": backend.asarray(w, dtype="float32"),
    }


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("wanted", [False, True], ids=["portable", "natives"])
def test_two_compiled_halves_are_the_whole_step(backend, shards, wanted):
    if wanted and backend.name == "numpy":
        pytest.importorskip("numba")
    natives = backend.natives(wanted, dtype="float32", seconds=10.0)
    chosen = {"update": natives.update, "scalars": backend.scalars}
    whole = backend.compile(
        make_step(NET, LOSS, xn.adam(0.01), shards=shards, **chosen), consumes=(0,), natives=natives
    )
    gradients = backend.compile(make_gradients(NET, LOSS, shards=shards), natives=natives)
    apply = backend.compile(make_apply(xn.adam(0.01), **chosen), consumes=(0,), natives=natives)
    (state, batch), (other, _) = start(backend), start(backend)
    with backend.device_context():
        for _ in range(4):
            state, metrics = whole(state, batch)
            loss, grads, updates = gradients(other, batch)
            other = apply(other, grads, updates)
            assert float(loss) == float(metrics["loss"])
    same_bits(on_host(backend, other), on_host(backend, state))


def test_the_first_half_consumes_nothing():
    backend = xn.backends.get("numpy")
    state, batch = start(backend)
    before = on_host(backend, state)
    first = make_gradients(NET, LOSS)(state, batch)
    second = make_gradients(NET, LOSS)(state, batch)
    same_bits(on_host(backend, state), before)
    same_bits(first[1], second[1])
