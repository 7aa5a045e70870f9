"""Replayed predictions on NumPy: the bits of the plain forward pass."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import xpnet as xn
from xpnet import ops
from xpnet.backends.numpy import predict
from xpnet.backends.numpy.predict import ReplayedForward
from xpnet.compiler.tracing import NotTraceableError
from xpnet.testing.steps import NETWORKS

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((40, 6)), np.arange(40) % 3
NET = xn.Sequential(xn.Dense(8, "relu"), xn.BatchNorm(), xn.Dropout(0.3), xn.Dense(3))


def make(network=NET, loss="softmax_cross_entropy", **options):
    return xn.Model(network, loss=loss, optimizer="adam", backend="numpy", dtype="float64", **options)


def programs(model):
    return model._trainer.forward._programs


def plain(model, x):
    """The outputs of the plain forward pass."""
    state = model._trainer.state
    return model._trainer.forward.forward(state["params"], state["buffers"], x)


@pytest.mark.parametrize("row", NETWORKS, ids=[row.name for row in NETWORKS])
def test_replayed_predictions_have_the_portable_bits(row):
    model = make(row.network, row.loss).build(row.input_shape)
    x = np.asarray(row.data(3)[0], "float64")
    found = [model.forward(x) for _ in range(4)]
    assert list(programs(model)) == [(x.shape, x.dtype)]
    assert programs(model)[x.shape, x.dtype] is not None
    for y in found:
        assert y.tobytes() == plain(model, x).tobytes()


def test_changed_parameters_are_used():
    model = make()
    for _ in range(3):
        model.fit(X, Y, epochs=1)
        for _ in range(3):
            assert model.forward(X[:1]).tobytes() == plain(model, X[:1]).tobytes()
    model.params = {name: 2 * p for name, p in model.params.items()}
    assert model.forward(X[:1]).tobytes() == plain(model, X[:1]).tobytes()


def test_predictions_share_no_memory():
    model = make().build((6,))
    found = [model.forward(X[i : i + 1]) for i in range(6)]
    before = [y.tobytes() for y in found]
    found[-1][...] = 0.0
    model.forward(X[:1])
    assert [y.tobytes() for y in found[:-1]] == before[:-1]
    assert len(set(before)) == 6


def test_strided_or_large_batches_are_not_replayed(monkeypatch):
    model = make().build((6,))
    wide = np.repeat(X, 2, axis=1)[:, ::2]
    for _ in range(3):
        assert model.forward(wide).tobytes() == plain(model, wide).tobytes()  # its rows have gaps
        model.forward(np.zeros((predict.MAX_ELEMENTS // 6 + 1, 6)))
    assert not any(programs(model).values())
    monkeypatch.setattr(predict, "MAX_BYTES", 10)
    for _ in range(3):
        assert model.forward(X).tobytes() == plain(model, X).tobytes()
    assert programs(model) == {(X.shape, X.dtype): None}


class Signs(xn.Layer):
    """A user's layer, which reads its values."""

    def forward(self, params, x, ctx):
        return (x if x[0, 0] > 0 else -x), lambda dy: (dy, {})


def test_a_users_own_code_is_not_recorded():
    model = make(xn.Sequential(xn.Dense(3), Signs()))
    model.fit(X, Y, epochs=1)
    for _ in range(3):
        assert model.forward(X[:1])[0, 0] > 0
    assert not isinstance(model._trainer.forward, ReplayedForward)
    assert not isinstance(make(natives=False).build((6,))._trainer.forward, ReplayedForward)
    assert not isinstance(
        make(loss=lambda y, target: ops.mse(y, target=target)).build((6,))._trainer.forward, ReplayedForward
    )


def test_a_pass_that_cannot_be_recorded_has_a_reason(monkeypatch):
    def refuse(*args):
        raise NotTraceableError("a value is looked at")

    monkeypatch.setattr(predict, "Program", refuse)
    model = make().build((6,))
    for _ in range(3):
        assert model.forward(X).tobytes() == plain(model, X).tobytes()
    assert model._trainer.forward.reason == "NotTraceableError: a value is looked at"
    assert programs(model) == {(X.shape, X.dtype): None}


def test_the_number_of_recorded_shapes_is_bounded():
    model = make().build((6,))
    for n in range(1, 15):
        for _ in range(3):
            assert model.forward(X[:n]).tobytes() == plain(model, X[:n]).tobytes()
    assert len(programs(model)) == predict.MAX_PROGRAMS


def test_concurrent_predictions_have_the_same_bits():
    model = make().build((6,))
    wanted = [plain(model, X[i : i + 1]).tobytes() for i in range(40)]

    def run(_):
        return all(model.forward(X[i % 40 : i % 40 + 1]).tobytes() == wanted[i % 40] for i in range(500))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(run, range(8)))


def test_overflow_does_not_warn():
    model = make().build((6,))
    model.params = {name: 1e300 * (1 + abs(p)) for name, p in model.params.items()}
    for _ in range(3):
        assert np.isinf(model.forward(1e10 * X[:1])).any() or np.isnan(model.forward(1e10 * X[:1])).any()
