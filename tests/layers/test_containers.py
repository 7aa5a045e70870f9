"""Containers: values by hand, spent pullbacks, unneeded gradients left out, and memory freed on the way back."""

import gc
import weakref
from dataclasses import dataclass

import numpy as np
import pytest

import xpnet as xn
from xpnet import ops
from xpnet.errors import PullbackSpentError
from xpnet.layers import (
    BatchNorm,
    Concatenate,
    Dense,
    Dropout,
    Flatten,
    Layer,
    Pass,
    ReLU,
    Residual,
    Sequential,
    Tanh,
    flatten,
    nest,
)

WORDS = (np.asarray([1, 2], "int32"), np.asarray([0], "int32"))


def built(network, *input_shape):
    params, buffers, _ = network.init(np.random.default_rng(0), input_shape, "float64")
    return nest({**flatten(params), **flatten(buffers)})


def training():
    return Pass(train=True, grad=True, words=WORDS)


# Values by hand


def test_sequential_by_hand():
    network = Sequential(Dense(2, bias=False), ReLU(), ("out", Dense(1)))
    arrays = {
        "0": {"weight": np.asarray([[1.0, -1.0], [2.0, 1.0]])},
        "out": {"weight": np.asarray([[3.0], [5.0]]), "bias": np.asarray([0.5])},
    }
    y, pullback = network.forward(arrays, np.asarray([[1.0, 0.0]]), Pass(grad=True).context(wants_dx=True))
    assert y.tolist() == [[3.5]]  # (1, -1) -> (1, 0) -> 3 + 0.5
    dx, grads = pullback(np.asarray([[2.0]]))
    assert dx.tolist() == [[6, 12]]
    assert grads["out"]["weight"].tolist() == [[2], [0]]
    assert grads["out"]["bias"].tolist() == [2]
    assert grads["0"]["weight"].tolist() == [[6, 0], [0, 0]]


def test_residual_by_hand():
    network = Residual(Dense(2, bias=False), ReLU())
    arrays = {"0": {"weight": np.asarray([[1.0, 2.0], [-3.0, 4.0]])}}
    x = np.asarray([[1.0, 1.0]])
    y, pullback = network.forward(arrays, x, Pass(grad=True).context(wants_dx=True))
    assert y.tolist() == [[1, 7]]  # (1, 1) + relu(-2, 6)
    dx, grads = pullback(np.asarray([[10.0, 1.0]]))
    assert dx.tolist() == [[12, 5]]  # (10, 1) + (0, 1) W^T
    assert grads["0"]["weight"].tolist() == [[0, 1], [0, 1]]


def test_concatenate_by_hand():
    network = Concatenate(Dense(1, bias=False), ("same", Sequential()), ReLU())
    arrays = {"0": {"weight": np.asarray([[2.0], [3.0]])}}
    x = np.asarray([[1.0, -1.0]])
    y, pullback = network.forward(arrays, x, Pass(grad=True).context(wants_dx=True))
    assert y.tolist() == [[-1, 1, -1, 1, 0]]
    dx, grads = pullback(np.asarray([[1.0, 10.0, 20.0, 100.0, 200.0]]))
    assert dx.tolist() == [[112, 23]]
    assert grads == {"0": {"weight": grads["0"]["weight"]}}
    assert grads["0"]["weight"].tolist() == [[1], [-1]]


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Residual(Dense(4)), r"Residual adds .* \(n, 3\) and \(n, 4\) must be the same"),
        (Sequential(Dense(2), ("bad", Residual(Dense(3)))), r"layer 'bad', Residual\(Dense\(3\)\)"),
        (Concatenate(), "Concatenate holds no layer, and needs at least one"),
    ],
)
def test_shapes_that_do_not_fit_name_the_layer(network, message):
    with pytest.raises(ValueError, match=message):
        built(network, 3)


def test_concatenate_joins_the_last_axis_only():
    with pytest.raises(ValueError, match="must agree in all others"):
        built(Concatenate(Dense(2), Flatten()), 4, 3)


# Pullbacks that are spent


CONTAINERS = [Sequential(Dense(3)), Sequential(), Residual(Dense(3)), Concatenate(Dense(2), Dense(1))]


@pytest.mark.parametrize("network", CONTAINERS, ids=repr)
def test_a_second_call_of_a_pullback_is_an_error(network):
    _, pullback = network.forward(built(network, 3), np.ones((2, 3)), training().context())
    pullback(np.ones((2, 3)))
    with pytest.raises(
        PullbackSpentError, match=f"the pullback of {type(network).__name__} was called again"
    ):
        pullback(np.ones((2, 3)))


@pytest.mark.parametrize("network", [c for c in CONTAINERS if c.children], ids=repr)
def test_a_pass_without_gradients_keeps_no_pullback(network):
    _, pullback = network.forward(built(network, 3), np.ones((2, 3)), Pass(grad=False).context())
    with pytest.raises(PullbackSpentError, match=r"Pass\(grad=True\)"):
        pullback(np.ones((2, 3)))


# The first layer's dx


