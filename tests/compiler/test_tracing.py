"""Traces: no value is read, and the recorded calls return what the function returns."""

from functools import partial

import numpy as np
import pytest

from xpnet.compiler.replay import ReplayedStep
from xpnet.compiler.tracing import Trace, is_dense

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "look",
    [
        bool,
        float,
        int,
        list,
        np.asarray,
        np.any,
        partial(np.array, dtype="f"),
        np.ones(3).__iadd__,
        hash,
        np.ascontiguousarray,
    ],
    ids=["bool", "float", "int", "list", "asarray", "any", "array", "add in place", "hash", "contiguous"],
)
def test_a_traced_value_cannot_be_read(look):
    x = Trace().new_buffer(np.ones(3))
    with pytest.raises(TypeError):
        bool(look(x))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x[1:, None, ::2].T,
        lambda x: np.reshape(x, (-1,))[3:],
        lambda x: np.concat([x, x * 2.0], axis=1),
        lambda x: np.where(x > 0, x, 0.0),
        lambda x: x**2 + x**3 - 1 / (x * x + 2) ** 0.5,
        lambda x: np.sum(x, axis=0, keepdims=True) + np.mean(x) - np.max(x, axis=-1, keepdims=True),
        lambda x: np.astype(x > 0.5, x.dtype) * np.expm1(-x),
        lambda x: x.T @ x + np.matrix_transpose(x[:, ::-1]) @ x,
        lambda x: np.take(x, np.asarray([2, 0]), axis=0) * np.arange(2.0, dtype="float32")[:, None],
        lambda x: np.stack([x[0], x[1]]) + np.cumulative_sum(x, axis=0)[:2],
        lambda x: np.unstack(x)[1] * np.zeros_like(x)[0] + np.permute_dims(x, (1, 0))[:, 0],
        lambda x: np.broadcast_to(x[0], (4, *x.shape[1:])) + 1,
        lambda x: np.bitwise_xor(np.astype(x, np.int32), 7) >> 1,
        lambda x: np.where(x > 0, 1.0, np.astype(x, np.float64)) + np.where(x[0] < 0, x, x[:, :1]),
        lambda x: (
            np.mean(x, axis=0) + np.mean(x, axis=(0, 1), keepdims=True) * np.min(x[:0, 1] + 2, initial=3)
        ),
        lambda x: np.prod(x) + np.max(x, axis=1) - np.min(x) + np.sum(x > 0, axis=1) + np.mean(x > 0),
    ],
    ids=[
        "views",
        "reshape",
        "concat",
        "where",
        "powers",
        "reductions",
        "astype",
        "products",
        "take",
        "stack and cumulative sum",
        "unstack and permute",
        "broadcast",
        "bits",
        "where of two dtypes",
        "means",
        "prod and counts",
    ],
)
def test_replayed_calls_return_what_the_function_returns(f):
    """On other values than the traced ones, in memory that has been used before."""

    def step(state, batch):
        y = f(batch["x"])
        return {"n": state["n"] + 1}, {"y": y}

    run, state = ReplayedStep(step), {"n": np.zeros(1)}
    for _ in range(5):
        x = RNG.standard_normal((5, 4)).astype("float32")
        state, found = run(state, {"x": x})
        wanted = f(x)
        assert found["y"].dtype == wanted.dtype
        assert np.array_equal(found["y"], wanted)
    assert run.reason is None
    assert state["n"] == 5


@pytest.mark.parametrize(
    ("shape", "part", "function"),
    [
        ((5, 4), np.s_[:], np.dot),
        ((1, 4), np.s_[:], np.dot),
        ((1, 1), np.s_[:], np.matmul),
        ((40, 32), np.s_[::2], np.matmul),
        ((5, 36), np.s_[:, :32], np.matmul),
        ((2, 5, 4), np.s_[:], np.matmul),
    ],
)
def test_products_use_dot_if_it_has_their_bits(shape, part, function):
    """For matrices with gaps dot has other last bits, and for two numbers another sign of zero."""

    def step(state, batch):
        y = batch["x"][part] @ batch["w"]
        return state, {"y": y}

    run, state = ReplayedStep(step), {"n": np.zeros(1)}
    for _ in range(20):
        x = RNG.standard_normal(shape).astype("float32")
        x[..., 0] = -0.0
        w = RNG.uniform(size=(x[part].shape[-1], 1)).astype("float32")
        _, found = run(state, {"x": x, "w": w})
        assert found["y"].tobytes() == (x[part] @ w).tobytes()
    (program,) = run._programs.values()
    assert [call.function for call in program.calls] == [function]


@pytest.mark.parametrize(
    ("x", "wanted"),
    [
        (np.ones((3, 4)), True),
        (np.ones((3, 4)).T, True),
        (np.ones((2, 3, 4)).transpose(1, 2, 0), True),
        (np.ones(()), True),
        (np.ones((0, 3)), True),
        (np.ones((1, 5))[:, :2], True),
        (np.ones((3, 4))[:, :2], False),
        (np.ones(6)[::2], False),
        (np.ones(4)[::-1], False),
        (np.broadcast_to(np.ones(3), (2, 3)), False),
    ],
    ids=[
        "c",
        "transposed",
        "permuted",
        "no axes",
        "empty",
        "one row",
        "columns",
        "strided",
        "reversed",
        "broadcast",
    ],
)
def test_dense_arrays_have_no_gaps(x, wanted):
    assert is_dense(x) is wanted
