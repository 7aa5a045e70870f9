"""Numbers, sizes and flags that cannot be."""

import numpy as np
import pytest

import xpnet as xn
from xpnet.optim import OPTIMIZERS

from .rows import INF, NAN, check, each, fit, fitted, model, table, wrong

HUGE = 10**400
SIZES = [
    *each(lambda n: fit(epochs=n), (0, -1, 2.5, "3", None, True, [3], NAN), "epochs", "positive integer"),
    *each(lambda n: fit(batch_size=n), (0, -8, 2.5, "32", True), "batch_size", "positive integer"),
    *each(lambda n: fit(steps_per_call=n), (0, 1.5, "a", False), "steps_per_call", "positive integer"),
    *each(lambda n: model(seed=n), (-1, 1.5, "0", None, True, [1]), "seed", "0 or more"),
    *each(xn.Dense, (0, -1, 2.5, "3", None, True, (3,)), "Dense: units", "positive integer"),
    *each(
        lambda n: xn.LayerNorm(axes=n), (0, 1.5, None, (1, 2), True), "LayerNorm: axes", "positive integer"
    ),
    *each(lambda n: xn.RMSNorm(axes=n), (0, "a"), "RMSNorm: axes", "positive integer"),
    *each(xn.GroupNorm, (0, -2, 1.5, "a", None, True), "GroupNorm: groups", "positive integer"),
    *each(
        xn.Reshape, (6, None, "ab", (), (2, 0), (-1, -1), (-2,), (2.0,), (True,)), "Reshape: shape", "sizes"
    ),
    *each(
        xn.Permute,
        (1, None, "ab", (), (0, 1), (2.0,), ("a",), (1, 1)),
        "Permute: axes",
        "numbers of a sample's axes",
    ),
    *each(xn.Upsample, (0, 1.5, "a", None, True, (2, 2)), "Upsample: factor"),
    wrong(lambda: xn.Upsample(2, "bilinear"), "Upsample: method 'bilinear'", "did you mean 'linear'"),
    wrong(lambda: xn.Upsample(2, None), "Upsample: method None", "nearest"),
    *each(lambda n: xn.EarlyStopping(patience=n), (-1, 1.5, "a", None, True), "patience", "0 or more"),
    *each(
        lambda n: model().build(n),
        ((0,), (3, -1), (2.5,), ("a",), (True,), (None, 3)),
        "input_shape",
        "positive",
    ),
    *each(lambda n: model().build(n), (3, None, "abc"), "input_shape", "positive sizes", "(64,)"),
    *each(lambda n: xn.make_step(xn.Dense(3), xn.ops.mse, xn.sgd(), shards=n), (0, "2", True), "shards"),
]

RATES = [
    *(
        row
        for make in OPTIMIZERS.values()
        for row in each(
            make, (-0.1, NAN, INF, "a", None, True, (0.1,), 1j), "lr", "0 or more", "xn.schedules"
        )
    ),
    wrong(lambda: xn.sgd(HUGE), "lr 1000", "larger than any float", "smaller"),
    wrong(lambda: xn.sgd(xn.adam()), "lr Adam()", "xn.schedules"),
    wrong(lambda: xn.adam(xn.schedules.cosine), "lr the class Cosine", "xn.schedules"),
    wrong(lambda: xn.adam(lambda t: 0.1), "lr the function <lambda>", "xn.schedules"),
    wrong(lambda: model(optimizer=xn.sgd(1e39)), "lr 1e+39", "beyond float32", "smaller"),
    wrong(lambda: setattr(fitted(), "lr", 1e39), "lr 1e+39", "beyond float32"),
    wrong(lambda: setattr(fitted(), "lr", HUGE), "lr 1000", "larger than any float"),
    *each(lambda n: setattr(fitted(), "lr", n), (-1, NAN, INF, "a", None, True, [0.1]), "lr", "0 or more"),
    *each(xn.schedules.constant, (-1.0, INF, "a", None, True), "lr", "0 or more"),
    *each(lambda n: xn.schedules.step(0.1, n), (0, -1, "a", None, True, INF), "every", "more than 0"),
    *each(lambda n: xn.schedules.exponential(0.1, n), (0, -1.0, "a", INF, NAN), "gamma", "more than 0"),
    *each(lambda n: xn.schedules.cosine(0.1, n), (0, "a", INF), "steps", "more than 0"),
    *each(lambda n: xn.schedules.cosine(0.1, 9, n), (-1, "a", None, NAN), "final", "0 or more"),
    *each(lambda n: xn.schedules.warmup(0.1, n), (0, "a", None), "steps", "more than 0"),
]

