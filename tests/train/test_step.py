"""The training step: beside PyTorch's, its weights and shards, what its state holds, and two networks by hand."""

import numpy as np
import pytest

from xpnet import optim
from xpnet.layers import BatchNorm, Dense, Dropout, Sequential, Tanh, flatten
from xpnet.namespace import is_array
from xpnet.ops import mse, sigmoid_cross_entropy, softmax_cross_entropy
from xpnet.train import gradient, make_step


def fresh(network, optimizer, *input_shape, seed=0, params=None):
    """A state of NumPy arrays, in float64."""
    drawn, buffers, _ = network.init(np.random.default_rng(seed), input_shape, "float64")
    flat = flatten(drawn) if params is None else {name: np.asarray(p) for name, p in params.items()}
    assert {name: p.shape for name, p in flat.items()} == {
        name: p.shape for name, p in flatten(drawn).items()
    }
    return {
        "params": flat,
        "buffers": flatten(buffers),
        "slots": {slot: {name: np.zeros_like(p) for name, p in flat.items()} for slot in optimizer.slots},
        "step": np.zeros(1, "int32"),
        "lr": np.asarray(optimizer.peak),
        "key": np.asarray([123, -456], "int32"),
    }


def batch_of(x, y, w=None):
    return {"x": x, "y": y, "w": np.full(len(x), 1 / len(x)) if w is None else np.asarray(w, "float64")}


def classes(n, features=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, features)), rng.integers(0, 3, n)


def gradient_of(network, batch, *, shards=1, loss=softmax_cross_entropy):
    """(what a step of gradient descent with lr 1 subtracts, its buffers, its loss)."""
    optimizer = optim.sgd(1.0)
    state = fresh(network, optimizer, *batch["x"].shape[1:])
    new, metrics = make_step(network, loss, optimizer, shards=shards)(state, batch)
    return (
        {name: p - new["params"][name] for name, p in state["params"].items()},
        new["buffers"],
        float(metrics["loss"]),
    )


def same(one, other, tolerance=1e-12):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert np.abs(value - other[name]).max() <= tolerance, name


MLP = Sequential(Dense(8, "tanh"), Dense(3))


# Beside PyTorch


def test_twenty_steps_of_adam_beside_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch, the peer to compare with, is not installed")
    optimizer = optim.adam(0.05)
    state = fresh(Sequential(Dense(8), Tanh(), Dense(3)), optimizer, 5)
    step = make_step(Sequential(Dense(8), Tanh(), Dense(3)), softmax_cross_entropy, optimizer)
    theirs = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3)).double()
    with torch.no_grad():
        for name, p in theirs.named_parameters():
            p.copy_(torch.tensor(state["params"][name].T))
    peer = torch.optim.Adam(theirs.parameters(), 0.05)
    for k in range(20):
        x, y = classes(16 + k, seed=k)
        state, metrics = step(state, batch_of(x, y))
        peer.zero_grad()
        loss = torch.nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(y))
        loss.backward()
        peer.step()
        assert abs(float(metrics["loss"]) - loss.item()) <= 1e-12
        wanted = {name: p.detach().numpy().T for name, p in theirs.named_parameters()}
        same(state["params"], wanted)


# The objective is sum(w * losses)


def test_the_loss_reported_is_the_objective_before_the_update():
    x, y = classes(6)
    w = np.asarray([0.0, 1.0, 2.0, 0.5, 0.25, 3.0])
    state = fresh(MLP, optim.sgd(0.5), 5)
    params = dict(state["params"])
    logits = np.tanh(x @ params["0.weight"] + params["0.bias"]) @ params["1.weight"] + params["1.bias"]
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(6), y]
    new, metrics = make_step(MLP, softmax_cross_entropy, optim.sgd(0.5))(state, batch_of(x, y, w))
    assert abs(float(metrics["loss"]) - w @ losses) < 1e-12
    _, after = make_step(MLP, softmax_cross_entropy, optim.sgd(0.5))(new, batch_of(x, y, w))
    assert float(after["loss"]) != float(metrics["loss"])


def test_a_weight_of_zero_leaves_a_sample_out():
    x, y = classes(6)
    w = np.asarray([0.5, 0, 0.25, 0, 0.125, 0.125])
    some = w > 0
    weighted, _, loss = gradient_of(MLP, batch_of(x, y, w))
    without, _, loss_without = gradient_of(MLP, batch_of(x[some], y[some], w[some]))
    same(weighted, without)
    assert abs(loss - loss_without) < 1e-12


def test_a_weight_of_two_is_a_sample_twice():
    x, y = classes(4)
    twice = np.asarray([0, 1, 1, 2, 3])
    weighted, _, _ = gradient_of(MLP, batch_of(x, y, [1, 2, 1, 1]))
    repeated, _, _ = gradient_of(MLP, batch_of(x[twice], y[twice], np.ones(5)))
    same(weighted, repeated)


