"""What an optimizer computes once per step, and the constants it refuses."""

import math

import numpy as np
import pytest

from xpnet import optim
from xpnet.optim import Part
from xpnet.optim.base import decay_sum

STEPS = (1, 2, 3, 10, 100, 1000, 10_000, 100_000)


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999])
@pytest.mark.parametrize("t", STEPS)
def test_bias_correction_in_float32(beta, t, xpnet_backend):
    step = xpnet_backend.asarray(np.asarray(float(t)), dtype="float32")
    found = decay_sum(xpnet_backend.xp, beta, step)
    assert found.dtype == step.dtype
    if xpnet_backend.capabilities.computes:
        wanted = 1.0 if beta == 0 else -math.expm1(t * math.log(beta))
        assert abs(float(found) - wanted) < 3e-7 * wanted


def test_the_plain_formula_would_not_do():
    """1 - 0.999^t in float32 is off by 1e-5, which the test above must be able to see."""
    plain = 1 - np.float32(0.999) ** np.float32(1)
    assert abs(plain / -math.expm1(math.log(0.999)) - 1) > 1e-5


@pytest.mark.parametrize("t", STEPS)
def test_adams_scalars_in_float32(t):
    """The first moment's correction goes into the rate, the second's becomes a factor of the root."""
    optimizer = optim.adam(1e-3)
    step_size, beta1, one_minus_beta1, beta2, one_minus_beta2, inverse_sqrt_correction2, eps = (
        optimizer.scalars(np, np.asarray(1e-3, "float32"), np.asarray(t, "float32"))
    )
    assert math.isclose(step_size, 1e-3 / -math.expm1(t * math.log(0.9)), rel_tol=5e-7)
    assert math.isclose(inverse_sqrt_correction2, (-math.expm1(t * math.log(0.999))) ** -0.5, rel_tol=5e-7)
    assert (beta1, beta2, eps) == (0.9, 0.999, 1e-8)
    assert math.isclose(one_minus_beta1, 0.1)
    assert math.isclose(one_minus_beta2, 0.001)


def test_adams_first_step_has_the_length_of_the_rate():
    """m / (1 - beta1) is g and v / (1 - beta2) is g^2 at t = 1, whatever the size of g."""
    optimizer = optim.adam(0.01, eps=0.0)
    scalars = optimizer.scalars(np, np.asarray(0.01), np.asarray(1.0))
    g = np.asarray([1e-8, -3.0, 1e6])
    p, _, _ = optimizer.rule(np, np.zeros(3), g, np.zeros(3), np.zeros(3), *scalars)
    assert np.allclose(p, [-0.01, 0.01, -0.01], rtol=1e-12)


def test_decoupled_decay_does_not_pass_through_the_moments():
    """With no gradient AdamW shrinks a parameter by lr weight_decay, and its slots stay 0."""
    part = Part(optim.adamw(0.1, weight_decay=0.5))
    scalars = part.scalars(np, np.asarray(0.1), np.asarray(1.0))
    p, m, v = part.rule(np, np.ones(2), np.zeros(2), np.zeros(2), np.zeros(2), *scalars)
    assert np.allclose(p, 0.95, rtol=1e-15)
    assert not m.any()
    assert not v.any()


def test_slots():
    assert optim.sgd().slots == ()
    assert optim.sgd(momentum=0.9).slots == ("v",)
    assert optim.adam().slots == optim.adamw().slots == ("m", "v")
    assert optim.rmsprop().slots == optim.adagrad().slots == ("v",)
    assert optim.rmsprop(momentum=0.5, centered=True).slots == ("v", "m", "u")


def test_a_gradient_that_stays_as_it_is_has_no_spread_and_no_nan():
    """v - m^2 is then 0 but for roundoff, which may be negative."""
    optimizer = optim.rmsprop(0.1, alpha=0.7, centered=True)
    p, v, m = np.zeros(100), np.zeros(100), np.zeros(100)
    g = np.random.default_rng(0).standard_normal(100)
    for t in range(1, 200):
        p, v, m = optimizer.rule(
            np, p, g, v, m, *optimizer.scalars(np, np.asarray(0.1), np.asarray(float(t)))
        )
    assert (v < m * m).any()
    assert np.isfinite(p).all()


