"""`model.evaluate(x, y, metrics=...)`: each is the metric of what the model predicts, wherever the arrays live."""

from functools import partial

import numpy as np
import pytest

import xpnet as xn
from xpnet import metrics
from xpnet.metrics.named import direction

RNG = np.random.default_rng(5)
X = RNG.standard_normal((30, 4))
Y = RNG.integers(0, 3, 30)
WEIGHT = RNG.uniform(0.5, 2.0, 30)


@pytest.fixture
def backend(xpnet_backend):
    if not xpnet_backend.capabilities.computes:
        pytest.skip(f"{xpnet_backend.name} holds no values")
    return xpnet_backend


def fitted(y, units, loss="softmax_cross_entropy", *, backend="numpy", x=X):
    model = xn.Model(xn.Dense(units), loss=loss, optimizer=xn.adam(0.1), backend=backend, dtype="float64")
    model.fit(x, y, epochs=2, batch_size=30)
    return model


def agree(found, wanted):
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_allclose(np.asarray(found[name]), value, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_of_classes(weight, backend):
    model = fitted(Y, 3, backend=backend)
    predicted, p, more = model.predict(X), model.predict_proba(X), {"sample_weight": weight}
    names = ["f1_macro", "precision_weighted", "roc_auc", "log_loss", "top_k_accuracy"]
    wanted = {
        **model.evaluate(X, Y, weight),
        "f1_macro": metrics.f1(Y, predicted, average="macro", **more),
        "precision_weighted": metrics.precision(Y, predicted, average="weighted", **more),
        **{name: getattr(metrics, name)(Y, p, **more) for name in names[2:]},
    }
    agree(model.evaluate(X, Y, weight, metrics=names), wanted)
    del wanted["f1_macro"]
    assert model.evaluate(X, Y, weight, metrics="accuracy")["accuracy"] == pytest.approx(wanted["accuracy"])


@pytest.mark.parametrize(
    ("loss", "labels"),
    [
        ("softmax_cross_entropy", ("no", "yes")),
        ("sigmoid_cross_entropy", ("no", "yes")),
        ("sigmoid_cross_entropy", (-1, 1)),
        ("sigmoid_cross_entropy", (0, 1)),
    ],
)
def test_of_yes_and_no_of_any_labels(loss, labels):
    truth = X[:, 0] > 0.3
    model = fitted(np.asarray(labels)[truth.astype(int)], 1 if loss.startswith("sigmoid") else 2, loss)
    y = np.asarray(labels)[truth.astype(int)]
    predicted, p = (model.predict(X) == labels[1]).astype(int), model.predict_proba(X)[:, -1]
    agree(
        model.evaluate(X, y, metrics=("f1", "roc_auc", "log_loss", "confusion_matrix")),
        {
            **model.evaluate(X, y),
            "f1": metrics.f1(truth, predicted),
            "roc_auc": metrics.roc_auc(truth, p),
            "log_loss": metrics.log_loss(truth, p),
            "confusion_matrix": metrics.confusion_matrix(truth, predicted),
        },
    )


def test_of_values(tmp_path):
    for units, y in ((1, X[:, 0] ** 2), (2, X[:, :2] ** 2)):
        model = fitted(y, units, "mse")
        found = model.evaluate(X, y, metrics=["mse", "r2", "mae"])
        assert found["mse"] == pytest.approx(found["loss"], rel=1e-12)
        assert found["r2"] == pytest.approx(metrics.r2(y, model.predict(X)), rel=1e-12)
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", y)
    x, y = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "xy")
    agree(model.evaluate(x, y, metrics=["mse", "r2", "mae"]), found)


def test_of_labels_that_count(backend):
    x, y = RNG.standard_normal((6, 5, 4)), RNG.integers(-1, 3, (6, 5))
    y[0] = -1
    model = fitted(y, 3, xn.Loss("softmax_cross_entropy", ignore_index=-1), backend=backend, x=x)
    counts, weight = y != -1, WEIGHT[:6]
    true, predicted, p = y[counts], model.predict(x)[counts], model.predict_proba(x)[counts]
    for given, of_labels in ((None, None), (weight, np.broadcast_to(weight[:, None], y.shape)[counts])):
        found = model.evaluate(x, y, given, metrics=["accuracy", "log_loss", "recall_macro"])
        more = {"sample_weight": of_labels}
        wanted = {
            "loss": metrics.log_loss(true, p, **more),
            "accuracy": metrics.accuracy(true, predicted, **more),
            "log_loss": metrics.log_loss(true, p, **more),
            "recall_macro": metrics.recall(true, predicted, average="macro", **more),
        }
        agree(found, wanted)