def test_a_loss_that_is_not_one_value_per_sample_is_an_error():
    x, y = classes(4)

    def summed(outputs, /, *, target):
        losses, pullback = softmax_cross_entropy(outputs, target=target)
        return losses.sum(), lambda dy: pullback(np.full(len(losses), dy))

    with pytest.raises(
        ValueError, match=r"the loss gave \(\) for 4 samples: one value per sample was wanted"
    ):
        gradient_of(MLP, batch_of(x, y), loss=summed)


def test_a_sample_of_several_labels_counts_with_their_mean():
    rng = np.random.default_rng(0)
    x, y, w = rng.standard_normal((4, 5, 2)), rng.integers(0, 3, (4, 5)), np.array([0.1, 0.2, 0.3, 0.4])
    grads, _, loss = gradient_of(Dense(3), batch_of(x, y, w))
    flat, _, wanted = gradient_of(Dense(3), batch_of(x.reshape(20, 2), y.reshape(20), np.repeat(w / 5, 5)))
    same(grads, flat)
    assert abs(loss - wanted) < 1e-14


# Shards


@pytest.mark.parametrize("shards", [2, 3, 7, 20, 10**9])
def test_shards_give_the_gradient_of_the_whole(shards):
    x, y = classes(7)
    batch = batch_of(x, y, np.linspace(0.1, 0.3, 7))
    whole, _, loss = gradient_of(MLP, batch)
    parts, _, loss_of_parts = gradient_of(MLP, batch, shards=shards)
    same(whole, parts)
    assert abs(loss - loss_of_parts) < 1e-12


@pytest.mark.parametrize("shards", [2, 3])
def test_new_buffers_are_the_mean_of_the_shards(shards):
    network = Sequential(Dense(4, bias=False), BatchNorm(), Dense(3))
    x, y = classes(12)
    _, buffers, _ = gradient_of(network, batch_of(x, y), shards=shards)
    singly = [
        gradient_of(network, batch_of(part, labels))[1]
        for part, labels in zip(np.split(x, shards), np.split(y, shards), strict=True)
    ]
    same(buffers, {name: sum(each[name] for each in singly) / shards for name in singly[0]})
    assert set(buffers) == {"1.mean", "1.var"}


def test_shards_and_steps_drop_other_units():
    """One input of ones to one weight each: where the gradient is 0 the input was dropped."""
    network = Sequential(Dropout(0.5), Dense(1, bias=False, initializer="zeros"))
    optimizer = optim.sgd(1e-4)
    batch = batch_of(np.ones((2, 1000)), np.ones((2, 1)), [1.0, 0.0])
    other = batch_of(np.ones((2, 1000)), np.ones((2, 1)), [0.0, 1.0])
    kept = []
    for given in (batch, other):
        state = fresh(network, optimizer, 1000)
        step = make_step(network, sigmoid_cross_entropy, optimizer, shards=2)
        for _ in range(2):
            before = state["params"]["1.weight"]
            state, _ = step(state, given)
            kept.append((state["params"]["1.weight"] != before)[:, 0])
    assert all(400 < mask.sum() < 600 for mask in kept)
    for k, one in enumerate(kept):
        for two in kept[k + 1 :]:
            assert 400 < (one == two).sum() < 600


# The state


def test_the_state_is_arrays_and_keeps_its_form(xpnet_backend):
    network = Sequential(Dense(4), BatchNorm(), Dropout(0.1), Dense(3))
    optimizer = optim.adam(optim.schedules.cosine(0.01, 10))
    x, y = classes(6)
    host = (fresh(network, optimizer, 5), batch_of(x, y))
    state, batch = (mapped(xpnet_backend.asarray, tree) for tree in host)
    before = mapped(kind, state)
    step = xpnet_backend.compile(make_step(network, softmax_cross_entropy, optimizer))
    with xpnet_backend.device_context():
        for _ in range(2):
            state, metrics = step(state, batch)
    assert mapped(kind, state) == before  # another form would be another trace
    assert before.keys() == {"params", "buffers", "slots", "step", "lr", "key"}
    assert before["slots"].keys() == {"m", "v"}
    assert metrics.keys() == {"loss"}
    assert kind(metrics["loss"])[1:] == kind(state["lr"])[1:]
    if xpnet_backend.capabilities.computes:
        assert int(state["step"][0]) == 2
        assert xpnet_backend.to_numpy(state["key"]).tolist() == host[0]["key"].tolist()


def mapped(function, tree):
    return (
        {name: mapped(function, x) for name, x in tree.items()} if isinstance(tree, dict) else function(tree)
    )


def kind(x):
    assert is_array(x), f"{x!r} is no array"
    return type(x), tuple(x.shape), str(x.dtype)


