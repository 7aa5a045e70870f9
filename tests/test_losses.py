"""A loss with options, and what a model makes of a loss: labels, probabilities, predictions and files."""

import math
import pickle

import numpy as np
import pytest

import xpnet as xn
from xpnet import io, ops
from xpnet.ops.opspec import option_defaults

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 3))
CLASSES = np.argmax(X, axis=1)


def model(loss, units=1, *, network=None, **options):
    options = {"optimizer": xn.adam(0.05), "backend": "numpy", "dtype": "float64", **options}
    return xn.Model(network or xn.Sequential(xn.Dense(8, "tanh"), xn.Dense(units)), loss=loss, **options)


def test_options_reach_the_loss(backend):
    """The constant that minimises the pinball loss is the quantile."""
    x, y = np.zeros((101, 1)), np.arange(101.0)
    loss = xn.Loss("quantile", q=0.9)
    fitted = model(loss, network=xn.Dense(1), optimizer=xn.sgd(5.0), backend=backend)
    fitted.fit(x, y, epochs=200, batch_size=101)
    assert abs(float(fitted.predict(x)[0]) - 90) < 2


@pytest.mark.parametrize(
    ("loss", "shown"),
    [
        (xn.Loss("huber", delta=2), "Loss('huber', delta=2)"),
        (xn.Loss(ops.huber, delta=np.float32(0.5)), "Loss('huber', delta=0.5)"),
        (xn.Loss("poisson_nll", full=True, eps=1e-3), "Loss('poisson_nll', eps=0.001, full=True)"),
        (xn.Loss("mse"), "Loss('mse')"),
    ],
)
def test_a_loss_is_a_description(loss, shown, tmp_path):
    assert repr(loss) == shown
    assert eval(shown, {"Loss": xn.Loss}) == loss
    assert hash(eval(shown, {"Loss": xn.Loss})) == hash(loss)
    made = model(loss)
    made.fit(X, np.abs(X[:, 0]), epochs=1)
    made.save(tmp_path / "m")
    loaded = xn.load(tmp_path / "m", backend="numpy")
    assert loaded.loss == loss
    assert loaded.evaluate(X, X[:, 1]) == made.evaluate(X, X[:, 1])


