"""Attention and positions by their mathematics: what must come out, what must not matter, and what cannot be."""

import math

import numpy as np
import pytest

import xpnet as xn
from xpnet import ops
from xpnet.layers import (
    Dense,
    GlobalAveragePool,
    MultiHeadAttention,
    Pass,
    PositionalEncoding,
    PositionEmbedding,
    Repeat,
    Sequential,
    TransformerBlock,
    flatten,
    nest,
)

RNG = np.random.default_rng(0)
WORDS = (np.asarray([1, 2], "int32"), np.asarray([0], "int32"))
X = RNG.standard_normal((3, 5, 4))


def built(layer, *input_shape, dtype="float64"):
    """Its parameters, moved from where they start, so that none is 0 or 1."""
    params, buffers, _ = layer.init(np.random.default_rng(0), input_shape, dtype)
    moved = {name: x + 0.3 * RNG.standard_normal(x.shape) for name, x in flatten(params).items()}
    return nest({**moved, **flatten(buffers)})


def run(layer, params, x, mask=None, *, train=False):
    ctx = Pass(train=train, grad=True, words=WORDS).context(wants_dx=True)
    ctx.mask = mask
    return layer.forward(params, x, ctx)


# The op


def test_equal_keys_get_equal_weights():
    """Then y is the mean of the values, and each value gets its share of dy."""
    q, v = RNG.standard_normal((2, 3, 4)), RNG.standard_normal((2, 5, 2))
    y, pullback = ops.attention(q, np.ones((2, 5, 4)), v)
    assert np.abs(y - v.mean(axis=1, keepdims=True)).max() < 1e-15
    dq, _, dv = pullback(np.ones((2, 3, 2)))
    assert np.abs(dq).max() < 1e-15
    assert np.abs(dv - 3 / 5).max() < 1e-15


def test_weights_by_hand():
    """Scores 0 and log 3, sqrt(d) being 2: the weights are 1/4 and 3/4."""
    q = np.asarray([[2 * math.log(3), 0, 0, 0]])
    y, _ = ops.attention(q, np.asarray([[0.0, 1, 0, 0], [1, 0, 0, 0]]), np.asarray([[8.0], [4.0]]))
    assert abs(y.item() - 5) < 1e-14


def test_a_position_sees_itself_and_those_before():
    v = np.asarray([[1.0], [3.0], [8.0]])
    y, _ = ops.attention(np.ones((3, 2)), np.ones((3, 2)), v, causal=True)
    assert np.abs(y - [[1], [2], [4]]).max() < 1e-15
    wide, _ = ops.attention(np.ones((2, 2)), np.ones((3, 2)), v, causal=True)
    assert np.abs(wide - [[1], [2]]).max() < 1e-15


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("causal", [False, True])
def test_who_sees_no_key_gets_nothing(causal, dtype):
    """With large scores too, whose exponentials overflow."""
    q, k, v = (RNG.standard_normal((2, 3, 4)).astype(dtype) * 1e4 for _ in range(3))
    mask = np.asarray([[False, True, True], [False, False, False]])
    y, pullback = ops.attention(q, k, v, mask=mask, causal=causal)
    cotangents = pullback(np.ones_like(y))
    assert y.dtype == dtype
    assert all(np.isfinite(a).all() for a in (y, *cotangents))
    assert not any(a[1].any() for a in (y, *cotangents))
    assert y[0, 0].any() != causal  # the first sees itself alone, which is padding
    assert not cotangents[2][0, 0].any()


def test_dropped_weights_keep_their_mean():
    """y of ones is the sum of the weights that stay: 0, or more than 1."""
    key = ops.make_key(*WORDS)
    ones = np.ones((50, 8, 2))
    y, pullback = ops.attention(ones, ones, ones, rate=0.5, key=key)
    assert set(np.unique(np.round(8 * y))) <= set(range(0, 17, 2))
    assert abs(y.mean() - 1) < 0.05
    _, _, dv = pullback(ones)
    assert abs(dv.sum() - y.sum()) < 1e-10


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((X, X[:2], X[:2]), {}, r"q \(3, 5, 4\), k \(2, 5, 4\), v \(2, 5, 4\) must be"),
        ((X, X[..., :3], X), {}, "must be"),
        ((X, X, X[:, :4]), {}, "must be"),
        ((X[0, 0], X[0, 0], X[0, 0]), {}, "must be"),
        ((X, X, X), {"mask": np.ones((3, 4), bool)}, r"mask bool \(3, 4\) must be bool \(3, 5\)"),
        ((X, X, X), {"mask": np.ones((3, 5))}, r"mask float64 \(3, 5\) must be bool \(3, 5\)"),
        ((X[0], X[0], X[0]), {"mask": np.ones((5, 5), bool)}, "mask bool"),
        ((X, X, X), {"rate": 0.5}, "rate 0.5 needs a random key: pass key=ctx.key"),
        ((X, X, X), {"rate": 1.0, "key": ops.make_key(*WORDS)}, r"rate 1.0 is not in \[0, 1\)"),
    ],
)
def test_arguments_that_do_not_fit(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        ops.attention(*arguments, **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ops.positional_encoding(X[0, 0]),
            r"positional_encoding: x \(4,\) must be \(..., time, features\)",
        ),
        (lambda: ops.positional_encoding(X, base=0.0), "base 0.0 above 0"),
        (
            lambda: ops.position_embedding(X, X[0, :4]),
            r"x \(3, 5, 4\) must be .* the table \(4, 4\) \(length, fe",
        ),
        (lambda: ops.position_embedding(X, X[0, :, :3]), r"the table \(5, 3\)"),
        (lambda: ops.position_embedding(X[0], X[0]), r"x \(5, 4\) must be \(n, time, features\)"),
    ],
)
def test_positions_that_do_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# The layers


