"""Values and gradients beside PyTorch's own, in float64, on drawn shapes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpnet import ops

torch = pytest.importorskip("torch", reason="PyTorch, the peer to compare with, is not installed")
F = torch.nn.functional

DRAWN = settings(max_examples=25, deadline=None, database=None, derandomize=True)
SHAPES = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple)
SEEDS = st.integers(0, 2**32 - 1)


def by_torch(f, dy, *arrays):
    """(value, gradients of sum(dy value)) by autograd."""
    inputs = [torch.tensor(x, requires_grad=True) for x in arrays]
    y = f(*inputs)
    return y.detach().numpy(), [g.numpy() for g in torch.autograd.grad(y, inputs, torch.tensor(dy))]


def compare(op, f, *arrays, seed=0, tolerance=1e-12):
    """An op of NumPy arrays and its pullback, beside a function of tensors and autograd."""
    y, pullback = op(*arrays)
    y = y[0] if isinstance(y, tuple) else y
    dy = np.asarray(np.random.default_rng(seed).standard_normal(np.shape(y)))
    value, gradients = by_torch(f, dy, *arrays)
    close(y, value, tolerance)
    for dx, wanted in zip(pullback(dy), gradients, strict=True):
        close(dx, wanted, tolerance)


def close(got, wanted, tolerance):
    assert np.shape(got) == wanted.shape
    assert np.abs(got - wanted).max(initial=0) <= tolerance * max(1, np.abs(wanted).max(initial=0))


# Activations; every third element is 0, where the slopes have their corners


ACTIVATIONS = {
    "relu": (lambda x, alpha: ops.relu(x), lambda x, alpha: F.relu(x)),
    "leaky_relu": (lambda x, alpha: ops.leaky_relu(x, alpha=alpha), F.leaky_relu),
    "elu": (lambda x, alpha: ops.elu(x, alpha=alpha), F.elu),
    "sigmoid": (lambda x, alpha: ops.sigmoid(x), lambda x, alpha: torch.sigmoid(x)),
    "tanh": (lambda x, alpha: ops.tanh(x), lambda x, alpha: torch.tanh(x)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
@DRAWN
@given(shape=SHAPES, alpha=st.floats(0.01, 2), scale=st.sampled_from([0.1, 1, 30]), seed=SEEDS)
def test_activations(name, shape, alpha, scale, seed):
    ours, theirs = ACTIVATIONS[name]
    x = np.random.default_rng(seed).standard_normal(shape) * scale
    x.reshape(-1)[::3] = 0.0
    compare(lambda x: ours(x, alpha), lambda x: theirs(x, alpha), x, seed=seed)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@DRAWN
@given(shape=SHAPES, data=st.data(), scale=st.sampled_from([0.1, 1, 300]), seed=SEEDS)
def test_softmax(name, shape, data, scale, seed):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = np.random.default_rng(seed).standard_normal(shape) * scale
    ours, theirs = getattr(ops, name), getattr(F, name)
    compare(lambda x: ours(x, axis=axis), lambda x: theirs(x, dim=axis), x, seed=seed, tolerance=1e-11)


# Losses: one value per sample is PyTorch's "none", averaged over all axes but the first


def per_sample(values):
    return values.reshape(values.shape[0], -1).mean(1)


VALUES = {
    "mse": F.mse_loss,
    "mae": F.l1_loss,
    "huber": F.huber_loss,
    "binary_cross_entropy": F.binary_cross_entropy,
    "sigmoid_cross_entropy": F.binary_cross_entropy_with_logits,
}


@pytest.mark.parametrize("name", VALUES)
@DRAWN
@given(shape=SHAPES, delta=st.floats(0.1, 3), seed=SEEDS)
def test_losses_of_values(name, shape, delta, seed):
    rng = np.random.default_rng(seed)
    binary = name.endswith("entropy")
    y = rng.uniform(0.01, 0.99, shape) if name == "binary_cross_entropy" else rng.standard_normal(shape) * 5
    target = rng.uniform(0, 1, shape) if binary else rng.standard_normal(shape)
    y.reshape(-1)[::4] = target.reshape(-1)[::4].clip(0.01, 0.99) if binary else target.reshape(-1)[::4]
    options = {"delta": delta} if name == "huber" else {}
    compare(
        lambda y: ops.LOSSES[name](y, target=target, **options),
        lambda y: per_sample(VALUES[name](y, torch.tensor(target), reduction="none", **options)),
        y,
        seed=seed,
    )


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "cross_entropy"])
@pytest.mark.parametrize("kind", ["integer", "probabilities"])
@DRAWN
@given(shape=SHAPES.filter(lambda shape: len(shape) > 1), scale=st.sampled_from([0.1, 1, 30]), seed=SEEDS)
def test_losses_of_classes(name, kind, shape, scale, seed):
    rng = np.random.default_rng(seed)
    z = rng.standard_normal(shape) * scale
    if name == "cross_entropy":
        z = np.exp(z / scale)
        z /= z.sum(axis=-1, keepdims=True)
    if kind == "integer":
        target = rng.integers(0, shape[-1], shape[:-1])
        picked = torch.nn.functional.one_hot(torch.tensor(target), shape[-1]).double()
    else:
        target = rng.dirichlet(np.ones(shape[-1]), shape[:-1])
        picked = torch.tensor(target)

    def theirs(z):
        if name == "cross_entropy":
            return -(picked * torch.log(z)).sum(-1)
        rows = z.reshape(-1, shape[-1])
        numbers = torch.tensor(target).reshape(-1) if kind == "integer" else picked.reshape(rows.shape)
        return F.cross_entropy(rows, numbers, reduction="none").reshape(shape[:-1])

    compare(lambda z: ops.LOSSES[name](z, target=target), theirs, z, seed=seed, tolerance=1e-11)


def test_binary_cross_entropy_is_guarded_like_pytorchs():
    p, target = np.asarray([0.0, 1.0, 1e-60]), np.asarray([1.0, 0.0, 1.0])
    theirs = F.binary_cross_entropy(torch.tensor(p), torch.tensor(target), reduction="none")
    close(ops.binary_cross_entropy(p, target=target)[0], theirs.numpy(), 1e-12)
    assert math.isclose(float(theirs[0]), 100)


# Batch normalisation: features last here, second there


def channels_second(f):
    def moved(x, *rest):
        return torch.movedim(f(torch.movedim(x, -1, 1), *rest), 1, -1)

    return moved


@pytest.mark.parametrize("own", [True, False], ids=["train", "predict"])
@DRAWN
@given(
    shape=st.lists(st.integers(2, 5), min_size=2, max_size=4).map(tuple),
    eps=st.sampled_from([1e-5, 1e-3, 0.5]),
    seed=SEEDS,
)
def test_batch_norm(own, shape, eps, seed):
    rng = np.random.default_rng(seed)
    c = shape[-1]
    x = rng.standard_normal(shape) * 3 + 1
    scale, shift, mean = rng.standard_normal((3, c))
    var = rng.uniform(0.5, 2, c)
    given = {} if own else {"mean": mean, "var": var}

    @channels_second
    def theirs(x, scale, shift):
        kept = (None, None) if own else (torch.tensor(mean), torch.tensor(var))
        return F.batch_norm(x, *kept, scale, shift, training=own, eps=eps)

    def ours(x, scale, shift):
        return ops.batch_norm(x, scale, shift, eps=eps, **given)

    compare(ours, theirs, x, scale, shift, seed=seed, tolerance=1e-10)


def test_batch_norm_gives_the_statistics_it_used():
    x = np.random.default_rng(0).standard_normal((4, 3, 2))
    (_, (mean, var)), _ = ops.batch_norm(x, np.ones(2), np.zeros(2))
    wanted = torch.var_mean(torch.tensor(x), (0, 1), correction=0)
    close(var, wanted[0].numpy(), 1e-12)
    close(mean, wanted[1].numpy(), 1e-12)


def test_batch_norm_of_one_value_per_feature_is_an_error():
    with pytest.raises(ValueError, match=r"batch_norm: x \(1, 3\) has 1 value"):
        ops.batch_norm(np.ones((1, 3)), np.ones(3), np.zeros(3))
    with pytest.raises(ValueError, match="more than 1 value per channel"):  # as PyTorch has it
        F.batch_norm(torch.ones(1, 3), None, None, training=True)


@DRAWN
@given(shape=SHAPES, units=st.integers(1, 5), bias=st.booleans(), seed=SEEDS)
def test_linear(shape, units, bias, seed):
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(size) for size in (shape, (shape[-1], units), units)]
    compare(ops.linear, lambda x, w, b=None: F.linear(x, w.T, b), *arrays[: 2 + bias], seed=seed)
