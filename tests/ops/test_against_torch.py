"""Values and gradients beside PyTorch's own, in float64, on drawn shapes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpnet import ops

from .peers import DRAWN, SEEDS, SHAPES, channels_second, close, compare

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


# Losses: one value per sample is PyTorch's "none", averaged over all axes but the first


def per_sample(values):
    return values.reshape(values.shape[0], -1).mean(1)


VALUES = {
    "mse": F.mse_loss,
    "mae": F.l1_loss,
    "huber": F.huber_loss,
    "smooth_l1": F.smooth_l1_loss,
    "poisson_nll": F.poisson_nll_loss,
    "binary_cross_entropy": F.binary_cross_entropy,
    "sigmoid_cross_entropy": F.binary_cross_entropy_with_logits,
}
LOSS_OPTIONS = {
    "huber": st.fixed_dictionaries({"delta": st.floats(0.1, 3)}),
    "smooth_l1": st.fixed_dictionaries({"beta": st.floats(0.1, 3)}),
    "poisson_nll": st.fixed_dictionaries({"log_input": st.booleans(), "full": st.booleans()}),
}


@pytest.mark.parametrize("name", VALUES)
@DRAWN
@given(shape=SHAPES, seed=SEEDS, data=st.data())
def test_losses_of_values(name, shape, seed, data):
    options = data.draw(LOSS_OPTIONS.get(name, st.just({})))
    rng = np.random.default_rng(seed)
    binary = name.endswith("entropy")
    positive = name == "binary_cross_entropy" or not options.get("log_input", True)
    y = rng.uniform(0.01, 0.99, shape) if positive else rng.standard_normal(shape) * 5
    target = rng.standard_normal(shape)
    if binary or name == "poisson_nll":
        target = rng.uniform(0, 1 if binary else 9, shape)
    y.reshape(-1)[::4] = target.reshape(-1)[::4].clip(0.01, 0.99) if binary else target.reshape(-1)[::4]
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


@DRAWN
@given(shape=SHAPES.filter(lambda shape: len(shape) > 1), smoothing=st.floats(0, 1), seed=SEEDS)
def test_label_smoothing(shape, smoothing, seed):
    rng = np.random.default_rng(seed)
    z, target = rng.standard_normal((shape[0], shape[-1])), rng.integers(0, shape[-1], shape[0])
    compare(
        lambda z: ops.softmax_cross_entropy(z, target=target, label_smoothing=smoothing),
        lambda z: F.cross_entropy(z, torch.tensor(target), label_smoothing=smoothing, reduction="none"),
        z,
        seed=seed,
    )


@DRAWN
@given(shape=SHAPES.filter(lambda shape: len(shape) > 1), scale=st.sampled_from([0.1, 1, 30]), seed=SEEDS)
def test_losses_of_log_probabilities(shape, scale, seed):
    rng = np.random.default_rng(seed)
    z, numbers = rng.standard_normal(shape) * scale, rng.integers(0, shape[-1], shape[:-1])
    shares = rng.dirichlet(np.ones(shape[-1]), shape[:-1])
    shares.reshape(-1)[::4] = 0.0
    z -= np.log(np.exp(z).sum(axis=-1, keepdims=True))

    def nll(z):
        rows = F.nll_loss(z.reshape(-1, shape[-1]), torch.tensor(numbers).reshape(-1), reduction="none")
        return rows.reshape(shape[:-1])

    def divergence(z):
        return F.kl_div(z, torch.tensor(shares), reduction="none").sum(-1)

    compare(lambda z: ops.nll(z, target=numbers), nll, z, seed=seed)
    compare(lambda z: ops.kl_divergence(z, target=shares), divergence, z, seed=seed)


@DRAWN
@given(shape=SHAPES.filter(lambda shape: len(shape) > 1), full=st.booleans(), seed=SEEDS)
def test_gaussian_nll(shape, full, seed):
    """PyTorch takes the variance; it clamps those below 1e-6, which are not drawn here."""
    rng = np.random.default_rng(seed)
    y, target = rng.standard_normal((*shape[:-1], 2 * shape[-1])) * 3, rng.standard_normal(shape)

    def theirs(y):
        mean, log_var = y.chunk(2, -1)
        each = F.gaussian_nll_loss(
            mean, torch.tensor(target), log_var.exp(), full=full, eps=0, reduction="none"
        )
        return per_sample(each)

    compare(lambda y: ops.gaussian_nll(y, target=target, full=full), theirs, y, seed=seed)


@DRAWN
@given(shape=SHAPES.filter(lambda shape: len(shape) > 1), scale=st.sampled_from([1e-3, 1, 1e3]), seed=SEEDS)
def test_cosine_distance(shape, scale, seed):
    y, target = np.random.default_rng(seed).standard_normal((2, *shape)) * scale

    def theirs(y):
        return per_sample(1 - F.cosine_similarity(y, torch.tensor(target), dim=-1))

    compare(lambda y: ops.cosine_distance(y, target=target), theirs, y, seed=seed)


@pytest.mark.parametrize("kind", ["labels", "probabilities"])
@DRAWN
@given(shape=SHAPES, gamma=st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.7]), alpha=st.floats(-1, 1), seed=SEEDS)
def test_sigmoid_focal(kind, shape, gamma, alpha, seed):
    """torchvision's `sigmoid_focal_loss`, in its own words."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal(shape) * 4
    t = rng.integers(0, 2, shape).astype(float) if kind == "labels" else rng.uniform(0, 1, shape)

    def theirs(inputs, targets=torch.tensor(t)):  # noqa: B008
        p = torch.sigmoid(inputs)
        ce_loss = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
        p_t = p * targets + (1 - p) * (1 - targets)
        loss = ce_loss * ((1 - p_t) ** gamma)
        if alpha >= 0:
            loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
        return per_sample(loss)

    compare(lambda z: ops.sigmoid_focal(z, target=t, gamma=gamma, alpha=alpha), theirs, z, seed=seed)