@pytest.mark.parametrize("name", [name for name, op in ops.LOSSES.items() if option_defaults(op)])
def test_a_model_with_options_of_a_loss_is_pickled(name):
    loss = xn.Loss(name, **option_defaults(ops.LOSSES[name]))
    assert pickle.loads(pickle.dumps(model(loss))).loss == loss


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: xn.Loss("hubr"), ValueError, "Loss 'hubr' is unknown: did you mean 'huber'"),
        (
            lambda: xn.Loss("huber", detla=1.0),
            ValueError,
            "huber: option 'detla' is unknown: did you mean 'delta'",
        ),
        (lambda: xn.Loss("huber", target=1.0), ValueError, "huber: option 'target' is unknown"),
        (lambda: xn.Loss("huber", delta=math.nan), ValueError, "huber: delta nan must be a finite number"),
        (lambda: xn.Loss("poisson_nll", full=1), ValueError, "poisson_nll: full 1 must be True or False"),
        (
            lambda: xn.Loss("huber", 2.0),
            TypeError,
            r"2\.0 came without its name: write Loss\('huber', delta=2\.0\)",
        ),
        (lambda: model(xn.Loss("quantile", q=1.5)), ValueError, r"quantile: q 1\.5 must be between 0 and 1"),
        (lambda: model(xn.Loss), ValueError, "loss the class Loss is unknown"),
        (lambda: xn.Loss(5), ValueError, "Loss 5 is unknown"),
    ],
)
def test_what_cannot_be(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_function_of_ones_own_takes_options_and_cannot_be_saved(tmp_path):
    @ops.takes("classes", link=ops.softmax)
    def doubled(logits, /, *, target, by=2.0):
        losses, pull = ops.softmax_cross_entropy(logits, target=target)
        return by * losses, lambda dloss: pull(by * dloss)

    made = model(xn.Loss(doubled, by=3.0), 3)
    made.fit(X, CLASSES, epochs=1)
    single = model("softmax_cross_entropy", 3)
    single.build((3,)).params = made.params
    wanted = 3 * single.evaluate(X, CLASSES)["loss"]
    assert made.evaluate(X, CLASSES)["loss"] == pytest.approx(wanted, rel=1e-12)
    np.testing.assert_allclose(made.predict_proba(X).sum(axis=1), 1, rtol=1e-12)
    with pytest.raises(TypeError, match=r"doubled.* cannot be saved"):
        made.save(tmp_path / "m")


@pytest.mark.parametrize(
    "config",
    [
        {"type": "Loss"},
        {"type": "Loss", "function": "mse_"},
        {"type": "Loss", "function": 5},
        {"type": "Loss", "function": "mse", "options": 5},
        {"type": "Loss", "function": "mse", "options": [5]},
        {"type": "Loss", "function": "huber", "options": [["delta", "x"]]},
        {"type": "Loss", "function": "huber", "options": [[["delta"], 1.0]]},
        {"type": "Loss", "function": "quantile", "options": [["q", 7]]},
        {
            "type": "Loss",
            "function": "softmax_cross_entropy",
            "options": [],
        },  # not what the file's targets fit
        {"type": "Loss", "function": "gaussian_nll", "options": []},
        {"type": "Dense", "units": 3},
        {"type": "Activation", "function": "relu"},
    ],
    ids=str,
)
def test_a_file_whose_loss_is_nonsense(config, tmp_path):
    made = model("mse")
    made.fit(X, X[:, 0], epochs=1)
    made.save(tmp_path / "m")
    arrays, good = io.read(tmp_path / "m")
    io.write(tmp_path / "m", arrays, {**good, "loss": config})
    with pytest.raises(xn.ModelFileError):
        xn.load(tmp_path / "m", backend="numpy")


# What each kind of loss makes of y and of the outputs


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "softmax_focal", "nll", "kl_divergence"])
def test_losses_of_classes_learn_them(loss, backend):
    last = [xn.LogSoftmax()] if loss in ("nll", "kl_divergence") else []
    fitted = model(loss, network=xn.Sequential(xn.Dense(16, "gelu"), xn.Dense(3), *last), backend=backend)
    labels = np.asarray(["a", "b", "c"])[CLASSES]
    fitted.fit(X, labels, epochs=30, batch_size=20)
    assert (fitted.predict(X) == labels).mean() > 0.9
    assert fitted.evaluate(X, labels)["accuracy"] > 0.9
    np.testing.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("loss", ["sigmoid_cross_entropy", "sigmoid_focal", "hinge", "squared_hinge"])
@pytest.mark.parametrize("labels", [(0, 1), (-1, 1), (-1.0, 1.0), (False, True), ("no", "yes")])
def test_losses_of_two_classes_learn_them(loss, labels):
    fitted = model(loss)
    y = np.asarray(labels)[(X[:, 0] > X[:, 1]).astype(int)]
    fitted.fit(X, y, epochs=40, batch_size=20)
    found = fitted.predict(X)
    assert found.dtype == y.dtype
    assert (found == y).mean() > 0.9


def test_many_labels_at_once():
    fitted, y = model("sigmoid_cross_entropy", 2), (X[:, :2] > X[:, 2:]).astype(int)
    fitted.fit(X, y, epochs=40, batch_size=20)
    assert (fitted.predict(X) == y).mean() > 0.9
    assert fitted.predict_proba(X).shape == (60, 2)


def test_gaussian_nll_learns_mean_and_spread(backend, tmp_path):
    """Without inputs the best outputs are the mean and the logarithm of the variance."""
    x, y = np.zeros((200, 1)), RNG.normal(3.0, 0.5, 200)
    fitted = model("gaussian_nll", network=xn.Dense(2), optimizer=xn.adam(0.1), backend=backend)
    fitted.fit(x, y, epochs=400, batch_size=200)
    mean, log_var = backend.to_numpy(fitted.params["bias"])
    assert mean == pytest.approx(y.mean(), abs=1e-3)
    assert log_var == pytest.approx(np.log(y.var()), abs=1e-2)
    np.testing.assert_allclose(fitted.predict(x), np.full(200, mean))
    fitted.save(tmp_path / "m")
    np.testing.assert_array_equal(xn.load(tmp_path / "m", backend=backend).predict(x), fitted.predict(x))


@pytest.mark.parametrize(("units", "y"), [(3, X[:, 0]), (2, X[:, :2]), (4, X[:, 0])])
def test_outputs_that_do_not_come_in_twos_are_an_error(units, y):
    with pytest.raises(xn.LabelError, match=r"2 (outputs )?for each value"):
        model("gaussian_nll", units).fit(X, y, epochs=1)
