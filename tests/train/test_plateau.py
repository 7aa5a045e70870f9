"""A rate that falls on a plateau: by definition, and beside PyTorch's."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xpnet as xn

DRAWN = settings(max_examples=60, deadline=None, database=None, derandomize=True)


def rates(values, lr=1.0, **options):
    """The rate after each epoch's value."""
    callback, model, found = xn.ReduceLROnPlateau(**options), SimpleNamespace(lr=lr), []
    callback.on_begin(model)
    for value in values:
        callback.on_epoch(model, {callback.monitor: value})
        found.append(model.lr)
    return found


def test_it_waits_out_its_patience_and_rests():
    values = [1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    assert rates(values, patience=1, factor=0.5) == [1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]
    assert rates(values, patience=1, factor=0.5, cooldown=2) == [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25]
    assert rates(values, patience=0, factor=0.1, min_lr=0.05)[-1] == 0.05


def test_accuracy_gets_better_upwards_and_nan_never():
    assert rates([0.5, 0.6, 0.7], patience=0, monitor="val_accuracy") == [1, 1, 1]
    assert rates([0.5, 0.6, 0.7], patience=0, monitor="val_accuracy", mode="min")[-1] < 1
    assert rates([math.nan, math.nan], patience=0, factor=0.5) == [0.5, 0.25]


@DRAWN
@given(
    values=st.lists(st.floats(0.01, 2), min_size=5, max_size=40),
    mode=st.sampled_from(["min", "max"]),
    threshold_mode=st.sampled_from(["rel", "abs"]),
    factor=st.floats(0, 0.95),
    patience=st.integers(0, 4),
    cooldown=st.integers(0, 4),
    threshold=st.floats(0, 0.3),
    min_lr=st.floats(0, 0.2),
)
def test_beside_pytorchs(values, **options):
    torch = pytest.importorskip("torch", reason="PyTorch, the peer to compare with, is not installed")
    values = [round(value, 1) for value in values]  # plateaus
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0)
    peer, wanted = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options), []
    for value in values:
        peer.step(value)
        wanted.append(optimizer.param_groups[0]["lr"])
    assert rates(values, **options) == wanted


def test_a_model_trains_on_at_the_smaller_rate():
    x, y = np.random.default_rng(0).standard_normal((30, 4)), np.arange(30) % 3
    model = xn.Model(
        xn.Sequential(xn.Dense(3)), loss="softmax_cross_entropy", optimizer=xn.sgd(0.5), backend="numpy"
    )
    stuck = xn.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=0, threshold=1.0)
    model.fit(x, y, epochs=4, callbacks=[stuck])
    assert model.lr == 0.5 / 8  # no epoch can get better by all of the loss


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factor": 1.0}, r"factor 1\.0 is not in \[0, 1\)"),
        ({"patience": -1}, "patience -1 must be a number of epochs"),
        ({"cooldown": 1.5}, r"cooldown 1\.5"),
        ({"threshold": math.nan}, "threshold nan must be a finite number"),
        ({"mode": "maxi"}, "mode 'maxi' is unknown: did you mean 'max'"),
        ({"threshold_mode": "relative"}, "threshold_mode 'relative'"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        xn.ReduceLROnPlateau(**options)


def test_a_column_that_is_not_there():
    with pytest.raises(
        ValueError, match=r"ReduceLROnPlateau: monitor 'val_loss' is unknown.* give fit validation"
    ):
        xn.ReduceLROnPlateau().on_epoch(SimpleNamespace(lr=1.0), {"loss": 1.0})
