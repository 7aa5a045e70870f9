"""Model: its answers, its arrays, and where they live, on every backend."""

import copy
import math
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import xpnet as xn
from xpnet import backends
from xpnet.namespace import device

from .bits import host, same_models

RNG = np.random.default_rng(0)
X = RNG.standard_normal((37, 3))
Y = np.arange(37) % 3


def make(backend, units=3, loss="softmax_cross_entropy", **options):
    net = xn.Sequential(xn.Dense(8), xn.BatchNorm(), xn.Tanh(), xn.Dropout(0.2), xn.Dense(units))
    options = {"optimizer": xn.adam(0.05), "dtype": "float64", "seed": 3, **options}
    return xn.Model(net, loss=loss, backend=backend, **options)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_goes_on_by_itself(backend, again):
    if "<locals>" in type(backend).__qualname__ and again is not copy.deepcopy:
        pytest.skip("a class made in a function cannot be pickled")
    model = make(backend)
    untrained = again(model)
    model.fit(X, Y, epochs=3, batch_size=8)
    other, third = again(model), again(model)
    for one in (model, other):
        one.fit(X, Y, epochs=2, batch_size=8)
    same_models(model, other)
    assert model.history == other.history
    assert third.history["epoch"] == [1, 2, 3]
    third.fit(X, Y, epochs=2, batch_size=8)
    same_models(model, third)
    untrained.fit(X, Y, epochs=5, batch_size=8)
    same_models(model, untrained)


# What comes back


def test_answers_come_where_the_question_came_from(backend):
    model = make(backend)
    own_x, own_y = backend.asarray(X), backend.asarray(Y)
    model.fit(own_x, own_y, epochs=1, batch_size=37)
    for answer, shape in ((model.predict, (37,)), (model.predict_proba, (37, 3)), (model.forward, (37, 3))):
        own = answer(own_x)
        assert backend.owns(own)
        assert device(own) == device(own_x)
        assert own.shape == shape
        for given in (X, X.tolist(), X.astype(">f8"), np.asfortranarray(X), X[::-1][::-1]):
            found = answer(given)
            assert type(found) is np.ndarray
            np.testing.assert_array_equal(found, backend.to_numpy(own))
        assert answer(X[:0]).shape == (0, *shape[1:])
    np.testing.assert_array_equal(model.predict(X), model.forward(X).argmax(axis=1))
    z = np.exp(model.forward(X))
    np.testing.assert_allclose(model.predict_proba(X), z / z.sum(axis=1, keepdims=True), rtol=1e-12)
    scores = model.evaluate(X, Y)
    assert scores == model.evaluate(own_x, own_y)
    assert scores["accuracy"] == pytest.approx(np.mean(model.predict(X) == Y), abs=1e-12)
    assert scores["loss"] == pytest.approx(
        np.mean(-np.log(model.predict_proba(X)[np.arange(37), Y])), rel=1e-12
    )


def test_one_step_is_the_formula(backend):
    """One step of gradient descent on the mean of (x w + b - y)^2: dw = 2/n x^T e, db = 2/n sum e."""
    y = X @ [[1.0], [2.0], [-1.0]] + 0.5
    model = xn.Model(xn.Dense(1), loss="mse", optimizer=xn.sgd(0.1), backend=backend, dtype="float64").build(
        (3,)
    )
    w, b = (host(model)[name] for name in ("weight", "bias"))
    error = X @ w + b - y
    assert model.partial_fit(X, y) == pytest.approx(np.mean(error**2), rel=1e-12)
    np.testing.assert_allclose(host(model)["weight"], w - 0.1 * 2 / 37 * X.T @ error, rtol=0, atol=1e-14)
    np.testing.assert_allclose(host(model)["bias"], b - 0.1 * 2 / 37 * error.sum(axis=0), rtol=0, atol=1e-14)


def test_the_backend_follows_the_data(backend):
    x = backend.asarray(X)
    model = make(None)
    assert model.backend is None
    model.fit(x, backend.asarray(Y), epochs=1, batch_size=37)
    assert model.backend.owns(x)
    assert device(model.params["0.weight"]) == device(x)
    assert device(model.predict(x)) == device(x)
    assert type(model.predict(X)) is np.ndarray


def test_a_built_model_moves_to_its_first_data_and_then_stays():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    model = make(None).build((3,))
    first = host(model)
    model.fit(torch.tensor(X), Y, epochs=1)
    assert model.backend.name == "torch"
    same_models(make(None).build((3,)), model.reset())
    assert set(first) == set(host(model))
    model = make(None)
    model.fit(X, Y, epochs=1)
    with pytest.raises(TypeError, match=r"x is an array of torch.*'numpy'"):
        model.predict(torch.tensor(X))


def test_a_model_that_was_moved_stays_and_answers_on_the_device_that_asked():
    strict = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    model = make(None).to("strict")
    model.fit(X, Y, epochs=1)
    assert model.backend.name == "strict"
    there = strict.asarray(X, device=strict.Device("device1"))
    assert model.predict(there).device == there.device
    assert model.forward(strict.asarray(X)).device == strict.Device("CPU_DEVICE")
    with pytest.raises(TypeError, match="torch"):
        make(None).to("strict").fit(pytest.importorskip("torch").tensor(X), Y, epochs=1)