def test_optimizers_by_name():
    assert {"sgd", "adam", "adamw", "rmsprop", "adagrad", "nadam", "lion"} < set(optim.OPTIMIZERS)
    for name, cls in optim.OPTIMIZERS.items():
        assert getattr(optim, name) is cls
        assert cls() == cls()
        assert hash(cls()) == hash(cls())


@pytest.mark.parametrize("make", optim.OPTIMIZERS.values())
@pytest.mark.parametrize("lr", [-0.1, math.nan, math.inf, "0.1", None])
def test_rates_that_cannot_be(make, lr):
    with pytest.raises(ValueError, match=rf"lr {lr!r} must be a finite number, 0 or more, or a schedule"):
        make(lr)


@pytest.mark.parametrize("lr", [0, 1, 0.1, np.float64(0.1), np.float32(0.1)])
def test_rates_that_can_be(lr):
    assert float(optim.sgd(lr).peak) == float(lr)


@pytest.mark.parametrize(
    "optimizer",
    [
        optim.sgd(np.float64(0.1), momentum=np.float64(0.9)),
        optim.adamw(
            np.float64(0.1), *(np.float64(c) for c in (0.9, 0.99, 1e-8)), weight_decay=np.float64(0.01)
        ),
        optim.rmsprop(np.float64(0.1), np.float64(0.9), np.float64(1e-8)),
        optim.adagrad(np.float64(0.1), np.float64(1e-8)),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_constants_from_numpy_leave_the_dtype_as_it_is(optimizer):
    """np.float64(0.9), as np.linspace gives it, times a float32 array is float64."""
    scalars = optimizer.scalars(np, np.asarray(0.1, "float32"), np.asarray(1.0, "float32"))
    arrays = [np.ones(2, "float32") for _ in range(2 + len(optimizer.slots))]
    assert [x.dtype for x in optimizer.rule(np, *arrays, *scalars)] == ["float32"] * (len(arrays) - 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.sgd(momentum=1.0), r"momentum 1\.0 is not in \[0, 1\)"),
        (lambda: optim.sgd(momentum=-0.5), "momentum -0.5"),
        (lambda: optim.sgd(nesterov=True), "nesterov=True needs a momentum"),
        (lambda: optim.adam(beta1=1), r"beta1 1 is not in \[0, 1\)"),
        (lambda: optim.adam(beta2=-0.1), "beta2 -0.1"),
        (lambda: optim.adam(beta2=math.nan), "beta2 nan"),
        (lambda: optim.adam(eps=-1e-8), "eps -1e-08 must be a finite number, 0 or more"),
        (lambda: optim.adamw(eps=math.inf), "eps inf"),
        (lambda: optim.adamw(weight_decay=-1), "weight_decay -1 must be"),
        (lambda: optim.rmsprop(alpha=1.0), "alpha 1.0"),
        (lambda: optim.rmsprop(eps=math.nan), "eps nan"),
        (lambda: optim.adagrad(eps=-1), "eps -1"),
        (lambda: optim.nadam(momentum_decay=-1), "momentum_decay -1"),
        (lambda: optim.lion(beta2=1.0), "beta2 1.0"),
        (lambda: optim.sgd(weight_decay=math.nan), "weight_decay nan"),
        (lambda: optim.sgd(l1=-1), "l1 -1 must be"),
        (lambda: optim.sgd(clip_norm=0.0), "clip_norm 0.0 must be a finite number, more than 0"),
        (lambda: optim.sgd(clip_value=math.inf), "clip_value inf"),
        (lambda: optim.sgd(accumulate=0), "accumulate 0 must be an integer, 1 or more"),
        (lambda: optim.sgd(average=1.0), r'average 1\.0 is not in \[0, 1\), nor "mean" or None'),
        (lambda: optim.sgd(average="ema"), "average 'ema'"),
        (lambda: optim.sgd(average_from=-1), "average_from -1"),
    ],
)
def test_constants_that_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()
