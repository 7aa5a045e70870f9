"""Learning curves and distributions of weights: the numbers drawn are those given."""

import numpy as np
import pytest

import xpnet as xn
from xpnet.plots import learning_curves, weight_histograms


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 2))
    network = xn.Sequential(xn.Dense(5, "tanh"), xn.BatchNorm(), xn.Dense(2))
    model = xn.Model(network, loss="softmax_cross_entropy", optimizer="adam", backend="numpy")
    model.fit(x, (x[:, 0] > 0).astype(int), epochs=4, validation_split=0.25)
    return model


# Learning curves


def test_losses_over_the_epochs(model):
    ax = learning_curves(model.history)
    assert legend(ax) == ["loss", "val_loss"]
    for line in ax.lines:
        assert list(line.get_xdata()) == [1, 2, 3, 4]
        assert list(line.get_ydata()) == model.history[line.get_label()]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("epoch", "loss", "linear")


def test_accuracies_and_columns_by_name(model):
    ax = learning_curves(model.history, names="accuracy")
    assert (legend(ax), ax.get_ylabel()) == (["val_accuracy"], "accuracy")
    ax = learning_curves(model.history, names=["val_accuracy", "loss"])
    assert (legend(ax), ax.get_ylabel()) == (["val_accuracy", "loss"], "value")


@pytest.mark.parametrize(
    ("losses", "scale"),
    [([1, 0.5, 0.1], "linear"), ([1, 0.1, 0.01], "log"), ([1, 0.01, 0], "linear"), ([1, None, 0.01], "log")],
)
def test_a_loss_that_falls_far_is_on_a_log_scale(losses, scale):
    assert learning_curves({"loss": losses}).get_yscale() == scale


def test_epochs_that_miss_a_value_are_gaps():
    history = xn.History()
    history.add({"epoch": 1, "loss": 2.0})
    history.add({"epoch": 2, "loss": 1.0, "val_loss": 1.5})
    line = learning_curves(history).lines[1]
    assert np.array_equal(line.get_ydata(), [np.nan, 1.5], equal_nan=True)


def test_one_epoch_is_a_point_that_shows():
    (line,) = learning_curves({"loss": [0.5]}).lines
    assert line.get_marker() == "o"
    (line,) = learning_curves({"loss": [0.5] * 31}).lines
    assert line.get_marker() == ""


@pytest.mark.parametrize(
    ("history", "names", "error", "said"),
    [
        (xn.History(), None, ValueError, "history is empty"),
        ([1, 2], None, TypeError, r"history: model\.history or another dict was wanted, a list came"),
        ({"loss": [1]}, "accuracy", ValueError, "names 'accuracy' is unknown.*loss"),
        ({"loss": [1]}, ["losss"], ValueError, "'losss' is unknown: did you mean 'loss'"),
        ({"loss": [1]}, 3, ValueError, "names 3 must be a list of names or an ending: known are loss"),
        ({"loss": [1]}, [], ValueError, r"names \[\] must be a list of names"),
        ({1: [1]}, None, TypeError, r"history: names must be text, they are \[1\]"),
        ({"loss": ["a"]}, None, TypeError, "loss must hold real numbers, it holds text"),
        ({"loss": 1.0}, None, ValueError, r"loss \(\) must be \(n,\)"),
        ({"loss": []}, None, ValueError, "loss is empty"),
        ({"loss": [1], "epoch": 3}, None, ValueError, r"epoch \(\) must be \(n,\)"),
    ],
)
def test_histories_that_cannot_be_drawn(history, names, error, said):
    with pytest.raises(error, match=said):
        learning_curves(history, names=names)


def test_a_model_is_not_its_history(model):
    with pytest.raises(TypeError, match=r"a Model came: pass model\.history"):
        learning_curves(model)


# Weights


def test_a_row_for_each_weight_with_its_counts(model):
    ax = weight_histograms(model.params)
    names = [label.get_text().split("\n")[0] for label in ax.get_yticklabels()]
    assert names == ["0.weight", "1.weight", "2.weight"]
    outlines = {patch.get_label(): patch.get_data() for patch in ax.patches if not patch.get_fill()}
    assert list(outlines) == names
    for row, name in zip((2, 1, 0), names, strict=True):
        weight = model.params[name].ravel()
        values, edges, baseline = outlines[name]
        counts = np.histogram(weight, edges)[0]
        assert counts.sum() == len(weight)  # no value lies outside
        assert baseline == row
        assert np.allclose(values - row, 0.9 * counts / counts.max())


def test_any_arrays_by_name_or_by_ending(backend):
    params = {"W1": backend.asarray(np.arange(6.0).reshape(2, 3)), "b1": backend.asarray(np.zeros(3))}
    ticks = [label.get_text() for label in weight_histograms(params).get_yticklabels()]
    assert ticks == ["W1\nn 6, std 1.7", "b1\nn 3, std 0"]  # all, since none ends in weight
    for names in ("1", ["b1", "W1"]):
        assert len(weight_histograms(params, names=names).get_yticklabels()) == 2
    with pytest.raises(ValueError, match="names 'W2' is unknown: known are W1, b1"):
        weight_histograms(params, names=["W2"])


def test_values_that_are_no_numbers_are_counted():
    ax = weight_histograms({"a.weight": [1.0, np.nan, np.inf], "b.weight": [np.nan]})
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "a.weight\nn 3, std 0\n2 not finite",
        "b.weight\nn 1\n1 not finite",
    ]


def test_a_model_is_not_its_parameters(model):
    with pytest.raises(TypeError, match=r"a Model came: pass model\.params"):
        weight_histograms(model)
    with pytest.raises(ValueError, match="params is empty"):
        weight_histograms({})


def test_values_that_are_nearly_the_same_have_a_row():
    (_, outline) = weight_histograms({"w": 1.0 + np.arange(5) * 1e-16}).patches
    values, edges, _ = outline.get_data()
    assert values.max() == pytest.approx(0.9)
    assert (edges[0], edges[-1]) == pytest.approx((0.5, 1.5))