@pytest.mark.parametrize(("y", "shape"), [(X[:, 0], (37,)), (X[:, :1], (37, 1)), (X[:, :2], (37, 2))])
def test_predicted_values_have_the_shape_of_the_targets(y, shape):
    model = make("numpy", units=y[0].size, loss="mse")
    model.fit(X, y, epochs=1, batch_size=37)
    assert model.predict(X).shape == shape
    assert set(model.evaluate(X, y)) == {"loss"}
    assert model.evaluate(X, y)["loss"] == pytest.approx(np.mean((model.predict(X) - y) ** 2), rel=1e-12)


def test_x_of_every_make(backend):
    x = np.round(3 * X)
    readonly = x.copy()
    readonly.flags.writeable = False
    reversed_twice = x[::-1, ::-1].copy()[::-1, ::-1]
    wanted, found = make(backend), make(backend)
    wanted.fit(x, Y, epochs=1, batch_size=37)
    for given in (reversed_twice, np.asfortranarray(x), readonly, x.astype("int8"), Frame(x), x.tolist()):
        weight = Frame(np.ones(37))
        found.reset().fit(
            given, Frame(Y), epochs=1, batch_size=37, sample_weight=weight, validation_data=(given, Y)
        )
        same_models(wanted, found)


class Frame:
    """What pandas and others give: no array, but it can become one."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


def test_prediction_in_chunks_is_prediction(backend):
    model = make(backend)
    model.fit(X, Y, epochs=1, batch_size=37)
    many = np.tile(X, (450, 1))
    np.testing.assert_allclose(
        model.forward(many), np.tile(model.forward(X), (450, 1)), rtol=1e-12, atol=1e-15
    )
    assert model.evaluate(many, np.tile(Y, 450)) == pytest.approx(model.evaluate(X, Y), rel=1e-12)


# Arrays


def test_params_are_copies(backend):
    model = make(backend)
    model.fit(X, Y, epochs=1, batch_size=37)
    before, outputs = host(model), model.forward(X)
    held = model.params
    model.fit(X, Y, epochs=1, batch_size=37)
    for name, array in held.items():
        assert backend.to_numpy(array).tobytes() == before[name].tobytes()
    for array in model.params.values():
        if isinstance(array, np.ndarray):  # the only library here whose arrays can be written to by hand
            array.flags.writeable = True
            array[...] = 7
    assert not any((array == 7).all() for array in host(model).values())
    given = {name: backend.to_numpy(array) for name, array in held.items()}
    model.params = given
    model.buffers = {name: before[name] for name in model.buffers}
    for array in given.values():
        array[...] = 7
    np.testing.assert_array_equal(model.forward(X), outputs)
    assert all(backend.owns(array) for array in (model.params | model.buffers).values())


def test_moving_takes_everything_along(backend):
    stays, moves = make("numpy"), make("numpy")
    stays.fit(X, Y, epochs=4, batch_size=8)
    moves.fit(X, Y, epochs=2, batch_size=8)
    assert moves.to(backend) is moves
    assert moves.backend.name == backend.name
    moves.fit(X, Y, epochs=2, batch_size=8)
    assert moves.history["epoch"] == [1, 2, 3, 4]
    assert moves.history["loss"] == pytest.approx(stays.history["loss"], rel=1e-9)
    np.testing.assert_allclose(moves.forward(X), stays.forward(X), rtol=1e-7)
    same_models(moves, moves.to("numpy"))


def test_a_network_can_be_shared(backend):
    alone, first = make(backend), make(backend)
    second = xn.Model(
        first.network, loss="softmax_cross_entropy", optimizer="sgd", backend=backend, dtype="float64", seed=9
    )
    alone.fit(X, Y, epochs=2, batch_size=37)
    for _ in range(2):
        first.fit(X, Y, epochs=1, batch_size=37)
        second.fit(X, Y, epochs=1, batch_size=37)
    same_models(alone, first)


def test_two_threads_change_no_bit(backend):
    def train(seed):
        model = make(backends.get(backend.name), seed=seed)
        model.fit(X[:32], Y[:32], epochs=4, batch_size=16)
        return model

    after = [train(seed) for seed in (1, 2)]
    with ThreadPoolExecutor(2) as pool:
        beside = list(pool.map(train, (1, 2)))
    for a, b in zip(after, beside, strict=True):
        same_models(a, b)
        assert a.history == b.history


def test_a_network_without_parameters():
    model = xn.Model(xn.Tanh(), loss="mse", optimizer="adam", backend="numpy", dtype="float64")
    model.build((3,))
    assert model.evaluate(X, X)["loss"] == pytest.approx(np.mean((np.tanh(X) - X) ** 2), rel=1e-12)
    assert model.params == {}
    with pytest.raises(ValueError, match="no parameters, and so nothing to learn"):
        model.fit(X, X, epochs=2)


def test_it_prints_nothing_unless_asked(capfd):
    make("numpy").fit(X, Y, epochs=1)
    assert capfd.readouterr() == ("", "")
    make("numpy").fit(X, Y, epochs=2, verbose=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert [line.split()[1] for line in err.splitlines()] == ["1/2", "2/2"]


def test_it_is_shown_before_and_after_it_is_built():
    model = make(None)
    assert "no backend yet" in repr(model)
    assert "not built" in model.summary()
    model.fit(X, Y, epochs=1)
    assert "on numpy" in repr(model)
    parameters = sum(math.prod(x.shape) for x in model.params.values())
    assert parameters == 3 * 8 + 8 + 2 * 8 + 8 * 3 + 3
    assert f"{parameters:,} parameters" in model.summary()
