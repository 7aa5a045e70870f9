"""The error function, beside the C library's over all its range."""

import math

import numpy as np
import pytest

from xpnet import ops
from xpnet.ops.erf import normal

GRID = np.concatenate(
    [
        *(sign * np.geomspace(1e-300, 40, 20_000) for sign in (1, -1)),
        np.linspace(-6.5, 6.5, 40_000),
        [0.46875, np.nextafter(0.46875, 1), 4.0, np.nextafter(4.0, 5), 1e200, math.inf, -math.inf, 0.0],
    ]
)


def test_within_a_few_roundings_of_its_value():
    wanted = np.asarray([math.erf(x) for x in GRID])
    assert (np.abs(ops.erf(GRID)[0] - wanted) <= 1e-15 * np.abs(wanted)).all()


def test_beside_scipys():
    special = pytest.importorskip("scipy.special", reason="SciPy, the peer to compare with, is not installed")
    assert (np.abs(ops.erf(GRID)[0] - special.erf(GRID)) <= 1e-15 * np.abs(special.erf(GRID))).all()


def test_the_tails_of_the_normal_distribution_keep_their_digits():
    x = np.linspace(-38, 8, 5000)
    wanted = np.asarray([math.erfc(-v / math.sqrt(2)) / 2 for v in x])
    assert (np.abs(normal(x)[0] - wanted) <= 1e-15 * np.maximum(x * x, 1) * wanted + 5e-324).all()


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2.5e-7), ("float64", 1e-15)])
def test_on_every_library(dtype, tolerance, array, agree):
    x = np.linspace(-5, 5, 101).astype(dtype)
    y, pullback = ops.erf(array(x, dtype))
    agree(y, [math.erf(v) for v in x.tolist()], tolerance)
    slopes = 2 / math.sqrt(math.pi) * np.exp(-(x.astype(float) ** 2))
    agree(*pullback(array(np.ones(101), dtype)), slopes, 3 * tolerance)


def test_not_a_number_and_the_sign_of_zero():
    y = ops.erf(np.asarray([math.nan, -0.0, 0.0]))[0]
    assert math.isnan(y[0])
    assert np.signbit(y[1:]).tolist() == [True, False]
