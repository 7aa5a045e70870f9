"""Ids, class numbers and positions in dtypes that hold few numbers, beside more classes, rows and positions."""

import numpy as np
import pytest

import xpnet as xn

LABELS = [0, 1, 1, 0]
CLASSES = 300
"""More than int8, uint8 and bfloat16 number one by one."""
RNG = np.random.default_rng(0)
SCORES = RNG.uniform(0.1, 1.0, (4, CLASSES)).astype("float32")
SHORT = pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int16", "uint64", "float16", "bfloat16"])


def short(backend, values, dtype):
    if not hasattr(backend.xp, dtype):
        pytest.skip(f"{backend.name} has no {dtype}")
    return backend.asarray(values, dtype=dtype)


def both(backend, op, x, **options):
    """(value, derivative of its sum) on the host."""
    y, pullback = op(x, **options)
    return backend.to_numpy(y), backend.to_numpy(pullback(backend.xp.ones_like(y))[0])


@pytest.mark.sample(1, by=("op", "numpy"))
@SHORT
@pytest.mark.parametrize(
    "op", ["softmax_cross_entropy", "nll", "cross_entropy", "softmax_focal", "kl_divergence"]
)
def test_a_short_label_is_one_class(op, dtype, backend):
    x, op = backend.asarray(SCORES), getattr(xn.ops, op)
    one_hot = backend.asarray(np.eye(CLASSES, dtype="float32")[LABELS])
    for got, wanted in zip(
        both(backend, op, x, target=short(backend, LABELS, dtype)),
        both(backend, op, x, target=one_hot),
        strict=True,
    ):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-7)


@pytest.mark.sample(1, by=("numpy",))
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_an_ignored_label_that_the_dtype_lacks_ignores_none(dtype, backend):
    label = np.asarray(LABELS, "int64") + (156 if dtype == "uint8" else 0)  # 156 is -100 in eight bits
    ignore = -100 if dtype == "uint8" else 256
    x, options = backend.asarray(SCORES), {"ignore_index": ignore}
    got = xn.ops.nll(x, target=short(backend, label, dtype), **options)[0]
    np.testing.assert_allclose(backend.to_numpy(got), -SCORES[range(4), label], rtol=1e-6)


@pytest.mark.sample(1, by=("rows", "numpy"))
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint64"])
@pytest.mark.parametrize("rows", [200, CLASSES])
def test_a_short_id_is_one_row(rows, dtype, backend):
    table = np.arange(2 * rows, dtype="float32").reshape(rows, 2)
    y, slope = both(backend, xn.ops.embedding, backend.asarray(table), ids=short(backend, LABELS, dtype))
    assert y.tolist() == [[0, 1], [2, 3], [2, 3], [0, 1]]
    assert slope[:2].tolist() == [[2, 2], [2, 2]]
    assert not slope[2:].any()


@pytest.mark.sample(1, by=("dtype",))
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_positions_are_not_rounded_to_a_short_float(dtype, backend):
    time, step = 4096, np.arange(4096.0)
    y, _ = xn.ops.positional_encoding(short(backend, np.zeros((1, time, 2)), dtype))
    assert str(y.dtype).endswith(dtype)
    wanted = np.stack([np.sin(step), np.cos(step)], axis=-1)
    np.testing.assert_allclose(backend.to_numpy(y)[0], wanted, atol=2.0**-8)
    y, _ = xn.ops.upsample(short(backend, np.ones((1, 3000, 1)), dtype), factor=2, method="linear")
    assert str(y.dtype).endswith(dtype)
    assert (backend.to_numpy(y) == 1).all()
