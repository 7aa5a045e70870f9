"""Activations, softmax and linear beside PyTorch's own, values and gradients in float64, on drawn shapes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpnet import ops

from .peers import DRAWN, SEEDS, SHAPES, channels_second, compare

torch = pytest.importorskip("torch", reason="PyTorch, the peer to compare with, is not installed")
F = torch.nn.functional

# Activations; every third element is 0, where the slopes have their corners


ACTIVATIONS = {
    "celu": F.celu,
    "elu": F.elu,
    "gelu": lambda x, approximate=False: F.gelu(x, approximate="tanh" if approximate else "none"),
    "hard_sigmoid": lambda x: F.relu6(x + 3) / 6,  # F.hardsigmoid's slope in float64 is that of float32
    "hard_swish": F.hardswish,
    "hard_tanh": F.hardtanh,
    "leaky_relu": lambda x, alpha: F.leaky_relu(x, alpha),
    "log_sigmoid": F.logsigmoid,
    "mish": F.mish,
    "relu": F.relu,
    "relu6": F.relu6,
    "selu": F.selu,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "tanh": torch.tanh,
}
CORNERS = np.asarray([0.0, 6.0, -3.0, 3.0, -1.0, 1.0, -0.5, 20.0])
ALPHAS = st.floats(0.01, 2)
OPTIONS = {
    "celu": st.sampled_from(
        [{"alpha": alpha} for alpha in (0.25, 1, 2)]
    ),  # PyTorch rounds 1 / alpha to float32
    **dict.fromkeys(("elu", "leaky_relu"), st.fixed_dictionaries({"alpha": ALPHAS})),
    "gelu": st.fixed_dictionaries({"approximate": st.booleans()}),
    "hard_tanh": st.sampled_from([{}, {"min_val": -0.5, "max_val": 3.0}]),
    "softplus": st.fixed_dictionaries({"beta": ALPHAS, "threshold": st.floats(0, 30)}),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
@DRAWN
@given(shape=SHAPES, scale=st.sampled_from([0.1, 1, 30]), seed=SEEDS, data=st.data())
def test_activations(name, shape, scale, seed, data):
    options = data.draw(OPTIONS.get(name, st.just({})))
    x = np.random.default_rng(seed).standard_normal(shape) * scale
    corners = x.reshape(-1)[::3]
    corners[...] = np.resize(CORNERS, corners.shape)
    compare(
        lambda x: ops.ACTIVATIONS[name](x, **options), lambda x: ACTIVATIONS[name](x, **options), x, seed=seed
    )


def test_every_activation_of_each_element_has_its_peer():
    others = {"softmax", "log_softmax", "glu", "swiglu"}
    assert set(ACTIVATIONS) == set(ops.ACTIVATIONS) - others


@pytest.mark.parametrize("name", ["glu", "swiglu"])
@DRAWN
@given(shape=SHAPES, scale=st.sampled_from([0.1, 1, 30]), seed=SEEDS)
def test_gated_activations(name, shape, scale, seed):
    x = np.random.default_rng(seed).standard_normal((*shape[:-1], 2 * shape[-1])) * scale

    def swiglu(x):
        a, b = x.chunk(2, -1)
        return F.silu(a) * b

    compare(ops.ACTIVATIONS[name], F.glu if name == "glu" else swiglu, x, seed=seed)


@pytest.mark.parametrize("shared", [True, False])
@DRAWN
@given(shape=SHAPES.filter(lambda shape: len(shape) > 1), seed=SEEDS)
def test_prelu(shared, shape, seed):
    rng = np.random.default_rng(seed)
    x, slope = rng.standard_normal(shape), rng.standard_normal(1 if shared else shape[-1])
    x.reshape(-1)[::3] = 0.0
    compare(ops.prelu, lambda x, slope: channels_second(F.prelu)(x, slope), x, slope, seed=seed)


@DRAWN
@given(shape=SHAPES, scale=st.sampled_from([0.1, 1, 10]), seed=SEEDS)
def test_erf(shape, scale, seed):
    compare(ops.erf, torch.erf, np.random.default_rng(seed).standard_normal(shape) * scale, seed=seed)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@DRAWN
@given(shape=SHAPES, data=st.data(), scale=st.sampled_from([0.1, 1, 300]), seed=SEEDS)
def test_softmax(name, shape, data, scale, seed):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = np.random.default_rng(seed).standard_normal(shape) * scale
    ours, theirs = getattr(ops, name), getattr(F, name)
    compare(lambda x: ours(x, axis=axis), lambda x: theirs(x, dim=axis), x, seed=seed, tolerance=1e-11)


@DRAWN
@given(shape=SHAPES, units=st.integers(1, 5), bias=st.booleans(), seed=SEEDS)
def test_linear(shape, units, bias, seed):
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(size) for size in (shape, (shape[-1], units), units)]
    compare(ops.linear, lambda x, w, b=None: F.linear(x, w.T, b), *arrays[: 2 + bias], seed=seed)