FRACTIONS = [
    *each(lambda n: xn.sgd(0.1, n), (-0.1, 1.0, NAN, "a", None, True), "momentum", "[0, 1)"),
    *each(lambda n: xn.adam(beta1=n), (1, -0.5, None, True), "beta1", "[0, 1)"),
    *each(lambda n: xn.adam(beta2=n), (1, "a"), "beta2", "[0, 1)"),
    *each(lambda n: xn.rmsprop(alpha=n), (1, NAN), "alpha", "[0, 1)"),
    *each(lambda n: xn.rmsprop(momentum=n), (1, NAN, True), "momentum", "[0, 1)"),
    *each(lambda n: xn.rmsprop(centered=n), (1, None), "centered", "True or False"),
    *each(lambda n: xn.adam(eps=n), (-1e-8, NAN, "a", True, INF), "eps", "0 or more"),
    *each(lambda n: xn.adamw(weight_decay=n), (-1, "a", NAN), "weight_decay", "0 or more"),
    wrong(lambda: xn.sgd(0.1, nesterov=True), "nesterov", "momentum=0.9"),
    *each(xn.Dropout, (1, -0.1, 20, "a", None, True, NAN, 1j), "Dropout: rate", "[0, 1)"),
    *each(xn.BatchNorm, (-0.1, 2, "a", None, NAN), "BatchNorm: momentum", "[0, 1]"),
    *each(lambda n: xn.BatchNorm(eps=n), (0, -1, "a", INF, True), "BatchNorm: eps", "above 0"),
    *each(xn.SpatialDropout, (1, -0.1, "a", None, True), "SpatialDropout: rate", "[0, 1)"),
    *each(lambda n: xn.LayerNorm(eps=n), (0, -1, "a", None, NAN), "LayerNorm: eps", "above 0"),
    *each(lambda n: xn.RMSNorm(eps=n), (0, "a", INF, True), "RMSNorm: eps", "above 0"),
    *each(lambda n: xn.GroupNorm(2, eps=n), (0, "a", None), "GroupNorm: eps", "above 0"),
    *each(xn.ELU, (NAN, "a", None, INF), "ELU: alpha", "finite"),
    *each(xn.LeakyReLU, (NAN, "a", True), "LeakyReLU: alpha", "finite"),
    *each(lambda n: xn.EarlyStopping(min_delta=n), (-1, "a", NAN, None), "min_delta", "0 or more"),
    *each(lambda n: xn.Dense(3, initializer=("normal", n)), (-1, "a", NAN), "'normal'", "std", "0 or more"),
    *each(lambda n: xn.Dense(3, initializer=("normal", 1, n)), ("a", INF, None), "mean", "finite"),
    wrong(lambda: xn.Dense(3, initializer=("normal", 1, 2, 3)), "'normal' takes std, mean", "3 came"),
    wrong(lambda: xn.Dense(3, initializer=("zeros", 1)), "'zeros' takes no argument", "1 came"),
    wrong(lambda: model(xn.Dense(3, initializer=("uniform", 1, -1))).build((3,)), "low 1", "high -1", "swap"),
]

FLAGS = [
    *each(lambda n: xn.Dense(3, bias=n), (None, "no", 2), "Dense: bias", "True or False"),
    wrong(lambda: xn.Dense(3, bias=np.ones(3)), "Dense: bias array([1., 1., 1.])", "True or False"),
    *each(lambda n: xn.sgd(0.1, 0.9, n), (None, "yes", 1), "nesterov", "True or False"),
    *each(lambda n: xn.EarlyStopping(restore_best=n), (None, "no"), "restore_best", "True or False"),
    *each(lambda n: model(natives=n), (None, "maybe", 2, []), "natives", "True, False, 'auto' or 'compile'"),
    wrong(lambda: model(natives=np.ones(2)), "natives array", "True, False, 'auto' or 'compile'"),
    *each(lambda n: model(deterministic=n), (None, 1, "yes"), "deterministic", "True or False"),
]


@table(*SIZES, *RATES, *FRACTIONS, *FLAGS)
def test_the_error_names_argument_and_remedy(call, error, fragments, trains):
    check(call, error, fragments, trains)


@pytest.mark.parametrize("rate", [np.float32(0.25), np.array(0.25), np.float64(0.25)], ids=type)
def test_numbers_of_numpy_are_numbers(rate):
    assert xn.sgd(rate) == xn.sgd(0.25)
    made = fitted()
    made.lr = rate
    assert made.lr == 0.25
    assert fit(epochs=np.int64(1), batch_size=np.array(4), validation_split=rate)["epoch"] == [1]
