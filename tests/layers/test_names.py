"""Parameters by name: flat at rest, nested in a pass, and where a child's name comes from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpnet.layers import BatchNorm, Concatenate, Dense, Pass, ReLU, Residual, Sequential, flatten, nest

NAMES = st.text(st.characters(exclude_characters="."), min_size=1, max_size=5)
TREES = st.dictionaries(
    NAMES,
    st.recursive(st.integers(), lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3)),
    max_size=4,
)


def parameters(network, *input_shape):
    params, buffers, _ = network.init(np.random.default_rng(0), input_shape, "float64")
    return flatten(params), flatten(buffers)


@settings(max_examples=100, deadline=None, database=None, derandomize=True)
@given(TREES)
def test_nested_to_flat_and_back(tree):
    flat = flatten(tree)
    assert nest(flat) == tree
    assert not any(isinstance(value, dict) for value in flat.values())


def test_flat_names_are_paths_with_dots():
    assert flatten({"0": {"weight": 1, "bias": 2}, "out": {"1": {"scale": 3}}}) == {
        "0.weight": 1,
        "0.bias": 2,
        "out.1.scale": 3,
    }
    assert nest({"a.b": 1, "a.c": 2}) == {"a": {"b": 1, "c": 2}}


def test_children_are_named_by_position_or_by_a_pair():
    network = Sequential(
        Dense(4), ReLU(), ("middle", Residual(("inner", Dense(4)))), Concatenate(Dense(1), Sequential())
    )
    params, buffers = parameters(network, 3)
    assert list(params) == [
        "0.weight",
        "0.bias",
        "middle.inner.weight",
        "middle.inner.bias",
        "3.0.weight",
        "3.0.bias",
    ]
    assert buffers == {}
    assert params["middle.inner.weight"].shape == (4, 4)


def test_buffers_are_named_like_parameters_and_apart_from_them():
    params, buffers = parameters(Sequential(Dense(2), ("norm", BatchNorm())), 3)
    assert set(params) == {"0.weight", "0.bias", "norm.weight", "norm.bias"}
    assert set(buffers) == {"norm.mean", "norm.var"}


def test_updated_buffers_carry_their_path():
    network = Sequential(("a", Residual(("b", BatchNorm()))), BatchNorm())
    params, buffers = parameters(network, 2)
    run = Pass(train=True)
    network.forward(nest({**params, **buffers}), np.eye(2), run.context())
    assert set(run.updates) == set(buffers) == {"a.b.mean", "a.b.var", "1.mean", "1.var"}


def test_the_same_object_twice_is_two_layers():
    layer = Dense(3)
    network = Sequential(layer, layer)
    params, _ = parameters(network, 3)
    assert set(params) == {"0.weight", "0.bias", "1.weight", "1.bias"}
    assert not np.array_equal(params["0.weight"], params["1.weight"])
    x = np.random.default_rng(1).standard_normal((4, 3))
    y, pullback = network.forward(nest(params), x, Pass(grad=True).context())
    assert np.allclose(y, x @ params["0.weight"] @ params["1.weight"])
    _, grads = pullback(np.ones((4, 3)))
    assert np.allclose(grads["1"]["weight"], (x @ params["0.weight"]).T @ np.ones((4, 3)))
    assert np.allclose(grads["0"]["weight"], x.T @ (np.ones((4, 3)) @ params["1.weight"].T))


@pytest.mark.parametrize("kind", [Sequential, Residual, Concatenate])
def test_names_that_cannot_be(kind):
    with pytest.raises(ValueError, match=rf"{kind.__name__}: the name 'a\.b' .* without a dot"):
        kind(("a.b", Dense(1)))
    with pytest.raises(ValueError, match="the name '' "):
        kind(("", Dense(1)))
    with pytest.raises(ValueError, match="two layers are named 'a'"):
        kind(("a", Dense(1)), ("a", Dense(2)))
    with pytest.raises(ValueError, match="two layers are named '1'"):
        kind(("1", Dense(1)), Dense(2))
    with pytest.raises(TypeError, match=r'a layer or a \("name", layer\) pair was wanted, 3 came'):
        kind(3)
