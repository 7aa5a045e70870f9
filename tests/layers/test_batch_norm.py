"""Batch normalisation as a layer: running statistics over several steps, beside PyTorch's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpnet.layers import BatchNorm, Pass

torch = pytest.importorskip("torch", reason="PyTorch, the peer to compare with, is not installed")

SIZES = st.lists(st.integers(2, 9), min_size=1, max_size=8)


def run(layer, arrays, x, *, train):
    """(y, pullback), the buffers among `arrays` replaced as a step would."""
    given = Pass(train=train, grad=True)
    y, pullback = layer.forward(arrays, x, given.context(wants_dx=True))
    arrays.update(given.updates)
    return y, pullback, set(given.updates)


@settings(max_examples=25, deadline=None, database=None, derandomize=True)
@given(sizes=SIZES, momentum=st.sampled_from([0.0, 0.1, 0.5, 1.0]), eps=st.sampled_from([1e-5, 1e-2]))
def test_several_steps_beside_pytorch(sizes, momentum, eps):
    c = 3
    theirs = torch.nn.BatchNorm1d(c, momentum=momentum, eps=eps, dtype=torch.float64)
    ours = BatchNorm(momentum, eps)
    params, buffers, shape = ours.init(np.random.default_rng(0), (c,), "float64")
    assert shape == (c,)
    arrays = {**params, **buffers}
    for index, n in enumerate(sizes):
        x = np.random.default_rng(index).standard_normal((n, c)) * 3 + [0, 5, -1]
        inner = torch.tensor(x, requires_grad=True)
        wanted = theirs(inner)
        y, pullback, updated = run(ours, arrays, x, train=True)
        assert updated == {"mean", "var"}
        close(y, wanted)
        close(arrays["mean"], theirs.running_mean)
        close(arrays["var"], theirs.running_var)  # with n - 1: unbiased
        dy = np.cos(x)
        (dx_wanted,) = torch.autograd.grad(wanted, inner, torch.tensor(dy))
        close(pullback(dy)[0], dx_wanted, 1e-10)
    theirs.eval()
    x = np.random.default_rng(99).standard_normal((1, c))  # one sample is enough at prediction
    y, _, updated = run(ours, arrays, x, train=False)
    assert updated == set()
    close(y, theirs(torch.tensor(x)))


def close(got, wanted, tolerance=1e-12):
    wanted = wanted.detach().numpy()
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= tolerance * max(1, np.abs(wanted).max())


def test_statistics_of_images_run_over_all_pixels():
    x = np.random.default_rng(0).standard_normal((2, 4, 5, 3))
    theirs = torch.nn.BatchNorm2d(3, dtype=torch.float64)
    wanted = theirs(torch.tensor(x).movedim(-1, 1)).movedim(1, -1)
    params, buffers, _ = BatchNorm().init(np.random.default_rng(0), (4, 5, 3), "float64")
    arrays = {**params, **buffers}
    close(run(BatchNorm(), arrays, x, train=True)[0], wanted)
    close(arrays["mean"], theirs.running_mean)
    close(arrays["var"], theirs.running_var)