@pytest.mark.parametrize(
    "optimizer", [optim.sgd(0.2), optim.adam(0.2), optim.rmsprop(optim.schedules.constant(0.2))], ids=repr
)
def test_the_rate_in_the_state_is_the_one_that_counts(optimizer):
    x, y = classes(6)
    moved = []
    for rate in (0.2, 0.05):
        state = fresh(MLP, optimizer, 5)
        start = dict(state["params"])
        state["lr"] = np.asarray(rate)
        new, _ = make_step(MLP, softmax_cross_entropy, optimizer)(state, batch_of(x, y))
        moved.append({name: (new["params"][name] - start[name]) / rate for name in start})
        assert new["lr"] == rate
    same(*moved)


# Two networks by hand


def test_the_clothing_size_network():
    """12 points of (size, fits), one input, two sigmoid units, one sigmoid output; full batch, lr 0.5."""
    sizes = [0.8, 1.1, 1.7, 1.9, 2.7, 3.2, 3.7, 4.0, 5.0, 5.5, 6.0, 6.3]
    x, y = np.asarray(sizes)[:, None], np.asarray([0.0] * 4 + [1.0] * 4 + [0.0] * 4)[:, None]
    network, optimizer = Sequential(Dense(2, "sigmoid"), Dense(1, "sigmoid")), optim.sgd(0.5)
    start = {
        "0.weight": [[0.1, 0.9]],
        "0.bias": [0.6, -1.5],
        "1.weight": [[0.1], [0.9]],
        "1.bias": [0.2],
    }
    state, batch = fresh(network, optimizer, 1, params=start), batch_of(x, y)
    nested = {"0": {}, "1": {}}
    for name, p in state["params"].items():
        nested[name[0]][name[2:]] = p
    _, grads, _ = gradient(network, mse, nested, batch, words=(state["key"], state["step"]))
    assert np.allclose(grads["0.weight"], [[0.01008, 0.02687]], rtol=0, atol=0.5e-5)
    step, losses = make_step(network, mse, optimizer), []
    for _ in range(5001):  # a step reports the loss before it
        last = state["params"]
        state, metrics = step(state, batch)
        losses.append(float(metrics["loss"]))
    wanted = {0: 0.3613, 1: 0.3372, 100: 0.2122, 500: 0.1871, 1000: 0.1343, 2000: 0.0211, 3000: 0.0084}
    for epoch, loss in (wanted | {4000: 0.0049, 5000: 0.0033}).items():
        assert abs(losses[epoch] - loss) <= 0.5e-4, epoch
    final = {"0.weight": [[1.965, 3.495]], "0.bias": [-8.811, -8.116]}
    final |= {"1.weight": [[-9.411], [8.746]], "1.bias": [-3.995]}
    same(last, {name: np.asarray(p) for name, p in final.items()}, 0.5e-3)
    hidden = 1 / (1 + np.exp(-(x @ last["0.weight"] + last["0.bias"])))
    assert ((hidden @ last["1.weight"] + last["1.bias"] > 0) == (y > 0.5)).all()


def test_backpropagation_written_out():
    """2-3-1, linear, x = (40, 80), target 60; the loss (y - t)^2 / 2 is half of mse: w = 1/2."""
    network, optimizer = Sequential(Dense(3, bias=False), Dense(1, bias=False)), optim.sgd(1e-5)
    state = fresh(
        network, optimizer, 2, params={"0.weight": np.full((2, 3), 0.5), "1.weight": np.full((3, 1), 1.0)}
    )
    batch = batch_of(np.asarray([[40.0, 80.0]]), np.asarray([[60.0]]), [0.5])
    step, predictions, losses = make_step(network, mse, optimizer), [], []
    for _ in range(101):
        last = state["params"]
        predictions.append(float((batch["x"] @ last["0.weight"] @ last["1.weight"])[0, 0]))
        state, metrics = step(state, batch)
        losses.append(float(metrics["loss"]))
    wanted = {0: "180", 1: "140.3136", 2: "118.31781819", 5: "87.10213088", 10: "69.47719523"}
    wanted |= {20: "61.41913071", 50: "60.00568758", 99: "60.00000070", 100: "60.0000005858"}
    for epoch, digits in wanted.items():
        assert digits_agree(predictions[epoch], digits), epoch
    assert losses[0] == 7200
    assert digits_agree(losses[1], "3225.1372")
    assert digits_agree(losses[10], "44.9086")
    for row, digits in zip(last["0.weight"], ("0.32720268", "0.15440535"), strict=True):
        assert all(digits_agree(value, digits) for value in row)
    assert all(digits_agree(value, "0.78614698") for value in last["1.weight"][:, 0])


def digits_agree(value, digits):
    """Within half a unit of the last digit given."""
    return abs(value - float(digits)) <= 0.5001 * 10.0 ** -len(digits.partition(".")[2])
