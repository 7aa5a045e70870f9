"""Sums over a million rows of float32, beside the same in float64."""

import numpy as np
import pytest

from xpnet import ops
from xpnet.namespace import namespace
from xpnet.ops import sums

ROWS = 10**6
RNG = np.random.default_rng(0)
DY = RNG.random((ROWS, 3), dtype="float32")
FAR = RNG.normal(100, 1, (ROWS, 3)).astype("float32")
BOUND = 3e-7
"""Two and a half units in the last place of float32; one row after another is off by 2e-5 to 5e-4."""


def off(found, wanted):
    return float(np.max(np.abs(found - wanted) / np.abs(wanted)))


def pulled(backend, op, *arrays, dy, **options):
    given = [backend.asarray(a.astype("float32")) for a in arrays]
    y, pullback = op(*given, **options)
    return y, list(map(backend.to_numpy, pullback(backend.asarray(dy))))


ONE, NONE = np.ones(3), np.zeros(3)
SHIFTS = {
    "linear": lambda backend: pulled(backend, ops.linear, np.ones((ROWS, 2)), np.ones((2, 3)), NONE, dy=DY),
    "batch_norm": lambda backend: pulled(backend, ops.batch_norm, FAR, ONE, NONE, dy=DY),
    "layer_norm": lambda backend: pulled(backend, ops.layer_norm, FAR, ONE, NONE, dy=DY),
    "group_norm": lambda backend: pulled(backend, ops.group_norm, FAR, ONE, NONE, dy=DY, groups=1),
    "conv": lambda backend: pulled(
        backend, ops.conv, FAR.reshape(1, -1, 3), np.ones((1, 3, 3)), NONE, dy=DY.reshape(1, -1, 3)
    ),
    "position_embedding": lambda backend: pulled(
        backend, ops.position_embedding, FAR.reshape(ROWS, 1, 3), np.ones((1, 3)), dy=DY.reshape(ROWS, 1, 3)
    ),
}


@pytest.mark.parametrize("op", SHIFTS)
def test_the_gradient_of_a_shift(op, backend):
    _, (*_, found) = SHIFTS[op](backend)
    assert off(found, DY.astype("float64").sum(0)) < BOUND


def test_the_statistics_of_a_batch(backend):
    (_, (mean, var)), _ = ops.batch_norm(*(backend.asarray(a.astype("float32")) for a in (FAR, ONE, NONE)))
    assert off(backend.to_numpy(mean), FAR.astype("float64").mean(0)) < BOUND
    assert off(backend.to_numpy(var), FAR.astype("float64").var(0)) < BOUND


def test_the_mean_over_an_image(backend):
    y, _ = ops.global_average_pool(backend.asarray(DY.reshape(1, 1000, 1000, 3)))
    assert off(backend.to_numpy(y)[0], DY.astype("float64").mean(0)) < BOUND


def test_the_slope_of_prelu(backend):
    _, (_, found) = pulled(backend, ops.prelu, -DY, ONE / 5, dy=DY)
    assert off(found, -(DY.astype("float64") ** 2).sum(0)) < BOUND


@pytest.mark.parametrize("rows", [1, 1024, 1025, 1279, 1280, 2048, 2304, 5000])
@pytest.mark.parametrize("batch", [(), (2, 3)])
def test_whole_numbers_are_summed_exactly(rows, batch, backend):
    x = RNG.integers(-9, 9, (*batch, rows, 2))
    given = backend.asarray(x, dtype="float32")
    xp = namespace(given)
    assert (backend.to_numpy(sums.sum_rows(xp, given)) == x.sum(-2)).all()
    assert (backend.to_numpy(sums.sum_over_batch(xp, given)) == x.reshape(-1, 2).sum(0)).all()
    assert off(backend.to_numpy(sums.mean_rows(xp, given)) + 20, x.mean(-2) + 20) < 1e-6
    assert off(backend.to_numpy(sums.mean_over_batch(xp, given)) + 20, x.reshape(-1, 2).mean(0) + 20) < 1e-6
