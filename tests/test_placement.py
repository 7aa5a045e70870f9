"""Where a model lives: what it follows, what it refuses, and what a call may not change."""

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import find, get

X = np.random.default_rng(0).standard_normal((20, 3))
Y = np.arange(20) % 3


def make(**options):
    return xn.Model(xn.Dense(3), loss="softmax_cross_entropy", optimizer="adam", **options)


@pytest.mark.parametrize("dtype", ["float64", np.float64, np.dtype("float64")], ids=repr)
def test_a_dtype_by_any_of_its_names(dtype):
    assert make(dtype=dtype, backend="numpy").dtype == "float64"


def test_build_does_not_throw_training_away():
    model = make(backend="numpy")
    model.fit(X, Y, epochs=1)
    kept = model.params
    with pytest.raises(ValueError, match=r"reset\(\) first"):
        model.build((3,))
    assert all(np.array_equal(kept[name], p) for name, p in model.params.items())
    assert model.reset().history.epochs == 0
    assert any((kept[name] != p).any() for name, p in model.params.items())
    model.build((4,))
    assert model.input_shape == (4,)


def test_a_device_beside_a_backend_at_hand_is_refused():
    with pytest.raises(ValueError, match="device 'cuda'"):
        make(backend=get("numpy"), device="cuda")


def test_evaluate_learns_nothing():
    model = make(backend="numpy").build((3,))
    model.evaluate(X, Y.astype("float32"))
    model.fit(X, np.array(["a", "b", "c"])[Y], epochs=1)
    assert set(model.predict(X)) <= {"a", "b", "c"}


@pytest.mark.parametrize("call", ["predict", "predict_proba", "forward"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_no_number_is_named_and_not_answered(call, bad):
    model = make(backend="numpy")
    model.fit(X, Y, epochs=1)
    broken = X.copy()
    broken[7, 2] = bad
    with pytest.raises(ValueError, match="row 7, column 2"):
        getattr(model, call)(broken)


def test_a_wrong_first_call_decides_neither_shape_nor_backend():
    if not find("strict").available():
        pytest.skip("strict: array-api-strict is not installed")
    model = make()
    x = get("strict").asarray(X.T)
    with pytest.raises(xn.LabelError):
        model.fit(x, Y, epochs=1)
    assert model.backend is None
    model.fit(X, Y, epochs=1)
    assert (model.backend.name, model.input_shape) == (get().name, (3,))


def test_an_untrained_model_still_follows_its_data():
    if not find("strict").available():
        pytest.skip("strict: array-api-strict is not installed")
    model = make().build((3,))
    drawn = {name: model.backend.to_numpy(p) for name, p in model.params.items()}
    x = get("strict").asarray(X, dtype="float32")
    model.forward(x)
    assert model.backend.name == "strict"
    assert all(np.array_equal(drawn[name], model.backend.to_numpy(p)) for name, p in model.params.items())
    model.fit(X, Y, epochs=1)
    assert model.backend.name == "strict"
    assert isinstance(model.predict(X), np.ndarray)
    assert model.backend.owns(model.predict(x))


def test_class_weights_for_probabilities_are_refused():
    model = xn.Model(xn.Dense(1), loss="sigmoid_cross_entropy", optimizer="adam", backend="numpy")
    with pytest.raises(ValueError, match="sample_weight instead"):
        model.fit(X, np.full(20, 0.9), epochs=1, class_weight="balanced")


def test_custom_must_be_classes(tmp_path):
    make(backend="numpy").build((3,)).save(tmp_path / "m")
    with pytest.raises(TypeError, match=r"custom: .*\[MyLayer\]"):
        xn.load(tmp_path / "m", custom=[5])
