"""Recurrent layers: padding that nothing sees, names, initial values, and what cannot be."""

import numpy as np
import pytest

import xpnet as xn
from xpnet import layers
from xpnet.layers import Pass

RNG = np.random.default_rng(0)
KINDS = [xn.RNN, xn.GRU, xn.LSTM]
GATES = {xn.RNN: 1, xn.GRU: 3, xn.LSTM: 4}


def run(layer, params, x, mask=None):
    """(y, mask behind the layer, pullback) of a training pass."""
    ctx = Pass(train=True, grad=True).context(wants_dx=True)
    ctx.mask = mask
    y, pullback = layer.forward(params, x, ctx)
    return y, ctx.mask, pullback


def drawn(layer, time=5, features=3):
    return layer.init(np.random.default_rng(1), (time, features), "float64")[0]


def test_two_units_by_hand():
    """With w = 0 and u = 1 a GRU of one unit halves its state, r and k being 1/2; an RNN sums its inputs."""
    ones, none = np.ones((1, 1)), np.zeros(1)
    rnn, gru = xn.RNN(1, nonlinearity="relu"), xn.GRU(1)
    params = {"weight": ones, "recurrent": ones, "bias": none, "recurrent_bias": none}
    y, _, _ = run(rnn, params, np.array([[[1.0], [2.0], [-1.0], [-4.0]]]))
    assert y[0, :, 0].tolist() == [1, 3, 2, 0]
    params = {"weight": np.zeros((1, 3)), "recurrent": np.zeros((1, 3)), "bias": np.array([0, 0, 1.0]),
              "recurrent_bias": np.zeros(3)}  # fmt: skip
    y, _, _ = run(gru, params, np.zeros((1, 3, 1)))
    np.testing.assert_allclose(y[0, :, 0], np.tanh(1) * np.array([1 / 2, 3 / 4, 7 / 8]), rtol=1e-15)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_padded_batch_is_each_sequence_alone(kind, last, side):
    layer = kind(2, bidirectional=True, last=last)
    params, lengths = drawn(layer), [5, 2, 0, 3]
    x = RNG.standard_normal((4, 5, 3)) * 1e3  # what is under the padding must not count
    real = np.arange(5) < np.array(lengths)[:, None]
    real = real if side == "right" else real[:, ::-1]
    if side == "right":
        y, mask, pullback = run(layer, params, (x, np.array(lengths)))
    else:
        y, mask, pullback = run(layer, params, x, real)
    dy = RNG.standard_normal(y.shape)
    dx, grads = pullback(dy)
    dx = dx[0] if side == "right" else dx
    assert mask is None if last else np.array_equal(mask, real)
    total = {name: np.zeros_like(p) for name, p in params.items()}
    for row in (0, 1, 3):
        alone, _, pull = run(layer, params, x[row : row + 1, real[row], :])
        np.testing.assert_allclose(y[row] if last else y[row, real[row]], alone[0], rtol=1e-12, atol=1e-14)
        own, some = pull(dy[row : row + 1] if last else dy[row : row + 1, real[row]])
        np.testing.assert_allclose(dx[row, real[row]], own[0], rtol=1e-10, atol=1e-14)
        for name, g in some.items():
            total[name] += g
    assert not y[2].any()
    assert not dx[~real].any()
    assert last or not y[~real].any()
    for name, g in grads.items():
        np.testing.assert_allclose(g, total[name], rtol=1e-9, atol=1e-11)


