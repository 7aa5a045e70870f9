"""Padding behind layers that end or move the times of sequences."""

import numpy as np
import pytest

import xpnet as xn
from xpnet import ops
from xpnet.layers import Pass

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 6, 6))
LENGTHS = [6, 2, 4, 0]
REAL = np.arange(6) < np.array(LENGTHS)[:, None]
POOLS = [xn.GlobalAveragePool(), xn.GlobalMaxPool()]


def run(layer, x, mask=None):
    """(y, mask behind the layer, pullback)."""
    ctx = Pass(grad=True).context(wants_dx=True)
    ctx.mask = mask
    y, pullback = layer.forward({}, x, ctx)
    return y, ctx.mask, pullback


@pytest.mark.parametrize("pool", POOLS, ids=repr)
@pytest.mark.parametrize("real", [REAL, REAL[:, ::-1]], ids=["right", "left"])
def test_a_pooled_padded_batch_is_each_sequence_alone(pool, real):
    x = np.where(real[..., None], X, 1e9)  # what is under the padding must not count
    y, mask, pullback = run(pool, x, real)
    dy = RNG.standard_normal(y.shape)
    dx, _ = pullback(dy)
    assert mask is None
    assert not y[3].any()
    assert not dx[~real].any()
    for row in (0, 1, 2):
        alone, _, pull = run(pool, x[row : row + 1, real[row], :])
        np.testing.assert_allclose(y[row], alone[0], rtol=1e-12)
        np.testing.assert_allclose(dx[row, real[row]], pull(dy[row : row + 1])[0][0], rtol=1e-12)


@pytest.mark.parametrize(
    ("layer", "known"),
    [
        (xn.Flatten(), False),
        (xn.Permute((2, 1)), False),
        (xn.Permute((1, 2)), True),
        (xn.Reshape((-1,)), False),
        (xn.Reshape((6, 3, 2)), True),
        (xn.GRU(6, last=True), False),
        (xn.Residual(xn.Permute((2, 1))), False),
    ],
    ids=repr,
)
def test_what_is_no_time_any_more_is_no_padding(layer, known):
    """Though it is as many: of (n, 6, 6) the features were taken for times, some of them for padding."""
    params = layer.init(RNG, (6, 6), "float64")[0]
    ctx = Pass().context()
    ctx.mask = REAL
    layer.forward(params, X, ctx)
    assert (ctx.mask is REAL) == known


@pytest.mark.parametrize("pool", [ops.global_average_pool, ops.global_max_pool])
@pytest.mark.parametrize("x", [X[:, ::2], X[:, :, :, None]], ids=["other times", "images"])
def test_a_mask_that_does_not_fit(pool, x):
    with pytest.raises(
        ValueError, match=r"_pool: the mask of padding \(4, 6\) must be .* number of time steps"
    ):
        pool(x, mask=REAL)
