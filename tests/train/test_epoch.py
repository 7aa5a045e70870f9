"""An epoch that is begun while the one before it runs: on JAX, and nothing but the time tells of it."""

import numpy as np
import pytest

import xpnet as xn
from xpnet.train.epoch import EpochRun

from ..bits import host, same_bits, same_models

RNG = np.random.default_rng(3)
X, Y = RNG.standard_normal((37, 3)), np.arange(37) % 3


def make(**options):
    net = xn.Sequential(xn.Dense(6), xn.BatchNorm(), xn.ReLU(), xn.Dropout(0.2), xn.Dense(3))
    return xn.Model(net, loss="softmax_cross_entropy", optimizer=xn.adam(0.01), backend="jax", **options)


@pytest.fixture
def begun(monkeypatch):
    """Whether each epoch that was begun early was also gone on with."""
    pytest.importorskip("jax")
    monkeypatch.setattr("xpnet.backends.jax.backend.cores", lambda: 2)
    found, real = [], EpochRun.started_from

    def started_from(self, state):
        found.append(real(self, state))
        return found[-1]

    monkeypatch.setattr(EpochRun, "started_from", started_from)
    return found


@pytest.fixture
def late(monkeypatch):
    """Fits a model with no epoch begun early."""

    def fit(model, **options):
        with monkeypatch.context() as patch:
            patch.setattr("xpnet.backends.jax.backend.MAX_OVERLAP_SECONDS", 0)
            return model.fit(X, Y, **options)

    return fit


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 8},
        {"batch_size": 37},
        {"batch_size": 7, "steps_per_call": 2},
        {"validation_split": 0.2},
    ],
    ids=str,
)
def test_an_epoch_begun_early_has_the_same_bits(begun, late, options):
    model, other = make(), make()
    model.fit(X, Y, epochs=5, **options)
    assert begun == [True] * 4
    late(other, epochs=5, **options)
    assert begun == [True] * 4
    same_models(model, other)
    assert model.history == other.history


def lower(model, record):
    model.lr = 0.001


def double(model, record):
    model.params = {name: 2 * x for name, x in model.params.items()}


@pytest.mark.parametrize("change", [lower, double])
def test_what_a_callback_changes_counts_from_the_next_epoch_on(begun, late, change):
    model, other = make(), make()
    model.fit(X, Y, epochs=3, batch_size=8, callbacks=[change])
    assert begun == [False] * 2
    late(other, epochs=3, batch_size=8, callbacks=[change])
    same_models(model, other)


def test_an_epoch_begun_early_and_not_wanted_leaves_nothing_behind(begun, late):
    model, other = make(), make()
    model.fit(X, Y, epochs=9, batch_size=8, callbacks=[lambda model, record: record["epoch"] == 2])
    late(other, epochs=2, batch_size=8)
    same_models(model, other)
    model.fit(X, Y, epochs=1, batch_size=8)
    late(other, epochs=1, batch_size=8)
    same_models(model, other)
    assert begun == [True]


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_error_while_an_epoch_is_begun_undoes_the_one_before(begun, late, monkeypatch, error):
    model, other = make(), make()
    model.fit(X, Y, epochs=1, batch_size=8)
    before = host(model)

    def fail(self, state):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(EpochRun, "begin", fail)
        with pytest.raises(error):
            model.fit(X, Y, epochs=3, batch_size=8)
    same_bits(host(model), before)
    assert model.history.epochs == 1
    model.fit(X, Y, epochs=2, batch_size=8)
    late(other, epochs=3, batch_size=8)
    same_models(model, other)


def test_a_long_epoch_or_one_that_is_listened_to_is_not_begun_early(begun, monkeypatch):
    class Listener(xn.Callback):
        def on_steps(self, model, record):
            pass

    make().fit(X, Y, epochs=3, callbacks=[Listener()])
    make().fit(lambda: iter([(X, Y)]), epochs=3)
    monkeypatch.setattr("xpnet.backends.jax.backend.MAX_OVERLAP_SECONDS", 1e-6)
    make().fit(X, Y, epochs=3)
    assert begun == []


def test_on_one_core_nothing_is_begun_early(begun, monkeypatch):
    monkeypatch.setattr("xpnet.backends.jax.backend.cores", lambda: 1)
    make().fit(X, Y, epochs=3)
    assert begun == []