def test_masking_takes_rows_of_one_value_for_padding():
    x = np.array([[[1.0, 0], [0, 0], [0, 2]], [[0, 0], [0, 0], [0, 0]]])
    y, mask, pullback = run(xn.Masking(), {}, x)
    assert y is x
    assert mask.tolist() == [[True, False, True], [False] * 3]
    assert pullback(x)[0] is x
    network = xn.Sequential(xn.Masking(7.0), xn.LSTM(2), xn.GRU(2, last=True))
    params = network.init(RNG, (4, 3), "float64")[0]
    x = RNG.standard_normal((1, 4, 3))
    longer = np.concatenate([np.full((1, 2, 3), 7.0), x, np.full((1, 3, 3), 7.0)], axis=1)
    np.testing.assert_allclose(run(network, params, longer)[0], run(network, params, x)[0], rtol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_are_named_and_drawn_as_in_pytorch(kind):
    params, buffers, shape = kind(16, bidirectional=True).init(RNG, (7, 4), "float32")
    wide = 16 * GATES[kind]
    sizes = {"weight": (4, wide), "recurrent": (16, wide), "bias": (wide,), "recurrent_bias": (wide,)}
    assert {name: p.shape for name, p in params.items()} == sizes | {
        f"{k}_reverse": v for k, v in sizes.items()
    }
    assert (buffers, shape) == ({}, (7, 32))
    assert all(
        p.dtype == "float32" and np.abs(p).max() <= 0.25 and abs(p.mean()) < 0.1 for p in params.values()
    )
    assert np.abs(params["recurrent"]).max() > 0.24
    orthogonal = kind(8, bias=False, recurrent_initializer="orthogonal", last=True).init(
        RNG, (7, 4), "float64"
    )
    assert sorted(orthogonal[0]) == ["recurrent", "weight"]
    assert orthogonal[2] == (8,)
    for gate in np.split(orthogonal[0]["recurrent"], GATES[kind], axis=1):
        np.testing.assert_allclose(gate @ gate.T, np.eye(8), atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: xn.GRU(0), "GRU: units 0 must be a positive integer"),
        (lambda: xn.LSTM(3, bidirectional=1), "LSTM: bidirectional 1 must be True or False"),
        (lambda: xn.RNN(3, nonlinearity="rleu"), "nonlinearity 'rleu' is unknown: did you mean 'relu'"),
        (lambda: xn.GRU(3, initializer="hee"), "did you mean 'he'"),
        (
            lambda: xn.GRU(3).init(RNG, (4,), "float64"),
            r"takes sequences \(n, time, features\), these are \(n, 4\)",
        ),
        (lambda: xn.Masking("a"), "Masking: value 'a' must be a finite number"),
        (lambda: xn.Masking().init(RNG, (3,), "float64"), r"Masking.* these are \(n, 3\)"),
        (
            lambda: run(xn.GRU(2), drawn(xn.GRU(2)), np.ones((2, 5, 3)), np.ones((2, 4), bool)),
            r"GRU\(.*mask of padding is \(2, 4\) and the values \(2, 5, 3\)",
        ),
        (
            lambda: run(xn.GRU(2), drawn(xn.GRU(2)), (np.ones((2, 5, 3)), np.ones(3, int))),
            r"lengths \(3,\) must be \(2,\)",
        ),
        (lambda: run(xn.GRU(2), drawn(xn.GRU(2)), np.ones((2, 5, 4))), r"gru: w \(3, 6\) must be \(4, 6\)"),
        (
            lambda: run(xn.GRU(2), drawn(xn.GRU(2)), np.ones((2, 0, 3))),
            r"gru: x \(2, 0, 3\) must be .* one time",
        ),
    ],
)
def test_what_cannot_be(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_layers_are_shown_as_the_call_that_makes_them_and_saved(tmp_path):
    network = xn.Sequential(
        xn.Embedding(9, 4, padding=0), xn.RNN(3, nonlinearity="relu"), xn.LSTM(3, bias=False),
        xn.GRU(2, bidirectional=True, last=True, recurrent_initializer="orthogonal"), xn.Dense(2),
    )  # fmt: skip
    assert eval(repr(network), vars(layers)) == network
    model = xn.Model(network, loss="mse", optimizer="sgd", backend="numpy").build((6,))
    model.save(tmp_path / "model")
    x = RNG.integers(0, 9, (3, 6))
    loaded = xn.load(tmp_path / "model")
    assert loaded.network == network
    assert np.array_equal(loaded.predict(x), model.predict(x))
    assert "Embedding" in model.summary()
