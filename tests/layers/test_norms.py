"""Layers that normalise, and those that give other shapes: parameters, outputs, and inputs they cannot take."""

import numpy as np
import pytest

from xpnet import layers
from xpnet.layers import GroupNorm, LayerNorm, Pass, Permute, Reshape, RMSNorm, SpatialDropout, Upsample

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("layer", "input_shape", "wanted"),
    [
        (LayerNorm(), (4, 6), {"weight": (6,), "bias": (6,)}),
        (LayerNorm(axes=2), (3, 4, 6), {"weight": (4, 6), "bias": (4, 6)}),
        (RMSNorm(), (6,), {"weight": (6,)}),
        (RMSNorm(axes=2), (4, 6), {"weight": (4, 6)}),
        (GroupNorm(3), (4, 6), {"weight": (6,), "bias": (6,)}),
    ],
    ids=repr,
)
def test_parameters_start_as_no_change_of_what_is_normalised(layer, input_shape, wanted):
    params, buffers, output_shape = layer.init(RNG, input_shape, "float32")
    assert (buffers, output_shape) == ({}, input_shape)
    assert {name: value.shape for name, value in params.items()} == wanted
    for name, value in params.items():
        assert value.dtype == "float32"
        assert (value == (name == "weight")).all()
    x = RNG.standard_normal((5, *input_shape)).astype("float32")
    train, predict = (layer.forward(params, x, Pass(train=t).context())[0] for t in (True, False))
    assert train.dtype == "float32"
    assert np.array_equal(train, predict)
    assert np.abs((train**2).reshape(5, -1).mean(axis=1) - 1).max() < 1e-3


@pytest.mark.parametrize("name", ["LayerNorm", "RMSNorm", "GroupNorm"])
def test_eps_counts(name):
    layer = GroupNorm(1, eps=3.0) if name == "GroupNorm" else getattr(layers, name)(eps=3.0)
    params, _, _ = layer.init(RNG, (2,), "float64")
    y, _ = layer.forward(params, np.asarray([[-1.0, 1.0]]), Pass().context())
    assert np.allclose(y, [[-0.5, 0.5]], rtol=1e-15)  # 1 / sqrt(1 + 3)


@pytest.mark.parametrize(
    ("layer", "input_shape", "wanted"),
    [
        (Reshape((2, -1)), (4, 3), (2, 6)),
        (Reshape([12]), (4, 3), (12,)),
        (Permute((2, 1)), (4, 3), (3, 4)),
        (Permute((2, 3, 1)), (4, 3, 2), (3, 2, 4)),
        (Upsample(), (4, 3), (8, 3)),
        (Upsample(3, "linear"), (4, 2, 3), (12, 6, 3)),
        (SpatialDropout(), (4, 3), (4, 3)),
    ],
    ids=repr,
)
def test_shapes(layer, input_shape, wanted):
    assert layer.init(RNG, input_shape, "float64") == ({}, {}, wanted)
    y, pullback = layer.forward({}, np.ones((5, *input_shape)), Pass().context())
    assert y.shape == (5, *wanted)
    assert pullback(y)[0].shape == (5, *input_shape)


@pytest.mark.parametrize(
    ("layer", "input_shape", "message"),
    [
        (LayerNorm(), (), r"LayerNorm takes inputs \(n, \.\.\., features\), these are \(n,\)"),
        (RMSNorm(), (), r"RMSNorm takes inputs"),
        (GroupNorm(2), (), r"GroupNorm takes inputs"),
        (LayerNorm(axes=3), (4, 3), r"LayerNorm\(axes=3\) .* these are \(n, 4, 3\): make axes 2 or less"),
        (LayerNorm(), (4, 1), r"LayerNorm\(\) would normalise each number of inputs \(n, 4, 1\) alone"),
        (GroupNorm(6), (6,), r"GroupNorm\(6\) would normalise each number"),
        (GroupNorm(4), (2, 6), r"groups 4 must divide the 6 channels of inputs \(n, 2, 6\)"),
        (Reshape((5, -1)), (4, 3), r"shape \(5, -1\) does not hold the 12 elements of samples \(4, 3\)"),
        (Permute((1, 2)), (4, 3, 2), r"axes \(1, 2\) must hold each of a sample's axes once"),
        (Upsample(), (6,), r"Upsample takes sequences .* these are \(n, 6\): put Reshape before it"),
        (SpatialDropout(), (), r"SpatialDropout takes inputs \(n, \.\.\., channels\), these are \(n,\)"),
    ],
    ids=str,
)
def test_inputs_that_do_not_fit(layer, input_shape, message):
    with pytest.raises(ValueError, match=message):
        layer.init(RNG, input_shape, "float64")
