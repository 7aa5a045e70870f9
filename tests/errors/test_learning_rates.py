"""Learning rates that explode: training stays finite, or DivergedError names it. Never NaN without a word."""

import math

import numpy as np
import pytest

import xpnet as xn
from xpnet.optim import OPTIMIZERS

from .rows import X, Y, check, model

RATES = (1e3, 1e6, 1e12, 1e30)
MAKE = {
    **OPTIMIZERS,
    "momentum": lambda lr: xn.sgd(lr, 0.9),
    "nesterov": lambda lr: xn.sgd(lr, 0.9, nesterov=True),
}
TASKS = {
    "classification": (xn.Sequential(xn.Dense(8, "relu"), xn.Dense(3)), "softmax_cross_entropy", Y),
    "regression": (xn.Sequential(xn.Dense(8, "relu"), xn.Dense(3)), "mse", X),
}
DEEP = xn.Sequential(*[xn.Dense(8, "relu")] * 7, xn.Dense(3))


def arrays(made):
    """All of a model's numbers, on the host."""
    flat = xn.io.flat_state(made._placement.require_built().dump())
    return {name: x for name, x in flat.items() if name not in ("lr", "key")}


def finite(made):
    columns = [value for column in made.history.values() for value in column]
    return all(map(math.isfinite, columns)) and all(np.isfinite(x).all() for x in arrays(made).values())


def train_or_diverge(made, rate, y, **options):
    """True if the training raised DivergedError; the model is sound in either case."""
    before = arrays(made.build((3,)))
    said = ""
    try:
        history = made.fit(X, y, validation_data=(X, y), **options)
    except xn.DivergedError as error:
        said = str(error)
    if said:
        assert f"smaller learning rate than {rate:g}" in said
        assert "exploded in epoch" in said
        if not made.history:
            assert all((x == before[name]).all() for name, x in arrays(made).items())
        assert finite(made)
        return True
    assert history["epoch"] == list(range(1, options["epochs"] + 1))
    assert finite(made)
    assert np.isfinite(made.forward(X)).all()
    return False


@pytest.mark.sample(1, by=("optimizer", "library"))
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("optimizer", MAKE)
def test_an_explosion_is_named(optimizer, task, backend):
    """A trace of JAX's takes a second, and the rate is no part of it: one of each kind of rule is enough there."""
    traces = backend.capabilities.traces
    if traces and (optimizer, task) not in [("sgd", "regression"), ("adam", "classification")]:
        pytest.skip("the same rules, traced")
    network, loss, y = TASKS[task]
    for dtype in ("float32",) if traces else ("float32", "float64"):
        for rate in (1e30,) if traces else RATES:
            made = model(network, loss, MAKE[optimizer](rate), backend=backend, dtype=dtype)
            told = train_or_diverge(made, rate, y, epochs=2, batch_size=4)
            if optimizer in ("sgd", "adam") and rate >= 1e12:
                assert told


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("optimizer", MAKE)
def test_an_explosion_in_the_only_step_is_named(optimizer, task):
    """Its loss was taken before the update, and is the first: nothing but the outputs shows it."""
    network, loss, y = DEEP, *TASKS[task][1:]
    for dtype in ("float32", "float64"):
        for rate in RATES:
            made = model(network, loss, MAKE[optimizer](rate), dtype=dtype)
            train_or_diverge(made, rate, y, epochs=1, batch_size=12)


def test_the_message_has_the_loss_after_the_update():
    made = model(DEEP, "mse", xn.adam(1e6)).build((3,))
    with pytest.raises(xn.DivergedError, match=r"mean loss \d.*, (nan|inf) after the last"):
        made.partial_fit(X, X)
    made.lr = 1e-3
    assert math.isfinite(made.partial_fit(X, X))


def test_a_rate_that_grows_in_the_middle_keeps_the_epochs_before():
    made = model(*TASKS["regression"][:2], "adam")

    def raise_it(trained, record):
        trained.lr = 1e30 if record["epoch"] == 2 else trained.lr

    def call():
        made.fit(X, X, epochs=9, callbacks=[raise_it])

    check(call, xn.DivergedError, ("epoch 3", "1e+30"), trains=True)
    assert made.history["epoch"] == [1, 2]
    assert finite(made)


@pytest.mark.parametrize("schedule", [xn.schedules.cosine(1e30, 9), xn.schedules.warmup(1e30, 3)], ids=repr)
def test_a_schedule_that_peaks_too_high_is_named(schedule):
    made = model(*TASKS["regression"][:2], xn.adam(schedule))
    assert train_or_diverge(made, 1e30, X, epochs=4)


def test_a_large_loss_that_training_brings_down_is_no_explosion():
    """Growth is relative to the start: values of 1e5 have losses of 1e10 from the first step on."""
    made = model(xn.Dense(3), "mse", xn.adam(1e3), dtype="float64")
    history = made.fit(X, 1e5 * X, epochs=200, batch_size=12)
    assert history["loss"][0] > 1e9
    assert history["loss"][-1] < 0.1 * history["loss"][0]
