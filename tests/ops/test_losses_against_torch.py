"""Losses and their gradients beside PyTorch's own, in float64, on drawn shapes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpnet import ops

from .peers import DRAWN, SEEDS, SHAPES, close, compare

torch = pytest.importorskip("torch", reason="PyTorch, the peer to compare with, is not installed")
F = torch.nn.functional


def per_sample(values):
    """PyTorch's "none" as one value per sample, averaged over all axes but the first."""
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
            return per_sample(-(picked * torch.log(z)).sum(-1))
        rows = z.reshape(-1, shape[-1])
        numbers = torch.tensor(target).reshape(-1) if kind == "integer" else picked.reshape(rows.shape)
        return per_sample(F.cross_entropy(rows, numbers, reduction="none").reshape(shape[:-1]))

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
        return per_sample(rows.reshape(shape[:-1]))

    def divergence(z):
        return per_sample(F.kl_div(z, torch.tensor(shares), reduction="none").sum(-1))

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
        return per_sample(-(torch.tensor(t) * (1 - log_p.exp()) ** gamma * log_p).sum(-1))

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