def test_user_functions_and_names(backend):
    model = fitted(Y, 3, backend=backend)
    seen = []

    def wrong(y_true, y_pred):
        seen.extend((y_true, y_pred))
        return float(backend.xp.sum(backend.xp.astype(y_true != y_pred, backend.xp.int32)))

    def sure(y_true, y_score):
        return float(backend.xp.mean(backend.xp.max(y_score, axis=1)))

    given = {"wrong": wrong, "sure": sure, "f2": partial(metrics.f1, average="micro"), "r": "recall_micro"}
    found = model.evaluate(X, Y, metrics=given)
    right = found["accuracy"]
    assert found["wrong"] == pytest.approx(30 * (1 - right))
    assert found["sure"] == pytest.approx(np.max(model.predict_proba(X), axis=1).mean(), rel=1e-12)
    assert found["f2"] == found["r"] == pytest.approx(right)
    assert all(backend.owns(array) for array in seen)
    assert model.evaluate(X, Y, metrics=wrong)["wrong"] == found["wrong"]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (["f1_macr"], ValueError, "metric 'f1_macr' is unknown: did you mean 'f1_macro'"),
        ([3], ValueError, "metric 3 is unknown"),
        (3, TypeError, "metrics: names or functions were wanted"),
        ([len], TypeError, r"metrics: a function f\(y_true, y_pred\) was wanted, the function len came"),
        ([metrics.f1, "f1"], ValueError, "two values would be called 'f1': give a dict"),
        ({"loss": metrics.mse}, ValueError, "two values would be called 'loss'"),
        (["f1"], ValueError, "average 'binary' needs two labels, there are 3: use 'macro'"),
    ],
)
def test_invalid_metrics_are_refused(given, error, message):
    with pytest.raises(error, match=message):
        fitted(Y, 3).evaluate(X, Y, metrics=given)


def test_a_function_that_takes_no_weights_is_an_error_beside_weights():
    with pytest.raises(TypeError, match=r"f\(y_true, y_pred, sample_weight=\.\.\.\) was wanted"):
        fitted(Y, 3).evaluate(X, Y, WEIGHT, metrics={"own": lambda y_true, y_pred: 0.0})


def test_an_error_names_its_metric():
    model = fitted(Y, 3)
    with pytest.raises(ValueError, match=r"^metric 'f1': average 'binary' needs two labels"):
        model.evaluate(X, Y, metrics=["accuracy", "f1"])
    with pytest.raises(
        xn.LabelError, match=r"^metric 'right': y_true holds fractions, labels are whole numbers or text"
    ):
        xn.Model(xn.Dense(1), loss="mse", optimizer="sgd").build((X.shape[1],)).evaluate(
            X, X[:, 0] + 0.5, metrics={"right": "accuracy"}
        )

    def own(y_true, y_pred):
        raise KeyError("own")

    with pytest.raises(KeyError, match=r"^'own'$"):
        model.evaluate(X, Y, metrics=own)


@pytest.mark.parametrize("name", sorted(metrics.METRICS))
def test_a_right_answer_is_better_in_the_direction_of_the_metric(name):
    labels = np.array([0, 1, 1, 0, 1, 0])
    if name == "confusion_matrix":
        assert direction(name) is None
        return
    scores = {"log_loss": np.array([0.1, 0.9, 0.9, 0.1, 0.9, 0.1]), "top_k_accuracy": np.eye(3)[labels]}
    right = scores.get(name, labels)
    wrong = right[::-1]
    options = {"k": 1} if name == "top_k_accuracy" else {}
    better = metrics.METRICS[name](labels, right, **options) - metrics.METRICS[name](labels, wrong, **options)
    assert direction(name) == ("max" if better > 0 else "min")
