"""Recurrent networks trained on sequences: the same losses everywhere, replayed or not, and one trace on JAX."""

import numpy as np
import pytest

import xpnet as xn

RNG = np.random.default_rng(0)
TUNES = np.tile(RNG.integers(1, 12, (4, 5)), (1, 2))
"""The second half of each is the first again."""
SEQUENCES = TUNES[RNG.integers(0, 4, 24)]
X, Y = SEQUENCES[:, :-1], SEQUENCES[:, 1:]
PADDED = np.where(np.arange(9) < RNG.integers(4, 10, 24)[:, None], X, 0)
CELLS = {"rnn": xn.RNN(16), "gru": xn.GRU(16), "lstm": xn.LSTM(16, bidirectional=True)}


class Steps(xn.Callback):
    """The loss of every step."""

    def __init__(self):
        self.losses = []

    def on_steps(self, model, record):
        self.losses.append(record["loss"])


def trained(cell, backend, epochs=10, x=X, dtype="float64", size=12, **options):
    network = xn.Sequential(xn.Embedding(size, 8, padding=0), CELLS[cell], xn.Dense(12))
    model = xn.Model(
        network,
        loss="softmax_cross_entropy",
        optimizer=xn.adam(0.02),
        dtype=dtype,
        backend=backend,
        **options,
    )
    steps = Steps()
    model.fit(x, Y, epochs=epochs, batch_size=10, steps_per_call=1, callbacks=[steps])
    return model, np.array(steps.losses)


@pytest.mark.sample(1, by=("cell", "library"))
@pytest.mark.parametrize("x", [X, PADDED], ids=["whole", "padded"])
@pytest.mark.parametrize("cell", CELLS)
def test_the_losses_are_the_same_on_every_backend(cell, x, backend):
    epochs = 10 if cell == "gru" else 2
    _, wanted = trained(cell, "numpy", epochs, x, natives=False)
    model, found = trained(cell, backend.name, epochs, x)
    np.testing.assert_allclose(found, wanted, rtol=1e-10)
    scores = model.evaluate(x, Y)
    assert scores["loss"] < found[0]
    assert model.predict(x).shape == Y.shape


def test_a_network_that_learns_to_repeat():
    model, losses = trained("gru", "numpy", 120)
    assert losses[0] > 2  # near log 12 = 2.48, which says nothing
    assert model.evaluate(X, Y) == pytest.approx({"loss": 0.0, "accuracy": 1.0}, abs=0.02)


@pytest.mark.parametrize("natives", ["auto", True])
@pytest.mark.parametrize("x", [X, PADDED], ids=["whole", "padded"])
@pytest.mark.parametrize(("cell", "size"), [("rnn", 12), ("gru", 300), ("lstm", 300)])
def test_a_replayed_step_has_the_portable_bits(cell, size, x, natives):
    if natives is True:
        pytest.importorskip("numba", reason="numba is not installed: pip install 'xpnet[fast]'")
    given = {"epochs": 7, "x": x, "dtype": "float32", "size": size}
    portable, wanted = trained(cell, "numpy", natives=False, **given)
    model, found = trained(cell, "numpy", natives=natives, **given)
    assert [step.reason for step in model._trainer._steps.values()] == [None]
    assert next(iter(model._trainer._steps.values()))._programs
    assert np.array_equal(found, wanted)
    assert all(np.array_equal(p, portable.params[name]) for name, p in model.params.items())


def test_jax_traces_a_loop_along_time_once():
    jax = pytest.importorskip("jax", reason="JAX is not installed: pip install 'xpnet[jax]'")
    model, _ = trained("lstm", "jax", 1)
    trainer = model._trainer
    (step,) = trainer._steps.values()
    batch = {"x": jax.numpy.asarray(X), "y": jax.numpy.asarray(Y), "w": jax.numpy.full(24, 1 / 24)}
    text = str(jax.make_jaxpr(step)(trainer.state, batch))
    assert text.count("scan[") == 4  # forward and back, in two directions
    assert text.count("tanh") < 20
    traces = step._cache_size()
    model.fit(X, Y, epochs=2, batch_size=10, steps_per_call=1)
    assert step._cache_size() == traces