@DRAWN
@given(shape=SHAPES.filter(lambda shape: len(shape) > 1), gamma=st.sampled_from([0.5, 2.0, 3.7]), seed=SEEDS)
def test_softmax_focal(shape, gamma, seed):
    rng = np.random.default_rng(seed)
    z, t = rng.standard_normal(shape) * 3, rng.dirichlet(np.ones(shape[-1]), shape[:-1])
    if shape[-1] == 1:
        return  # 1 - p is 0, where autograd has no slope

    def theirs(z):
        log_p = F.log_softmax(z, -1)
        return -(torch.tensor(t) * (1 - log_p.exp()) ** gamma * log_p).sum(-1)

    compare(lambda z: ops.softmax_focal(z, target=t, gamma=gamma), theirs, z, seed=seed, tolerance=1e-11)


@DRAWN
@given(shape=SHAPES.filter(lambda shape: len(shape) == 2), seed=SEEDS)
def test_many_labels(shape, seed):
    rng = np.random.default_rng(seed)
    z, t = rng.standard_normal(shape) * 4, rng.integers(0, 2, shape).astype(float)
    compare(
        lambda z: ops.sigmoid_cross_entropy(z, target=t),
        lambda z: F.multilabel_soft_margin_loss(z, torch.tensor(t), reduction="none"),
        z,
        seed=seed,
    )


def test_binary_cross_entropy_is_guarded_like_pytorchs():
    p, target = np.asarray([0.0, 1.0, 1e-60]), np.asarray([1.0, 0.0, 1.0])
    theirs = F.binary_cross_entropy(torch.tensor(p), torch.tensor(target), reduction="none")
    close(ops.binary_cross_entropy(p, target=target)[0], theirs.numpy(), 1e-12)
    assert math.isclose(float(theirs[0]), 100)


# Batch normalisation: features last here, second there


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