def test_one_head_of_identities_is_attention():
    eye = np.eye(4)
    params = {"input": {"weight": np.hstack([eye, eye, eye])}, "output": {"weight": eye}}
    y, _ = run(MultiHeadAttention(1, bias=False), params, X)
    assert np.abs(y - ops.attention(X, X, X)[0]).max() < 1e-14


def test_queries_that_are_zero_average_the_memory():
    params = built(MultiHeadAttention(2), 5, 4)
    own, out = params["input"], params["output"]
    own["weight"][:, :4] = own["bias"][:4] = 0
    memory = RNG.standard_normal((3, 6, 4))
    y, _ = run(MultiHeadAttention(2), params, (X, memory))
    wanted = (memory.mean(axis=1) @ own["weight"][:, 8:] + own["bias"][8:]) @ out["weight"] + out["bias"]
    assert np.abs(y - wanted[:, None]).max() < 1e-14


NETWORKS = [
    MultiHeadAttention(2),
    TransformerBlock(2),
    Sequential(PositionalEncoding(), Repeat(TransformerBlock(2, norm_first=True), 2), Dense(3)),
]


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_padding_does_not_matter(network):
    """A padded batch gives what each sequence gives alone, and its gradients."""
    params, lengths = built(network, 5, 4), (5, 2, 1)
    mask = np.arange(5) < np.asarray(lengths)[:, None]
    y, pullback = run(network, params, np.where(mask[..., None], X, 1e3), mask)
    dy = RNG.standard_normal(y.shape) * mask[..., None]
    dx, grads = pullback(dy)
    total = dict.fromkeys(flatten(grads), 0.0)
    for i, length in enumerate(lengths):
        alone, pull = run(network, params, X[i : i + 1, :length])
        d, own = pull(dy[i : i + 1, :length])
        assert np.abs(alone[0] - y[i, :length]).max() < 1e-12
        assert np.abs(d[0] - dx[i, :length]).max() < 1e-12
        total = {name: total[name] + g for name, g in flatten(own).items()}
    for name, g in flatten(grads).items():
        assert np.abs(g - total[name]).max() < 1e-11, name


def test_the_memorys_padding_does_not_matter():
    layer, memory = MultiHeadAttention(2), RNG.standard_normal((3, 6, 4))
    params, mask = built(layer, 5, 4), np.arange(6) < np.asarray([[6], [3], [1]])
    y, pullback = run(layer, params, (X, memory, mask), np.zeros((3, 5), bool))  # of x, which is no key here
    dx, dmemory, none = pullback(np.ones_like(y))[0]
    assert (dx.shape, dmemory.shape, none) == (X.shape, memory.shape, None)
    assert not dmemory[~mask].any()
    alone, pullback = run(layer, params, (X[1:2], memory[1:2, :3]))
    assert np.abs(alone[0] - y[1]).max() < 1e-14
    assert [d.shape for d in pullback(alone)[0]] == [(1, 5, 4), (1, 3, 4)]


@pytest.mark.parametrize("place", range(1, 5))
def test_what_comes_later_does_not_matter(place):
    network = Sequential(
        PositionEmbedding(8), TransformerBlock(2, causal=True), TransformerBlock(4, causal=True)
    )
    params, other = built(network, 5, 4), X.copy()
    other[:, place:] += 1
    one, two = (run(network, params, x)[0] for x in (X, other))
    assert np.array_equal(one[:, :place], two[:, :place])
    assert np.abs(one[:, place:] - two[:, place:]).min() > 1e-6


def test_no_unneeded_dx_is_computed():
    layer = MultiHeadAttention(2)
    for x in (X, (X, X)):
        y, pullback = layer.forward(built(layer, 5, 4), x, Pass(grad=True).context(wants_dx=False))
        assert pullback(y)[0] is None


def test_initial_values_are_pytorchs():
    """Within sqrt(6 / (in + out)) and 1 / sqrt(in), evenly; biases 0."""
    params, buffers, shape = MultiHeadAttention(4).init(np.random.default_rng(0), (7, 64), "float32")
    assert (buffers, shape) == ({}, (7, 64))
    for name, limit in (("input", math.sqrt(6 / 256)), ("output", 1 / 8)):
        w = params[name]["weight"]
        assert w.dtype == "float32"
        assert 0.98 * limit < np.abs(w).max() <= limit
        assert abs(w.std() * math.sqrt(3) / limit - 1) < 0.03
        assert not params[name]["bias"].any()
    weight = PositionEmbedding(300).init(np.random.default_rng(0), (7, 64), "float32")[0]["weight"]
    assert weight.shape == (300, 64)
    assert abs(weight.std() / 0.02 - 1) < 0.02


