"""Attention, blocks and repeated layers beside PyTorch's own, in float64: values, gradients and trainings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xpnet as xn
from xpnet import ops
from xpnet.layers import BatchNorm, Dense, MultiHeadAttention, Pass, Repeat, Sequential, flatten

torch = pytest.importorskip("torch", reason="PyTorch, the peer to compare with, is not installed")

DRAWN = settings(max_examples=30, deadline=None, database=None, derandomize=True)
SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(1, 6)


def close(got, wanted):
    wanted = wanted.detach().numpy()
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max(initial=0) <= 1e-12 * max(1, np.abs(wanted).max(initial=0))


def some_keys(draw, n, s):
    """A mask that leaves the first key, or a later one."""
    mask = np.asarray(draw(st.lists(st.booleans(), min_size=n * s, max_size=n * s))).reshape(n, s)
    mask[np.arange(n), draw(st.integers(0, s - 1))] = True
    return mask


@DRAWN
@given(
    data=st.data(), n=SIZES, h=SIZES, t=SIZES, s=SIZES, d=SIZES, dv=SIZES, causal=st.booleans(), seed=SEEDS
)
def test_attention(data, n, h, t, s, d, dv, causal, seed):
    rng = np.random.default_rng(seed)
    q, k, v = (rng.standard_normal(shape) * 3 for shape in ((n, h, t, d), (n, h, s, d), (n, h, s, dv)))
    mask = None if causal or data.draw(st.booleans()) else some_keys(data.draw, n, s)
    y, pullback = ops.attention(q, k, v, mask=mask, causal=causal)
    inputs = [torch.tensor(x, requires_grad=True) for x in (q, k, v)]
    theirs = None if mask is None else torch.tensor(mask)[:, None, None, :]
    wanted = torch.nn.functional.scaled_dot_product_attention(*inputs, attn_mask=theirs, is_causal=causal)
    dy = rng.standard_normal(y.shape)
    close(y, wanted)
    for dx, g in zip(pullback(dy), torch.autograd.grad(wanted, inputs, torch.tensor(dy)), strict=True):
        close(dx, g)


@DRAWN
@given(
    data=st.data(), n=SIZES, t=SIZES, s=SIZES, heads=st.integers(1, 3), each=SIZES, bias=st.booleans(),
    kind=st.sampled_from(["self", "causal", "cross"]), seed=SEEDS,
)  # fmt: skip
def test_multi_head_attention(data, n, t, s, heads, each, bias, kind, seed):
    rng, f = np.random.default_rng(seed), heads * each
    layer = MultiHeadAttention(heads, causal=kind == "causal", bias=bias)
    params, _, _ = layer.init(rng, (t, f), "float64")
    params = {a: {b: x + 0.3 * rng.standard_normal(x.shape) for b, x in p.items()} for a, p in params.items()}
    theirs = torch.nn.MultiheadAttention(f, heads, bias=bias, batch_first=True).double()
    state = {"in_proj_weight": params["input"]["weight"].T, "out_proj.weight": params["output"]["weight"].T}
    if bias:
        state |= {"in_proj_bias": params["input"]["bias"], "out_proj.bias": params["output"]["bias"]}
    theirs.load_state_dict({name: torch.tensor(x) for name, x in state.items()})
    x = rng.standard_normal((n, t, f))
    memory = rng.standard_normal((n, s, f)) if kind == "cross" else x
    mask = some_keys(data.draw, *memory.shape[:2]) if data.draw(st.booleans()) and kind != "causal" else None
    ctx = Pass(grad=True).context(wants_dx=True)
    ctx.mask = None if kind == "cross" else mask
    y, pullback = layer.forward(params, (x, memory, mask) if kind == "cross" else x, ctx)
    inputs = [torch.tensor(x, requires_grad=True), torch.tensor(memory, requires_grad=True)]
    wanted, _ = theirs(
        inputs[0],
        *[inputs[kind == "cross"]] * 2,
        need_weights=False,
        key_padding_mask=None if mask is None else torch.tensor(~mask),
        attn_mask=torch.ones(t, t).triu(1).bool() if kind == "causal" else None,
    )
    close(y, wanted)
    dy = rng.standard_normal(y.shape)
    dx, grads = pullback(dy)
    wanted.backward(torch.tensor(dy))
    for got, tensor in zip(dx if kind == "cross" else (dx,), inputs, strict=False):
        close(got, tensor.grad)
    for name, tensor in theirs.named_parameters():
        part = "input" if "in_" in name else "output"
        close(grads[part]["weight" if "weight" in name else "bias"].T, tensor.grad)


BLOCKS = pytest.mark.parametrize("norm_first", [False, True])


def twins(norm_first, activation="relu", seed=0):
    """Two blocks and a Dense here, with the parameters of the same there."""
    t = torch.nn
    ours = xn.Sequential(
        *(
            xn.TransformerBlock(2, 7, activation=activation, norm_first=norm_first, causal=causal)
            for causal in (False, True)
        ),
        xn.GlobalAveragePool(),
        xn.Dense(3),
    )
    torch.manual_seed(seed)
    layer = t.TransformerEncoderLayer(
        6, 2, 7, dropout=0.0, activation=activation, batch_first=True, norm_first=norm_first
    )
    theirs = t.ModuleList(
        [
            layer,
            t.TransformerEncoderLayer(6, 2, 7, 0.0, activation, batch_first=True, norm_first=norm_first),
            t.Identity(),
            t.Linear(6, 3),
        ]
    ).double()

    def run(x, padding=None):
        x = theirs[0](x, src_key_padding_mask=padding)
        time = x.shape[1]
        x = theirs[1](x, src_mask=torch.ones(time, time).triu(1).bool(), is_causal=True)
        return theirs[3](x.mean(1))

    model = xn.Model(
        ours,
        loss="softmax_cross_entropy",
        optimizer=xn.sgd(0.1, momentum=0.9),
        dtype="float64",
        backend="numpy",
    ).build((5, 6))
    xn.io.from_torch(model, theirs.state_dict())
    return model, theirs, run


@BLOCKS
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_ten_steps_of_transformer_blocks(norm_first, activation):
    model, theirs, run = twins(norm_first, activation)
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((8, 5, 6)), np.arange(8) % 3
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9)
    for _ in range(10):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(run(torch.tensor(x)), torch.tensor(y))
        loss.backward()
        optimizer.step()
        assert abs(model.partial_fit(x, y) - loss.item()) <= 1e-12
    for name, value in xn.io.to_torch(model).items():
        close(value, theirs.state_dict()[name])


@BLOCKS
def test_weights_go_there_and_back(norm_first):
    model, theirs, run = twins(norm_first)
    state = xn.io.to_torch(model)
    assert state.keys() == theirs.state_dict().keys()
    x = np.random.default_rng(0).standard_normal((4, 5, 6))
    close(model.forward(x), run(torch.tensor(x)))
    fresh, others, again = twins(norm_first, seed=1)
    assert np.abs(fresh.forward(x) - model.forward(x)).max() > 1e-3
    others.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    close(model.forward(x), again(torch.tensor(x)))


@BLOCKS
def test_a_blocks_padding(norm_first):
    model, theirs, _ = twins(norm_first)
    x, mask = (
        np.random.default_rng(0).standard_normal((4, 5, 6)),
        np.arange(5) < np.asarray([[5], [3], [1], [4]]),
    )
    block, ctx = model.network.children[0][1], Pass().context()
    ctx.mask = mask
    y, _ = block.forward(xn.layers.nest(model.params)["0"], x, ctx)
    theirs.train()  # at prediction it takes another way
    wanted = theirs[0](torch.tensor(x), src_key_padding_mask=torch.tensor(~mask))
    close(y[mask], wanted[torch.tensor(mask)])


def test_a_repeated_batch_norm_is_one_that_is_called_again():
    network, rng = Repeat(Sequential(Dense(3), BatchNorm()), 3), np.random.default_rng(0)
    params, buffers, _ = network.init(rng, (3,), "float64")
    dense, norm = torch.nn.Linear(3, 3).double(), torch.nn.BatchNorm1d(3).double()
    with torch.no_grad():
        dense.weight.copy_(torch.tensor(params["0"]["0"]["weight"].T))
        dense.bias.zero_()
    x = rng.standard_normal((8, 3))
    passed = Pass(train=True, grad=True)
    arrays = {"0": {"0": params["0"]["0"], "1": {**params["0"]["1"], **buffers["0"]["1"]}}}
    y, pullback = network.forward(arrays, x, passed.context(wants_dx=True))
    tensor = wanted = torch.tensor(x, requires_grad=True)
    for _ in range(3):
        wanted = norm(dense(wanted))
    dy = rng.standard_normal(y.shape)
    wanted.backward(torch.tensor(dy))
    dx, grads = pullback(dy)
    close(y, wanted)
    close(dx, tensor.grad)
    grads = flatten(grads)
    close(grads["0.0.weight"].T, dense.weight.grad)
    close(grads["0.1.weight"], norm.weight.grad)
    close(passed.updates["0.1.mean"], norm.running_mean)
    close(passed.updates["0.1.var"], norm.running_var)
