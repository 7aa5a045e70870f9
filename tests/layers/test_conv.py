"""The layers of convolution and pooling: shapes, initial weights, and what cannot be built."""

import numpy as np
import pytest

import xpnet as xn
from xpnet import layers
from xpnet.layers import Pass

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("layer", "given", "wanted"),
    [
        (xn.Conv1D(5, 3), (9, 2), (7, 5)),
        (xn.Conv1D(5, 4, padding="same", dilation=2), (9, 2), (9, 5)),
        (xn.Conv2D(6, (3, 1), stride=(2, 1), padding=(1, 0), groups=2), (28, 27, 4), (14, 27, 6)),
        (xn.Conv2D(6, 3, activation="glu"), (5, 5, 1), (3, 3, 3)),
        (xn.ConvTranspose1D(5, 3, stride=2), (9, 2), (19, 5)),
        (xn.ConvTranspose2D(5, 3, stride=2, padding=1, output_padding=1), (7, 8, 2), (14, 16, 5)),
        (xn.MaxPool1D(2), (9, 3), (4, 3)),
        (xn.MaxPool2D(3, 2, 1), (28, 27, 3), (14, 14, 3)),
        (xn.AveragePool2D((2, 1)), (9, 4, 3), (4, 4, 3)),
        (xn.GlobalAveragePool(), (9, 4, 3), (3,)),
        (xn.GlobalMaxPool(), (9, 3), (3,)),
    ],
    ids=repr,
)
def test_the_output_shape_is_that_of_the_outputs(layer, given, wanted):
    params, buffers, shape = layer.init(RNG, given, "float64")
    assert shape == layer.output_shape(given) == wanted
    y, _ = layer.forward({**params, **buffers}, np.ones((2, *given)), Pass().context())
    assert y.shape == (2, *wanted)


@pytest.mark.parametrize("activation", [None, "relu"])
def test_a_kernels_size_counts_among_its_inputs(activation):
    """He's variance is 2 / fan_in, Glorot's 2 / (fan_in + fan_out), a fan being kernel times features."""
    params, _, _ = xn.Conv2D(64, (3, 5), activation=activation).init(RNG, (8, 8, 32), "float64")
    variance = 2 / (15 * 32) if activation else 2 / (15 * 32 + 15 * 64)
    assert params["weight"].shape == (3, 5, 32, 64)
    assert abs(params["weight"].var() / variance - 1) < 0.04
    assert not params["bias"].any()


def test_layers_are_shown_as_the_call_that_makes_them_and_saved(tmp_path):
    network = xn.Sequential(
        xn.Conv2D(2, (3, 1), stride=[2, 1], padding=1, activation="relu", bias=False),
        xn.MaxPool2D(2, padding=1),
        xn.ConvTranspose2D(2, 2, stride=2, output_padding=1),
        xn.AveragePool2D(2, count_include_pad=False),
        xn.GlobalAveragePool(),
    )
    assert eval(repr(network), vars(layers)) == network
    model = xn.Model(network, loss="mse", optimizer="sgd", backend="numpy").build((6, 5, 1))
    model.save(tmp_path / "model")
    x = RNG.standard_normal((3, 6, 5, 1))
    loaded = xn.load(tmp_path / "model")
    assert loaded.network == network
    assert np.array_equal(loaded.predict(x), model.predict(x))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: xn.Conv2D(0, 3), "Conv2D: units 0 must be a positive integer"),
        (
            lambda: xn.Conv2D(4, (3, 3, 3)),
            r"Conv2D: kernel_size \(3, 3, 3\) has 3 numbers, where 2 were wanted",
        ),
        (lambda: xn.Conv1D(4, 0), "Conv1D: kernel_size 0 must be a positive integer"),
        (lambda: xn.Conv1D(4, 3, stride=-1), "Conv1D: stride -1 must be"),
        (lambda: xn.Conv1D(4, 3, padding="smae"), "Conv1D: padding 'smae' must be .* 'valid' or 'same'"),
        (lambda: xn.Conv1D(4, 3, padding="same", stride=2), "Conv1D: padding 'same' is for stride 1, not 2"),
        (lambda: xn.Conv2D(4, 3, groups=3), "Conv2D: units 4 must be a multiple of groups 3"),
        (lambda: xn.Conv2D(4, 3, activation="rleu"), "did you mean 'relu'"),
        (lambda: xn.Conv2D(4, 3, initializer="hee"), "did you mean 'he'"),
        (
            lambda: xn.ConvTranspose2D(4, 3, output_padding=1),
            "output_padding 1 must be less than the stride 1",
        ),
        (lambda: xn.MaxPool2D(2.5), r"MaxPool2D: kernel_size 2\.5 must be a positive integer"),
        (lambda: xn.MaxPool1D(3, padding=2), "MaxPool1D: padding 2 must be at most half of kernel_size 3"),
        (lambda: xn.AveragePool1D(2, count_include_pad=1), "count_include_pad 1 must be True or False"),
    ],
)
def test_options_that_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (
            xn.Conv2D(4, 7),
            (28, 5, 1),
            r"'0', Conv2D\(4, 7\), given inputs \(n, 28, 5, 1\): .*7 elements.* into 5",
        ),
        (xn.Conv2D(4, 3), (784,), r"takes images \(n, height, width, features\), not \(n, 784\)"),
        (xn.Conv1D(4, 3), (28, 28, 1), r"takes sequences \(n, length, features\), not \(n, 28, 28, 1\)"),
        (xn.Conv2D(4, 3, groups=2), (28, 28, 3), "groups 2 cannot share 3 features"),
        (xn.ConvTranspose1D(4, 1, padding=2), (3, 1), "3 elements less 2 x 2 of padding leave -1 outputs"),
        (xn.MaxPool2D(2), (1, 5, 3), "a kernel of 2 elements, dilation 1, does not fit into 1"),
        (xn.GlobalMaxPool(), (3,), r"GlobalMaxPool takes .* not \(n, 3\): there is nothing to pool"),
    ],
    ids=repr,
)
def test_what_does_not_fit_fails_when_the_model_is_built(layer, shape, message):
    model = xn.Model(xn.Sequential(layer), loss="mse", optimizer="sgd", backend="numpy")
    with pytest.raises(ValueError, match=message):
        model.build(shape)
