"""L-BFGS: minima known from mathematics, what stays as it is, and callbacks."""

import sys

import numpy as np
import pytest

import xpnet as xn

pytest.importorskip("scipy", reason="SciPy, which minimises, is not installed")

RNG = np.random.default_rng(3)
X = RNG.standard_normal((40, 4))
Y = X @ RNG.standard_normal((4, 2)) + 0.1 * RNG.standard_normal((40, 2))
LABELS = np.argmax(X[:, :3] + 0.5 * RNG.standard_normal((40, 3)), axis=1)


def linear(backend="numpy", optimizer="sgd", dtype="float64", **options):
    network = xn.Sequential(xn.Dense(2, bias=False))
    return xn.Model(network, loss="mse", optimizer=optimizer, backend=backend, dtype=dtype, **options)


def classifier(*layers, **options):
    options = {"optimizer": "sgd", "backend": "numpy", "dtype": "float64", **options}
    return xn.Model(xn.Sequential(*layers, xn.Dense(3)), loss="softmax_cross_entropy", **options)


@pytest.mark.parametrize("batch_size", [None, 7])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_least_squares(backend, decay, batch_size):
    """mse is the mean over 2 outputs too: X^T X w / n + decay w = X^T y / n."""
    model = linear(backend)
    history = xn.fit_lbfgs(model, X, Y, weight_decay=decay, tolerance=1e-9, batch_size=batch_size)
    wanted = np.linalg.solve(X.T @ X / 40 + decay * np.eye(4), X.T @ Y / 40)
    found = model.params["0.weight"]
    assert backend.owns(found)
    assert np.abs(backend.to_numpy(found) - wanted).max() < 1e-6
    assert history["loss"][-1] == pytest.approx(float(((X @ wanted - Y) ** 2).mean()), rel=1e-6)
    assert history["epoch"] == list(range(1, len(history["loss"]) + 1))


def test_the_gradient_is_0_at_the_minimum():
    """With a bias and softmax the weight of each class among the outputs is its share among the labels."""
    model = classifier(xn.Dense(4, "tanh"))
    weight = RNG.uniform(0.5, 2, 40)
    history = xn.fit_lbfgs(
        model, X, LABELS, iterations=1000, tolerance=1e-7, sample_weight=weight, weight_decay=1e-2
    )
    share = weight @ np.eye(3)[LABELS] / weight.sum()
    pull = 1e-2 * np.asarray(model.params["1.bias"])
    assert np.abs(weight @ model.predict_proba(X) / weight.sum() + pull - share).max() < 1e-6
    assert all(
        later <= earlier + 0.02 for earlier, later in zip(history["loss"], history["loss"][1:], strict=False)
    )


def test_float32_and_batch_norm():
    model = classifier(xn.Dense(6, bias=False), xn.BatchNorm(), xn.Tanh(), dtype="float32")
    history = xn.fit_lbfgs(model, X, LABELS, iterations=30)
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    assert model.params["0.weight"].dtype == "float32"
    assert np.abs(model.buffers["1.mean"]).max() > 0


def test_frozen_parameters_stay():
    model = classifier(xn.Dense(4, "tanh"), optimizer=xn.sgd(frozen=("0.*",))).build((4,))
    before = model.params
    xn.fit_lbfgs(model, X, LABELS, iterations=5)
    assert np.array_equal(model.params["0.weight"], before["0.weight"])
    assert not np.array_equal(model.params["1.weight"], before["1.weight"])
    with pytest.raises(ValueError, match="every parameter of the model is frozen"):
        xn.fit_lbfgs(linear(optimizer=xn.sgd(frozen=("*",))), X, Y)


def test_epochs_validation_callbacks_and_the_file(tmp_path):
    model, seen = classifier(xn.Dense(4, "tanh")), []
    model.fit(X, LABELS, epochs=2)

    def third(model, record):
        seen.append((record["epoch"], record["val_accuracy"]))
        return record["epoch"] == 5

    history = xn.fit_lbfgs(model, X, LABELS, validation_data=(X, LABELS), callbacks=[third])
    assert history["epoch"] == [1, 2, 3, 4, 5]
    assert [epoch for epoch, _ in seen] == [3, 4, 5]
    assert history["val_accuracy"][:2] == [None, None]
    assert model.evaluate(X, LABELS)["loss"] == pytest.approx(history["loss"][-1], rel=1e-12)
    model.save(tmp_path / "model.xpnet")
    again = xn.load(tmp_path / "model.xpnet", backend="numpy")
    assert [each.fit(X, LABELS, epochs=1)["loss"][-1] for each in (model, again)].count(
        history["loss"][-1]
    ) == 2


def test_a_loss_that_is_not_finite_leaves_the_weights():
    model = linear().build((4,))
    model.params = {"0.weight": np.full((4, 2), 1e200)}
    with pytest.raises(xn.DivergedError, match=r"the loss exploded in iteration 1 \(loss inf\)"):
        xn.fit_lbfgs(model, X, Y)
    assert (model.params["0.weight"] == 1e200).all()
    assert model.history.epochs == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"iterations": 0}, "iterations 0 must be a positive integer"),
        ({"memory": 2.5}, r"memory 2\.5 must be"),
        ({"batch_size": 0}, "batch_size 0 must be"),
        ({"weight_decay": -1}, "weight_decay -1 must be a finite number"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        xn.fit_lbfgs(linear(), X, Y, **options)


def test_without_scipy(monkeypatch):
    for name in ("scipy", "scipy.optimize"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        xn.MissingExtraError,
        match=r"scipy.optimize is not installed: pip install 'xpnet\[scipy\]'",
    ):
        xn.fit_lbfgs(linear(), X, Y)