def test_waves_of_positions():
    """Features 2 i and 2 i + 1 are one hand of a clock, that turns base^(-2 i / c) as fast as the first."""
    y, _ = run(PositionalEncoding(100.0), {}, np.zeros((1, 50, 6)))
    turned = np.arctan2(y[0, :, ::2], y[0, :, 1::2])
    steps = np.mod(np.diff(turned, axis=0), 2 * np.pi)
    assert np.abs(steps - 100.0 ** (-np.arange(3) / 3)).max() < 1e-12
    assert not turned[0].any()
    odd, _ = run(PositionalEncoding(), {}, np.zeros((1, 4, 5)))
    assert np.abs(odd[0, :, 4] - np.sin(np.arange(4) * 10000 ** (-4 / 5))).max() < 1e-15


def test_a_transformer_learns_and_comes_back_from_its_file(tmp_path):
    """The class is the first symbol of six, which attention must fetch."""
    symbols = np.random.default_rng(0).integers(0, 3, (96, 6))
    network = Sequential(
        Dense(8),
        PositionEmbedding(6),
        Repeat(TransformerBlock(2, norm_first=True), 2),
        GlobalAveragePool(),
        Dense(3),
    )
    model = xn.Model(network, loss="softmax_cross_entropy", optimizer=xn.adam(0.01), backend="numpy")
    x, y = np.eye(3)[symbols], symbols[:, 0]
    assert model.fit(x, y, epochs=25, batch_size=16)["loss"][-1] < 0.02
    model.save(tmp_path / "m")
    loaded = xn.load(tmp_path / "m", backend="numpy")
    assert loaded.network == network
    assert np.array_equal(loaded.forward(x), model.forward(x))


@pytest.mark.parametrize(
    ("layer", "input_shape", "message"),
    [
        (MultiHeadAttention(4), (5, 6), r"MultiHeadAttention\(4\): 6 features cannot be shared among 4 heads"),
        (TransformerBlock(4), (5, 6), r"TransformerBlock\(4\): 6 features cannot be shared among 4 heads"),
        (MultiHeadAttention(2), (6,), r"MultiHeadAttention\(2\) takes sequences .* these are \(n, 6\)"),
        (TransformerBlock(2), (2, 3, 6), r"TransformerBlock\(2\) takes sequences"),
        (MultiHeadAttention(2), ((5, 4), (3, 6)), r"query \(n, 5, 4\) and memory \(n, 3, 6\) must have the same"),
        (PositionEmbedding(4), (5, 6), r"PositionEmbedding\(4.* has rows for 4 positions, .* have 5: make length 5"),
        (PositionalEncoding(), (5,), r"PositionalEncoding\(\) takes sequences"),
    ],
    ids=str,
)  # fmt: skip
def test_inputs_that_do_not_fit(layer, input_shape, message):
    with pytest.raises(ValueError, match=message):
        layer.init(RNG, input_shape, "float64")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MultiHeadAttention(0), "MultiHeadAttention: heads 0 must be a positive integer"),
        (
            lambda: MultiHeadAttention(4, 6),
            r"MultiHeadAttention\(4, features=6\): 6 features cannot be shared",
        ),
        (lambda: MultiHeadAttention(2, dropout=1.0), r"MultiHeadAttention: dropout 1.0 is not in \[0, 1\)"),
        (lambda: MultiHeadAttention(2, causal=1), "MultiHeadAttention: causal 1 must be True or False"),
        (lambda: TransformerBlock(2, 0), "TransformerBlock: hidden 0 must be a positive integer"),
        (
            lambda: TransformerBlock(2, activation="rleu"),
            "TransformerBlock: activation 'rleu' is unknown: did",
        ),
        (lambda: TransformerBlock(2, dropout=2), "TransformerBlock: .*dropout 2 is not in"),
        (lambda: TransformerBlock(0), "TransformerBlock: .*heads 0 must be a positive integer"),
        (lambda: PositionEmbedding(0), "PositionEmbedding: length 0"),
        (lambda: PositionalEncoding(0.0), "PositionalEncoding: base 0.0 must be a finite number above 0"),
    ],
)
def test_fields_that_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(("x", "rest"), [(X, (3, 5)), ((X, X[:, :2], np.ones((3, 5), bool)), (3, 2))])
def test_a_mask_that_does_not_fit(x, rest):
    layer = MultiHeadAttention(2)
    wanted = rf"MultiHeadAttention\(2\): mask \(3, .\) must be \({rest[0]}, {rest[1]}\)"
    with pytest.raises(ValueError, match=wanted):
        run(layer, built(layer, 5, 4), x, np.ones((3, 4), bool))


def test_a_tuple_that_does_not_fit():
    layer = MultiHeadAttention(2)
    with pytest.raises(
        ValueError, match=r"MultiHeadAttention\(2\): a tuple of 4 came: give \(query, memory\)"
    ):
        run(layer, built(layer, 5, 4), (X, X, X, None))
