"""What the comparisons with PyTorch share: drawn shapes, and an op beside autograd, in float64."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="PyTorch, the peer to compare with, is not installed")

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
    dy = np.asarray(np.random.default_rng([seed, 1]).standard_normal(np.shape(y)))  # unlike x of this seed
    value, gradients = by_torch(f, dy, *arrays)
    close(y, value, tolerance)
    for dx, wanted in zip(pullback(dy), gradients, strict=True):
        close(dx, wanted, tolerance)


def close(got, wanted, tolerance):
    assert np.shape(got) == wanted.shape
    assert np.abs(got - wanted).max(initial=0) <= tolerance * max(1, np.abs(wanted).max(initial=0))


def channels_second(f):
    """A function of tensors whose channels are axis 1, for those whose are the last."""

    def moved(x, *rest):
        return torch.movedim(f(torch.movedim(x, -1, 1), *rest), 1, -1)

    return moved
