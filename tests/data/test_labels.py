"""The road from y to the loss and back: labels return as they came, on every backend."""

import numpy as np
import pytest

import xpnet as xn

X = np.random.default_rng(0).standard_normal((37, 3))
Y = np.arange(37) % 3
FAR = 4 * np.eye(3)[Y] + 0.1 * X  # three clusters, which any classifier can tell apart


def make(backend, units=3, loss="softmax_cross_entropy", **options):
    net = xn.Sequential(xn.Dense(8), xn.BatchNorm(), xn.Tanh(), xn.Dropout(0.2), xn.Dense(units))
    options = {"optimizer": xn.adam(0.05), "dtype": "float64", "seed": 3, **options}
    return xn.Model(net, loss=loss, backend=backend, **options)


@pytest.fixture
def backend(xpnet_backend):
    if not xpnet_backend.capabilities.computes:
        pytest.skip(f"{xpnet_backend.name} holds no values")
    return xpnet_backend


@pytest.mark.parametrize("pair", [(0, 1), (0.0, 1.0), (False, True)])
def test_pairs_that_equal_booleans_come_back_as_they_were(pair):
    """In an object array, as a column of mixed origin is; 0 == False, and a file would say False."""
    model, y = make("numpy", units=2), np.array(pair, object)[Y % 2]
    model.fit(FAR, y, epochs=1)
    assert {type(label) for label in model.predict(FAR).tolist()} <= {type(pair[0])}


@pytest.mark.parametrize(("loss", "units"), [("softmax_cross_entropy", 2), ("sigmoid_cross_entropy", 1)])
def test_probabilities_are_computed_under_the_backends_own_settings(loss, units):
    model = make("numpy", units=units, loss=loss)
    model.fit(FAR, Y % 2, epochs=1)
    model.params = {name: 1e3 * p for name, p in model.params.items()}
    with np.errstate(all="raise"):
        found = model.predict_proba(1e4 * FAR)
    assert set(np.round(found.ravel(), 12)) <= {0.0, 1.0}


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["cat", "dog", "a longer name"]),
        np.array(["cat", "dog", "emu"], object),
        np.array([10, 20, 30], object),
        *(np.arange(3, dtype=dtype) for dtype in ("int8", "uint8", "int32", "uint64", "float32", "float64")),
    ],
    ids=lambda labels: labels.dtype.str,
)
@pytest.mark.parametrize("column", [False, True])
def test_labels_come_back_as_they_were(labels, column):
    model = make("numpy")
    y = labels[Y]
    model.fit(FAR, y[:, None] if column else y, epochs=30)
    found = model.predict(FAR)
    assert found.dtype == y.dtype
    np.testing.assert_array_equal(found, y)
    assert model.evaluate(FAR, y)["accuracy"] == pytest.approx(1)


@pytest.mark.sample(1, by=("loss", "library"))
@pytest.mark.parametrize("loss", ["sigmoid_cross_entropy", "softmax_cross_entropy"])
def test_labels_of_two_classes_come_back(backend, loss):
    model = make(backend, 1 if loss == "sigmoid_cross_entropy" else 2, loss, optimizer=xn.adam(0.2))
    for labels in ([False, True], ["no", "yes"], [0, 1], [0.0, 1.0]):
        y = np.array(labels)[(Y > 0).astype(int)]
        model.reset().fit(FAR, y, epochs=20, batch_size=37)
        found = model.predict(FAR)
        assert found.dtype == y.dtype
        np.testing.assert_array_equal(found, y)


def test_true_and_false_are_known_before_both_were_seen():
    model = make("numpy", 1, "sigmoid_cross_entropy")
    model.partial_fit(FAR[:5], np.zeros(5, bool))
    model.partial_fit(FAR, Y > 0)
    assert model.predict(FAR).dtype == bool


def test_float_labels_of_any_width_come_back(backend):
    """float16 is no dtype of the standard, and labels need no arithmetic."""
    model = make(backend)
    model.fit(FAR, Y.astype("float16"), epochs=1, batch_size=37)
    assert model.predict(FAR).dtype == np.float16


def test_probabilities_give_class_numbers():
    for onehot in (np.eye(3)[Y], np.eye(3, dtype=int)[Y], np.eye(3, dtype=bool)[Y], np.eye(3)[Y].tolist()):
        model = make("numpy")
        model.fit(FAR, onehot, epochs=30)
        np.testing.assert_array_equal(model.predict(FAR), Y)
        assert model.predict(FAR).dtype.kind == "i"


def test_one_hot_targets_are_the_labels(backend):
    by_label, by_row = make(backend), make(backend)
    by_label.fit(X, Y, epochs=2, batch_size=37)
    by_row.fit(X, np.eye(3)[Y], epochs=2, batch_size=37)
    np.testing.assert_allclose(by_row.forward(X), by_label.forward(X), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("loss", "yes_above"), [("sigmoid_cross_entropy", 0.0), ("binary_cross_entropy", 0.5)]
)
def test_yes_begins_at_one_half(loss, yes_above):
    """A network whose outputs are its inputs: logits, or probabilities."""
    x = np.array([[0.1], [0.4], [0.6], [0.9]]) - (0.5 - yes_above)
    same = xn.Dense(1, bias=False, initializer="ones")
    model = xn.Model(same, loss=loss, optimizer=xn.sgd(0), backend="numpy", dtype="float64")
    model.partial_fit(x, np.array([0, 1, 1, 0]))
    assert model.predict(x).tolist() == [0, 0, 1, 1]
    assert model.evaluate(x, [0, 1, 1, 0])["accuracy"] == 0.5
    p = 1 / (1 + np.exp(-x)) if loss == "sigmoid_cross_entropy" else x
    np.testing.assert_allclose(model.predict_proba(x), p, rtol=1e-12)
    t = np.array([[0], [1], [1], [0]])
    entropy = -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))
    assert model.evaluate(x, [0, 1, 1, 0])["loss"] == pytest.approx(entropy, rel=1e-12)


@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
@pytest.mark.parametrize("library", ["torch", "jax"])
def test_targets_in_formats_that_numpy_lacks(library, kind):
    """0, 1 and 2 are exact in each: the training is that of float32."""
    module = pytest.importorskip(
        "torch" if library == "torch" else "jax.numpy", reason=f"{library} is not installed"
    )
    backend = xn.backends.get(library)
    x, y = backend.asarray(FAR), backend.asarray(Y.astype("float32"))

    def cast(a):
        return a.to(getattr(module, kind)) if library == "torch" else a.astype(kind)

    for loss, units in (("softmax_cross_entropy", 3), ("mse", 1)):
        models = [make(library, units=units, loss=loss) for _ in range(2)]
        models[0].fit(x, y, epochs=1, sample_weight=y)
        models[1].fit(x, cast(y), epochs=1, sample_weight=cast(y))
        assert models[0].history["loss"] == models[1].history["loss"]


def test_a_state_in_bfloat16_is_taken():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    model = xn.Model(xn.Sequential(xn.Dense(4)), loss="mse", optimizer="sgd", backend="numpy")
    layer = torch.nn.Linear(3, 4).bfloat16()
    xn.io.from_torch(model.build((3,)), {f"0.{name}": p for name, p in layer.state_dict().items()})
    np.testing.assert_array_equal(model.params["0.weight"].T, layer.weight.detach().float().numpy())
