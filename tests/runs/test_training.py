"""Trainings by a configuration: the weights that remain after an interrupt."""

import numpy as np
import pytest

import xpnet as xn
from xpnet.runs.config import Config
from xpnet.runs.training import Best, prepare, train


def interrupted(when):
    """A run of digits, interrupted by Ctrl-C once `when(losses)`, and the losses on the samples held out."""
    losses = []

    def stop(model, record):
        losses.append(record["val_loss"])
        if when(losses):
            raise KeyboardInterrupt

    plan = prepare(Config("digits", hidden="16", lr=0.1, epochs=30, backend="numpy"))
    return train(*plan, callbacks=[stop]), losses


def test_ctrl_c_keeps_the_best_weights():
    run, losses = interrupted(lambda losses: len(losses) > 2 and losses[-1] > min(losses))
    best = int(np.argmin(losses))
    assert best < len(losses) - 1
    assert run.stopped == best + 1
    assert run.metrics["test"]["loss"] == pytest.approx(losses[best])
    assert run.metrics["epochs"] == len(losses)


def test_a_complete_training_keeps_its_last_weights():
    run, losses = interrupted(lambda losses: False)
    assert run.stopped is None
    assert run.metrics["test"]["loss"] == pytest.approx(losses[-1])
    assert losses[-1] > min(losses)  # or these would be the best


class Stop(xn.Callback):
    def on_begin(self, model):
        raise KeyboardInterrupt


def test_ctrl_c_before_the_first_epoch_raises():
    with pytest.raises(KeyboardInterrupt):
        train(*prepare(Config("digits", epochs=1, backend="numpy")), callbacks=[Stop()])


class Interrupted:
    """A model that Ctrl-C interrupts while its parameters are copied."""

    buffers = {}  # noqa: RUF012

    @property
    def params(self):
        raise KeyboardInterrupt


def test_ctrl_c_while_the_best_weights_are_copied_keeps_those_before():
    best = Best(3, monitor="loss")
    model = xn.Model(xn.Dense(1), loss="mse", optimizer="sgd", backend="numpy").build((2,))
    best.on_begin(model)
    best.on_epoch(model, {"epoch": 1, "loss": 2.0})
    kept = model.params
    with pytest.raises(KeyboardInterrupt):
        best.on_epoch(Interrupted(), {"epoch": 2, "loss": 1.0})
    model.params = {name: array + 1 for name, array in kept.items()}
    best.on_end(model)
    assert best.best_epoch == 1
    for name, array in kept.items():
        np.testing.assert_array_equal(model.params[name], array)
