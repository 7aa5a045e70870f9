"""Faults planted on purpose: the oracle must catch each one, on a backend that is always there.

Each fault is a real op or layer with one thing wrong. The test names the check that finds it, so that a
check which stops finding anything turns red here.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from xpnet import ops
from xpnet.backends import get
from xpnet.layers import Context, Layer
from xpnet.namespace import namespace
from xpnet.testing import (
    CASES,
    CHECKS,
    DTYPES,
    Case,
    draws,
    labels,
    layer_case,
    normal,
    register_doubles,
    run_check,
)

register_doubles()


def found_by(case, *, backend="numpy"):
    """The names of the checks that fail."""
    place = get(backend)
    outcomes = [run_check(case.name, case, check, place, dtype) for check in CHECKS for dtype in DTYPES]
    return {outcome.check for outcome in outcomes if outcome.status == "failed"}


def mse_without_one_over_n(y, /, *, target):
    loss, _ = ops.mse(y, target=target)
    return loss, lambda dloss: (2.0 * (y - target) * dloss[:, None],)


def linear_dw_transposed(x, w, b, /):
    y, pull = ops.linear(x, w, b)

    def pullback(dy):
        dx, dw, db = pull(dy)
        return dx, namespace(dw).matrix_transpose(dw), db

    return y, pullback


def linear_db_not_summed(x, w, b, /):
    y, pull = ops.linear(x, w, b)
    return y, lambda dy: (*pull(dy)[:2], dy)


def leaky_relu_slope_wrong_below_zero(x, /):
    y, _ = ops.leaky_relu(x, alpha=0.1)
    xp = namespace(x)
    return y, lambda dy: (xp.where(x > 0, dy, 0.2 * dy),)


def softmax_without_its_sum(x, /):
    y, _ = ops.softmax(x)
    return y, lambda dy: (dy * y,)


def tanh_upcast(x, /):
    y, pull = ops.tanh(x)
    xp = namespace(x)
    return y, lambda dy: (xp.astype(pull(dy)[0], xp.float64),)


def tanh_value_upcast(x, /):
    xp = namespace(x)
    return ops.tanh(xp.astype(x, xp.float64))


def tanh_by_numpy(x, /):
    y = np.tanh(np.asarray(x))
    return y, lambda dy: (dy * (1.0 - y * y),)


def relu_on_the_default_device(x, /):
    xp = namespace(x)
    y, _ = ops.relu(x)
    return y, lambda dy: (dy * xp.astype(x > xp.zeros(1, dtype=x.dtype), x.dtype),)


def relu_with_a_host_sync(x, /):
    y, pull = ops.relu(x)
    return (y if float(namespace(x).max(x)) > 0 else y * 0.0), pull


def relu_in_place(x, /):
    y, pull = ops.relu(x)
    x *= 0.5
    return y, pull


def pullback_in_place(x, /):
    y, _ = ops.tanh(x)

    def pullback(dy):
        dy *= 1.0 - y * y
        return (dy,)

    return y, pullback


def linear_cotangents_swapped(x, w, b, /):
    y, pull = ops.linear(x, w, b)
    return y, lambda dy: (pull(dy)[1], pull(dy)[0], pull(dy)[2])


def linear_cotangent_missing(x, w, b, /):
    y, pull = ops.linear(x, w, b)
    return y, lambda dy: pull(dy)[:2]


def tanh_not_linear_in_dy(x, /):
    y, pull = ops.tanh(x)
    return y, lambda dy: (pull(dy)[0] + 1e-3,)


def softmax_over_the_wrong_axis(x, /):
    return ops.softmax(x, axis=0)


def loss_summed_over_the_batch(logits, /, *, target):
    losses, pull = ops.softmax_cross_entropy(logits, target=target)
    xp = namespace(losses)
    return xp.sum(losses), lambda dloss: pull(dloss + xp.zeros_like(losses))


def softmax_cross_entropy_onehot_scaled(logits, /, *, target):
    losses, pull = ops.softmax_cross_entropy(logits, target=target)
    return losses, lambda dloss: (pull(dloss)[0] * 1.001,)


def tanh_spent_after_one_call(x, /):
    y, _ = ops.tanh(x)
    kept = [y]
    return y, lambda dy: (dy * (1.0 - kept.pop() ** 2),)


def tanh_trace_by_trace(x, /):
    y, pull = ops.tanh(x)
    return (y + 0.0 if bool(namespace(x).all(y < 2.0)) else y), pull


_plain_softmax = next(case for case in CASES if case.name == "softmax")
_X, _W, _B = normal("n", 5), normal(5, 3), normal(3)
_LOSS = {"keywords": {"target": labels("n", classes=4)}, "per_sample": True}

FAULTS = [
    (
        Case("missing 1/n", mse_without_one_over_n, (normal("n", 3),), {"target": normal("n", 3)}),
        "gradient",
        "numpy",
    ),
    (Case("dW transposed", linear_dw_transposed, (_X, _W, _B)), "kinds", "numpy"),
    (
        Case("dW transposed, square", linear_dw_transposed, (normal("n", 4), normal(4, 4), normal(4))),
        "gradient",
        "numpy",
    ),
    (Case("db not summed", linear_db_not_summed, (_X, _W, _B)), "kinds", "numpy"),
    (Case("slope wrong for x < 0", leaky_relu_slope_wrong_below_zero, (_X,)), "gradient", "numpy"),
    (Case("softmax without its sum", softmax_without_its_sum, (_X,)), "gradient", "numpy"),
    (Case("float64 upcast of a cotangent", tanh_upcast, (_X,)), "kinds", "numpy"),
    (Case("float64 upcast of the value", tanh_value_upcast, (_X,)), "kinds", "numpy"),
    (Case("a NumPy call inside", tanh_by_numpy, (_X,)), "kinds", "strict"),
    (Case("the wrong device", relu_on_the_default_device, (_X,)), "kinds", "strict-device1"),
    (Case("a host sync", relu_with_a_host_sync, (_X,)), "kinds", "torch-meta"),
    (Case("a host sync, traced", relu_with_a_host_sync, (_X,)), "tracing", "jax"),
    (Case("a look at values, traced", tanh_trace_by_trace, (_X,)), "tracing", "torch"),
    (Case("an input changed in place", relu_in_place, (_X,)), "purity", "numpy"),
    (Case("dy changed in place", pullback_in_place, (_X,)), "purity", "numpy"),
    (Case("a read-only input", relu_in_place, (_X,)), "kinds", "numpy-readonly"),
    (
        Case("cotangents swapped", linear_cotangents_swapped, (normal(4, 4), normal(4, 4), normal(4))),
        "gradient",
        "numpy",
    ),
    (Case("a cotangent missing", linear_cotangent_missing, (_X, _W, _B)), "kinds", "numpy"),
    (Case("not linear in dy", tanh_not_linear_in_dy, (_X,)), "linearity", "numpy"),
    (
        Case("the wrong axis", softmax_over_the_wrong_axis, (_X,), plain=_plain_softmax.plain, rows=(5, 1)),
        "formula",
        "numpy",
    ),
    (
        Case("a loss that is one number", loss_summed_over_the_batch, (normal("n", 4),), **_LOSS),
        "kinds",
        "numpy",
    ),
    (
        Case("a thousandth too much", softmax_cross_entropy_onehot_scaled, (normal("n", 4),), **_LOSS),
        "projection",
        "numpy",
    ),
    (Case("a pullback for one call", tanh_spent_after_one_call, (_X,)), "purity", "numpy"),
]


@pytest.mark.parametrize(("case", "check", "backend"), FAULTS, ids=[fault[0].name for fault in FAULTS])
def test_fault_is_caught(case, check, backend):
    from xpnet.backends import find

    if not find(backend).available():
        pytest.skip(f"{backend}: {find(backend).available().reason}")
    assert check in found_by(case, backend=backend)


@dataclass(frozen=True)
class TwiceTheSameKey(Layer):
    """Two dropouts from one key: the same units fall out of both."""

    def forward(self, params, x, ctx: Context):
        key = ctx.key
        y, pull_first = ops.dropout(x, rate=0.3, key=key)
        z, pull_second = ops.dropout(y, rate=0.3, key=key)
        return z, lambda dz: (pull_first(*pull_second(dz))[0], {})


@dataclass(frozen=True)
class WrongGradientName(Layer):
    """A layer whose gradient does not carry its parameter's name."""

    def init(self, rng, input_shape, dtype):
        return {"scale": np.ones(input_shape, dtype)}, {}, input_shape

    def forward(self, params, x, ctx):
        scale = params["scale"]
        return x * scale, lambda dy: (dy * scale, {"weight": namespace(x).sum(dy * x, axis=0)})


def test_dropout_key_used_twice_is_caught():
    assert "keys" in found_by(layer_case("one key, two draws", TwiceTheSameKey(), 20))


def test_wrong_gradient_name_is_caught():
    assert "kinds" in found_by(layer_case("a wrong name", WrongGradientName(), 3))


def test_the_right_ops_pass():
    for case in (
        Case("tanh", ops.tanh, (_X,)),
        Case("linear", ops.linear, (_X, _W, _B)),
        Case("dropout", ops.dropout, (_X,), {"key": draws.key()}, {"rate": 0.5}),
    ):
        assert found_by(case) == set()
