"""An epoch on each backend has the bits of its steps one by one; on JAX it is one loop, with at most two traces."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import epochs
from xpnet.ops import softmax_cross_entropy
from xpnet.train import make_step
from xpnet.train.cost import CostModel
from xpnet.train.step import state_magnitude

from ..bits import on_host, same_bits, same_models

RNG = np.random.default_rng(3)
X, Y = RNG.standard_normal((37, 3)), np.arange(37) % 3
TRACES = Counter()


@dataclass(frozen=True)
class Counted(xn.Layer):
    """The identity; counts the passes that run or are traced."""

    def forward(self, params, x, ctx):
        TRACES["train" if ctx.train else "predict"] += 1
        return x, lambda dy: (dy, {})


NET = xn.Sequential(xn.Dense(6), xn.BatchNorm(), xn.Tanh(), xn.Dropout(0.3), xn.Dense(3))


def make(backend, network=NET, **options):
    options = {"optimizer": xn.adamw(xn.schedules.cosine(0.02, 60)), "seed": 4, **options}
    return xn.Model(network, loss="softmax_cross_entropy", backend=backend, **options)


def parts(backend, dtype):
    """(a compiled step, a fresh state, samples, an order and weights on the host)."""
    model = make(backend, dtype=dtype).build((3,))
    trainer = model._trainer
    step = backend.compile(make_step(NET, softmax_cross_entropy, model.optimizer), consumes=(0,))
    data = {"x": backend.asarray(X, dtype=dtype), "y": backend.asarray(Y)}
    order, w = RNG.permutation(37), (RNG.uniform(0.5, 2.0, 37) / 8).astype(dtype)
    return step, trainer.state, data, order, w


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("n", "batch_size", "steps"),
    [(37, 8, 1), (37, 8, 2), (37, 8, 3), (37, 8, 4), (37, 8, 5), (37, 35, 1), (36, 2, 20), (32, 8, 4)],
)
def test_an_epoch_equals_its_steps_one_by_one(backend, dtype, n, batch_size, steps):
    """Samples gathered by NumPy, one step after another; the last batch of 5 is neither dropped nor padded."""
    step, state, data, order, w = parts(backend, dtype)
    order, w = order[:n], w[:n]
    wanted, found, losses = backend.copy(state), backend.copy(state), []
    with backend.device_context():
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            batch = {name: backend.asarray(backend.to_numpy(x)[rows]) for name, x in data.items()}
            wanted, metrics = step(wanted, {**batch, "w": backend.asarray(w[start : start + batch_size])})
            losses.append(float(metrics["loss"]))
        calls = []
        for state, values, count, _ in backend.epoch(step)(found, data, order, w, batch_size, steps):
            found = state
            calls.append((values, count))
    same_bits(on_host(backend, found), on_host(backend, wanted))
    assert backend.losses(calls).tolist() == losses
    counts = [count for _, count in calls]
    assert sum(counts) == len(losses)
    assert max(counts) <= steps


def test_a_single_batch_is_not_gathered(backend):
    step, state, data, _, w = parts(backend, "float64")
    batch = {**data, "w": backend.asarray(w)}
    wanted, metrics = step(backend.copy(state), batch)
    ((found, losses, count, _),) = backend.epoch(step)(backend.copy(state), data, None, w, 37, 1)
    same_bits(on_host(backend, found), on_host(backend, wanted))
    assert count == 1
    assert backend.losses([(losses, count)]).tolist() == [float(metrics["loss"])]


@pytest.mark.parametrize("batch_size", [8, 37, 10])
@pytest.mark.parametrize("steps", [1, 2, 9])
def test_a_measure_within_the_call_is_that_of_its_state(backend, batch_size, steps):
    step, state, data, order, w = parts(backend, "float64")
    look_at, found = backend.compile(state_magnitude), []
    for now, _, _, looked in backend.epoch(step, look_at)(
        backend.copy(state), data, order, w, batch_size, steps
    ):
        found.append(looked)
        assert looked is None or float(looked) == float(look_at(now))
    in_one_call = backend.capabilities.traces and 37 // batch_size <= steps > 1
    assert any(x is not None for x in found) is in_one_call


def test_a_snapshot_outlives_its_epochs(backend):
    """Also the arrays that no step changes, and with a last batch that is a call of its own, or the only one."""
    step, state, data, order, w = parts(backend, "float64")
    before = on_host(backend, state)
    run = backend.epoch(step)
    for batch_size, steps in ((8, 9), (8, 2), (8, 1), (30, 1), (18, 2)):
        n = 36 if batch_size == 18 else 37
        kept = backend.snapshot(state)
        for _ in run(state, data, order[:n], w[:n], batch_size, steps):
            pass
        same_bits(on_host(backend, kept), before)
        state = kept
    kept = backend.snapshot(state)
    for _ in run(state, data, None, w, 37, 1):
        pass
    same_bits(on_host(backend, kept), before)


@pytest.mark.parametrize("gathered", [1, 50, 100, 10**9])
def test_batches_do_not_depend_on_the_size_of_a_gather(backend, gathered, monkeypatch):
    monkeypatch.setattr(epochs, "GATHER_ELEMENTS", gathered)
    order, w = RNG.permutation(37), np.arange(37.0)
    data = {"x": backend.asarray(X), "y": backend.asarray(Y), "w": backend.asarray(w)}
    found = [on_host(backend, batch) for batch in backend.batches(data, order, 8)]
    assert [len(batch["y"]) for batch in found] == [8, 8, 8, 8, 5]
    for start, batch in zip(range(0, 37, 8), found, strict=True):
        rows = order[start : start + 8]
        same_bits(batch, {"x": X[rows], "y": Y[rows], "w": w[start : start + 8]})


@pytest.mark.sample(2, by=("xpnet_backend",))
@pytest.mark.parametrize("steps_per_call", [1, 2, 3, 7, None])
def test_bits_do_not_depend_on_steps_per_call(backend, steps_per_call):
    by_steps, model = make(backend), make(backend)
    by_steps.fit(X, Y, epochs=3, batch_size=8, steps_per_call=1)
    model.fit(X, Y, epochs=3, batch_size=8, steps_per_call=steps_per_call)
    same_models(model, by_steps)
    assert model.history == by_steps.history


# JAX


@pytest.fixture
def jax():
    return pytest.importorskip("jax")


def test_a_step_is_traced_once_for_a_shape_of_batch(jax):
    """Once within the loop and once for the last, smaller batch: not again from epoch to epoch, from fit to fit,
    for a last call of fewer steps, or where there are more samples."""
    model = make("jax", xn.Sequential(xn.Dense(6), Counted(), xn.Dense(3)))
    TRACES.clear()
    model.fit(X, Y, epochs=3, batch_size=8)
    assert TRACES["train"] == 2
    model.fit(X, Y, epochs=2, batch_size=8)
    model.fit(X[:29], Y[:29], epochs=2, batch_size=8)
    model.fit(X, Y, epochs=2, batch_size=8, steps_per_call=3)
    model.fit(X, Y, epochs=1, batch_size=8, steps_per_call=1)
    assert TRACES["train"] == 2
    model.fit(X, Y, epochs=2, batch_size=37)
    model.partial_fit(X, Y)
    assert TRACES["train"] == 3


def test_loops_are_compiled_once_for_a_shape_of_data(jax):
    compiled = []

    def listen(event, *_, **__):
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(event)

    model = make("jax")
    model.fit(X, Y, epochs=2, batch_size=8, steps_per_call=3)
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        model.fit(X, Y, epochs=3, batch_size=8, steps_per_call=3)
        assert not compiled
        model.fit(X[:30], Y[:30], epochs=1, batch_size=8)
        assert compiled
    finally:
        jax.monitoring.clear_event_listeners()


def test_steps_per_call_depend_on_sizes_alone(jax, monkeypatch):
    def chosen(shape, batch_size, *layers):
        model = xn.Model(xn.Sequential(*layers), loss="mse", optimizer=xn.sgd(), backend="jax").build(shape)
        seconds = CostModel(model.network).seconds(model.params, shape, batch_size, 1)
        return model.backend.choose_steps(seconds)

    small, wide = (xn.Dense(64), xn.Dense(10)), (xn.Dense(1024), xn.Dense(1024), xn.Dense(10))
    image = xn.Conv2D(32, 5), xn.GlobalAveragePool(), xn.Dense(10)
    assert chosen((64,), 32, *small) > 1000
    assert 4 < chosen((784,), 256, *wide) < 64
    assert 1 < chosen((28, 28, 1), 256, *image) < 128  # 1,162 parameters, most of them at 784 places
    assert chosen((3,), 8, xn.Flatten()) > 1000  # no parameters
    assert xn.backends.get("jax").choose_steps(1e9) == 1
    whole, cut = make("jax"), make("jax")
    whole.fit(X, Y, epochs=2, batch_size=8)
    assert whole.steps_per_call == 5
    monkeypatch.setattr("xpnet.backends.jax.backend.JaxBackend.choose_steps", lambda self, seconds: 3)
    cut.fit(X, Y, epochs=2, batch_size=8)
    assert cut.steps_per_call == 3
    same_models(cut, whole)


def test_at_most_one_call_is_queued(jax, monkeypatch):
    """Ctrl-C cannot interrupt queued calls."""
    events = []

    class Losses:
        def __init__(self, number):
            self.number = number

        def block_until_ready(self):
            events.append(f"waited for {self.number}")

    def loop(state, data, order, w, first, last, batch_size, steps):
        events.append(f"call {first}")
        return state, Losses(first)

    monkeypatch.setattr("xpnet.backends.jax.backend._loops", lambda step, look: (None, loop))
    run = xn.backends.get("jax").epoch(None)
    for _ in run({}, {}, np.arange(64), np.ones(64), 8, 3):
        pass
    assert events == ["call 0", "call 3", "waited for 0", "call 6", "waited for 3"]