@pytest.mark.parametrize(
    ("network", "asked"),
    [
        (Sequential(Dense(3), Tanh(), Dense(3), Dense(3)), [False, True, True]),
        (Sequential(Flatten(), Dropout(0.5), ReLU(), Dense(3), Dense(3)), [False, True]),
        (Sequential(Sequential(Sequential(), Dense(3)), Dense(3)), [False, True]),
        (Sequential(Residual(Dense(3), Dense(3)), Dense(3)), [False, True, True]),
        (
            Sequential(Concatenate(Dense(3), Sequential(Dense(2), Dense(2))), Dense(3)),
            [False, False, True, True],
        ),
        (Sequential(BatchNorm(), Dense(3)), [True]),  # batch norm's parameters need it
        (Dense(3), [False]),
    ],
    ids=repr,
)
def test_no_layer_is_asked_for_an_unneeded_dx(network, asked, monkeypatch):
    noted = []
    plain = ops.linear

    def spy(*arrays, wants_dx=True, **options):
        noted.append(wants_dx)
        return plain(*arrays, wants_dx=wants_dx, **options)

    monkeypatch.setattr(ops, "linear", spy)
    arrays, x = built(network, 3), np.random.default_rng(0).standard_normal((4, 3))
    y, pullback = network.forward(arrays, x, training().context(wants_dx=False))
    dx, without = pullback(np.ones_like(y))
    assert dx is None
    assert noted == asked
    noted.clear()
    _, pullback = network.forward(arrays, x, training().context(wants_dx=True))
    dx, with_dx = pullback(np.ones_like(y))
    assert dx.shape == x.shape
    assert noted == [True] * len(asked)
    for name, g in flatten(with_dx).items():
        assert np.array_equal(g, flatten(without)[name]), name
    assert set(flatten(without)) == set(flatten(with_dx))


# Memory


@dataclass(frozen=True)
class Probe(Layer):
    """Doubles its input, keeps an array for the way back, and notes which probes' arrays are then alive."""

    name: str

    def forward(self, params, x, ctx):
        kept = np.full_like(x, 2.0)
        alive[self.name] = weakref.ref(kept)

        def pullback(dy):
            seen[self.name] = {name for name, array in alive.items() if array() is not None}
            return dy * kept, {}

        return x * kept, pullback


alive: dict = {}
seen: dict = {}


@pytest.fixture(autouse=True)
def nothing_seen():
    alive.clear()
    seen.clear()
    gc.disable()  # reference counts alone must free them
    yield
    gc.enable()


def test_activations_are_freed_on_the_way_back():
    network = Sequential(Probe("a"), Residual(Probe("b"), Probe("c")), Probe("d"))
    _, pullback = network.forward({}, np.ones((2, 3)), Pass(grad=True).context(wants_dx=True))
    assert all(array() is not None for array in alive.values())
    dx, _ = pullback(np.ones((2, 3)))
    assert seen == {"d": {"a", "b", "c", "d"}, "c": {"a", "b", "c"}, "b": {"a", "b"}, "a": {"a"}}
    assert (dx == 20).all()  # 2 (1 + 4) 2


def test_branches_are_freed_on_the_way_back():
    network = Concatenate(Probe("a"), Sequential(Probe("b"), Probe("c")))
    _, pullback = network.forward({}, np.ones((2, 3)), Pass(grad=True).context(wants_dx=True))
    pullback(np.ones((2, 6)))
    assert seen == {"c": {"a", "b", "c"}, "b": {"a", "b"}, "a": {"a"}}


def test_prediction_keeps_no_activations():
    network = Sequential(Probe("a"), Concatenate(Probe("b"), Residual(Probe("c"))))
    y, _ = network.forward({}, np.ones((2, 3)), Pass(grad=False).context())
    assert y.shape == (2, 6)
    assert [name for name, array in alive.items() if array() is not None] == []


class Sees(Layer):
    """Notes the mask of its context, and where told to sets another."""

    def __init__(self, sets=None):
        object.__setattr__(self, "sets", sets)

    def forward(self, params, x, ctx):
        seen.setdefault("masks", []).append(None if ctx.mask is None else ctx.mask.tolist())
        if self.sets is not None:
            ctx.mask = np.asarray(self.sets)
        return x, lambda dy: (dy, {})


def test_a_mask_goes_down_the_chain_and_into_every_container():
    network = Sequential(
        Sees(),
        Sequential(Sees([[True, False]])),
        Residual(Sees()),
        Concatenate(Sees([[False, True]]), Sees()),
        Sees(),
    )
    network.forward({}, np.ones((1, 2)), Pass().context())
    first, second = [[True, False]], [[False, True]]
    assert seen["masks"] == [None, None, first, first, first, second]


def test_a_pass_begins_without_a_mask():
    network = Sequential(Sees([[True]]), Sees())
    for _ in range(2):
        network.forward({}, np.ones((1, 1)), Pass().context())
    assert seen["masks"] == [None, [[True]], None, [[True]]]


@pytest.mark.parametrize(
    "container",
    [
        xn.Sequential(xn.Dense(8, "relu"), xn.Flatten(), xn.Dense(2)),
        xn.Residual(xn.Dense(8), xn.Dense(3)),
        xn.Concatenate(xn.Dense(2), xn.Sequential(xn.Dense(4), xn.Dense(5))),
        xn.Repeat(xn.Residual(xn.Dense(3)), 2),
        xn.Sequential(xn.Masking(), xn.LSTM(4, last=True)),
    ],
    ids=repr,
)
def test_the_output_shape_of_a_container_is_that_of_its_outputs(container):
    model = xn.Model(container, loss="mse", optimizer="sgd", backend="numpy").build((5, 3))
    outputs = model.forward(np.ones((2, 5, 3)))
    assert container.output_shape((5, 3)) == outputs.shape[1:]
