"""Dropout: how many elements it drops, what it makes of the others, and that both passes drop the same."""

import numpy as np
import pytest

from xpnet import ops
from xpnet.ops import Key

KEY = Key(np.asarray([3], "int32"), np.asarray([-9], "int32"), 5)


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9, 0.999])
def test_share_and_mean(rate):
    n = 100_000
    y, _ = ops.dropout(np.ones(n), rate=rate, key=KEY)
    deviation = (rate * (1 - rate) / n) ** 0.5
    assert abs((y == 0).mean() - rate) < 5 * deviation
    assert abs(y.mean() - 1) < 5 * deviation / (1 - rate)


@pytest.mark.parametrize("rate", [0.25, 0.5, 0.75])
def test_each_element_is_dropped_or_scaled(rate):
    x = np.random.default_rng(0).uniform(1, 2, (50, 40))
    y, _ = ops.dropout(x, rate=rate, key=KEY)
    assert y.shape == x.shape
    assert np.allclose(y[y != 0], (x / (1 - rate))[y != 0], rtol=1e-15, atol=0)


def test_the_pullback_drops_the_same(array, agree, xpnet_backend):
    key = Key(array(KEY.first), array(KEY.second), KEY.salt)
    y, pullback = ops.dropout(array(np.full(200, 3.0)), rate=0.5, key=key)
    dx = pullback(array(np.full(200, 5.0)))[0]
    kept = ops.dropout(np.ones(200), rate=0.5, key=KEY)[0] > 0  # one key, one mask on every backend
    assert 60 < kept.sum() < 140
    agree(y, np.where(kept, 6.0, 0.0))
    agree(dx, np.where(kept, 10.0, 0.0))


def test_another_key_drops_others():
    masks = [
        ops.dropout(np.ones(1000), rate=0.5, key=key)[0] > 0
        for key in (KEY, KEY._replace(salt=6), KEY._replace(first=np.asarray([4], "int32")))
    ]
    for k in (0, 1):
        assert 400 < (masks[k] == masks[k + 1]).sum() < 600


def test_a_higher_rate_drops_more_of_the_same():
    low, high = (ops.dropout(np.ones(1000), rate=rate, key=KEY)[0] > 0 for rate in (0.3, 0.6))
    assert (low | ~high).all()


def test_rate_zero_drops_nothing(array, agree):
    x = np.random.default_rng(0).standard_normal(1000)
    y, pullback = ops.dropout(array(x), rate=0, key=Key(array(KEY.first), array(KEY.second)))
    agree(y, x)
    agree(*pullback(array(x)), x)


@pytest.mark.parametrize("rate", [1, 1.0, -0.1, float("nan")])
def test_a_rate_outside_0_to_1_is_an_error(rate):
    with pytest.raises(ValueError, match=r"dropout: rate .* is not in \[0, 1\)"):
        ops.dropout(np.ones(3), rate=rate, key=KEY)


def test_a_rate_just_below_1():
    y, _ = ops.dropout(np.ones(1000), rate=np.nextafter(1.0, 0.0), key=KEY)
    assert np.isfinite(y).all()
    assert (y != 0).sum() <= 1


def test_channels_are_dropped_whole(array, agree):
    """One mask for all points of a sample, that of `dropout` for its channels."""
    x = np.random.default_rng(0).uniform(1, 2, (3, 4, 2, 50))
    key = Key(array(KEY.first), array(KEY.second), KEY.salt)
    y, pullback = ops.spatial_dropout(array(x), rate=0.4, key=key)
    kept = ops.dropout(np.ones((3, 50)), rate=0.4, key=KEY)[0][:, None, None, :]
    assert 60 < (kept > 0).sum() < 120
    agree(y, x * kept, 1e-15)
    agree(*pullback(array(x)), x * kept, 1e-15)


@pytest.mark.parametrize("shape", [(40,), (8, 5)])
def test_without_space_channels_are_elements(shape):
    found = [op(np.ones(shape), rate=0.5, key=KEY)[0] for op in (ops.dropout, ops.spatial_dropout)]
    assert np.array_equal(*found)
