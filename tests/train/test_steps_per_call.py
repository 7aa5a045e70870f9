"""Steps in groups: what `on_steps` hears, and that listening changes nothing but the waiting."""

from itertools import pairwise

import numpy as np
import pytest

import xpnet as xn
from xpnet.train import hears_steps

from ..bits import host, same_bits, same_models

RNG = np.random.default_rng(1)
X, Y = RNG.standard_normal((37, 3)), np.arange(37) % 3


def make(backend="numpy", **options):
    net = xn.Sequential(xn.Dense(6, "tanh"), xn.Dense(3))
    options = {"optimizer": xn.sgd(0.1), "dtype": "float64", **options}
    return xn.Model(net, loss="softmax_cross_entropy", backend=backend, **options)


class Listener(xn.Callback):
    def __init__(self, then=None):
        self.records, self.then = [], then

    def on_steps(self, model, record):
        self.records.append(record)
        if self.then is not None:
            self.then(model, record)


@pytest.mark.parametrize("steps_per_call", [1, 2, 4, 50])
def test_on_steps_hears_every_step_once(backend, steps_per_call):
    """5 steps an epoch; the groups' losses, each by its share, add up to the epoch's."""
    listener, model, deaf = Listener(), make(backend), make(backend)
    weight = RNG.uniform(0, 2, 37)
    options = {"epochs": 2, "batch_size": 8, "sample_weight": weight}
    history = model.fit(X, Y, callbacks=[listener], steps_per_call=steps_per_call, **options)
    deaf.fit(X, Y, steps_per_call=steps_per_call, **options)
    same_models(model, deaf)
    assert history == deaf.history
    assert model.steps_per_call == min(steps_per_call, 5)
    for epoch in range(2):
        half = len(listener.records) // 2
        records = listener.records[epoch * half : (epoch + 1) * half]
        assert [set(record) for record in records] == [{"step", "steps", "loss"}] * half
        assert np.cumsum([record["steps"] for record in records]).tolist() == [r["step"] for r in records]
        assert records[-1]["step"] == 5
        assert all(record["steps"] <= steps_per_call for record in records)
        order = xn.data.shuffled(37, seed=0, epoch=epoch)
        edges = [0, *(min(37, 8 * record["step"]) for record in records)]
        total = [weight[order][a:b].sum() for a, b in pairwise(edges)]
        assert np.average([r["loss"] for r in records], weights=total) == pytest.approx(
            history["loss"][epoch], rel=1e-12
        )


def test_a_group_without_weight_has_loss_0():
    listener = Listener()
    make().fit(X, Y, epochs=1, batch_size=8, sample_weight=np.r_[1.0, np.zeros(36)], callbacks=[listener])
    assert sorted(record["loss"] > 0 for record in listener.records) == [False] * 4 + [True]


def test_only_a_listener_makes_the_host_wait(backend):
    waits = []
    model, real = make(backend), backend.losses

    def losses(calls):
        waits.append(len(calls))
        return real(calls)

    model.backend.losses = losses
    try:
        model.fit(X, Y, epochs=3, batch_size=8, steps_per_call=1, callbacks=[lambda m, record: None])
        assert waits == [5, 5, 5]
        waits.clear()
        model.fit(X, Y, epochs=1, batch_size=8, steps_per_call=1, callbacks=[Listener()])
        assert waits == [1, 1, 1, 1, 1, 5]
    finally:
        del model.backend.losses


def test_who_hears_steps():
    class Deaf(xn.Callback):
        def on_epoch(self, model, record):
            return None

    mine = Deaf()
    assert not hears_steps(mine)
    assert not hears_steps(xn.EarlyStopping())
    mine.on_steps = lambda model, record: None
    assert hears_steps(mine)
    assert hears_steps(Listener())


def test_an_error_in_on_steps_undoes_the_epoch(backend):
    def fail(model, record):
        if model.history.epochs == 1 and record["step"] == 3:
            raise RuntimeError("mine")

    broken, whole = make(backend), make(backend)
    with pytest.raises(RuntimeError, match="mine"):
        broken.fit(X, Y, epochs=3, batch_size=8, steps_per_call=1, callbacks=[Listener(fail)])
    assert broken.history["epoch"] == [1]
    broken.fit(X, Y, epochs=1, batch_size=8)
    whole.fit(X, Y, epochs=2, batch_size=8)
    same_models(broken, whole)


def test_on_steps_sees_the_parameters_and_may_change_the_rate(backend):
    seen = []

    def look(model, record):
        seen.append(host(model))
        model.lr = 0.0

    make(backend).fit(X, Y, epochs=1, batch_size=8, steps_per_call=1, callbacks=[Listener(look)])
    assert len(seen) == 5
    same_bits(seen, [seen[0]] * 5)
    moving = []
    make(backend).fit(
        X,
        Y,
        epochs=1,
        batch_size=8,
        steps_per_call=1,
        callbacks=[Listener(lambda m, _: moving.append(host(m)))],
    )
    same_bits(moving[0], seen[0])
    assert any((moving[1][name] != x).any() for name, x in seen[1].items())


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "8"])
def test_steps_per_call_must_be_a_positive_integer(value):
    with pytest.raises(ValueError, match=r"steps_per_call .* must be a positive integer"):
        make().fit(X, Y, epochs=1, steps_per_call=value)


def test_a_backend_that_loops_runs_one_step_a_call():
    model = make()
    assert model.steps_per_call == 1
    model.fit(X, Y, epochs=1, batch_size=8)
    assert model.steps_per_call == 1
    model.fit(X, Y, epochs=1, batch_size=8, steps_per_call=np.int64(3))
    assert model.steps_per_call == 3


def test_steps_on_jax():
    pytest.importorskip("jax")
    model = make("jax")
    model.fit(X, Y, epochs=1, batch_size=8)
    assert model.steps_per_call == 5
