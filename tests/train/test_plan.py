"""The plan of a run: what it decides, why, and that the loop obeys it."""

import dataclasses
import pickle

import numpy as np
import pytest

import xpnet as xn
from xpnet.train import ExecutionPlan, FitOptions
from xpnet.train.cost import PROCESS

X = np.random.default_rng(0).standard_normal((40, 3))
Y = np.arange(40) % 3


def make(backend="numpy", **options):
    return xn.Model(xn.Dense(3), loss="softmax_cross_entropy", optimizer="adam", backend=backend, **options)


def test_there_is_no_plan_before_the_first_run():
    model = make().build((3,))
    assert model.plan is None
    assert (model.updates, model.steps_per_call) == ("portable", 1)
    model.predict(X)
    assert model.plan is None


def test_a_plan_is_frozen_and_gives_a_reason_for_each_decision(backend):
    model = make(backend)
    model.fit(X, Y, epochs=2, batch_size=8)
    plan = model.plan
    assert isinstance(plan, ExecutionPlan)
    assert all(getattr(plan, field.name).why for field in dataclasses.fields(plan))
    assert [line.split()[0] for line in str(plan).splitlines()] == [f.name for f in dataclasses.fields(plan)]
    assert (model.updates, model.steps_per_call) == (plan.natives.value, plan.steps_per_call.value)
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.threads = None
    assert pickle.loads(pickle.dumps(plan)) == plan


def test_the_same_call_makes_the_same_plan(backend):
    plans = []
    for _ in range(2):
        model = make(backend)
        model.fit(X, Y, epochs=2, batch_size=8)
        plans.append(model.plan)
    assert plans[0] == plans[1]


@pytest.mark.parametrize(
    ("options", "value", "why"),
    [
        ({"natives": False}, "portable", "natives=False was given"),
        ({}, "portable", "less than the 0.5 s"),
    ],
)
def test_natives_are_chosen_by_option_or_by_work(options, value, why):
    model = make(**options)
    model.fit(X, Y, epochs=1)
    assert model.plan.natives.value == value
    assert why in model.plan.natives.why


def test_natives_once_loaded_stay():
    pytest.importorskip("numba")
    model = make(natives=True)
    model.fit(X, Y, epochs=1)
    assert model.plan.natives == ("numba", "natives=True was given")
    model.fit(X, Y, epochs=2)
    assert model.plan.natives.value == "numba"
    assert "an earlier run" in model.plan.natives.why


def test_short_fits_load_natives_together_and_keep_their_bits(monkeypatch):
    """A step takes an estimated 60 us, so that six fits of 200 steps are above 1/16 s, the unit of a process's work."""
    pytest.importorskip("numba")
    monkeypatch.setattr("xpnet.backends.numpy.backend.loading_seconds", lambda: 0.07)
    short, portable = make(), make(natives=False)
    chosen = []
    for _ in range(8):
        for model in (short, portable):
            model.fit(X, Y, epochs=5, batch_size=1)
        chosen.append(short.plan.natives.value)
    assert chosen == ["portable"] * 6 + ["numba"] * 2
    assert short.history["loss"] == portable.history["loss"]
    assert all(np.array_equal(short.params[name], x) for name, x in portable.params.items())


def test_another_model_counts_the_work_of_those_before_it(monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.setattr("xpnet.backends.numpy.backend.loading_seconds", lambda: 0.25)
    monkeypatch.setattr(PROCESS, "seconds", {"numpy": 0.26})
    model = make()
    model.fit(X, Y, epochs=1)
    assert model.plan.natives.value == "numba"
    assert "repay loading Numba" in model.plan.natives.why


def test_work_counts_once_for_a_run_and_never_for_an_unknown_number_of_batches():
    model = make()
    model.fit(X, Y, epochs=1)
    once = PROCESS.seconds["numpy"]
    model.fit(X, Y, epochs=3)
    assert PROCESS.seconds["numpy"] == pytest.approx(4 * once)
    model.fit(lambda: iter([(X, Y)]), epochs=1)
    assert PROCESS.seconds["numpy"] == pytest.approx(4 * once)


def test_steps_per_call_and_the_cuts_that_it_leaves():
    model = make()
    model.fit(X, Y, epochs=1, batch_size=8)
    assert model.plan.cuts.value == "between steps"
    model.fit(X, Y, epochs=1, batch_size=8, steps_per_call=3)
    assert model.plan.steps_per_call == (3, "steps_per_call=3 was given")
    assert model.plan.cuts.value == "between calls"
    model.fit(X, Y, epochs=1, batch_size=8, steps_per_call=9)
    assert model.plan.steps_per_call.value == 5
    assert "segment" in model.plan.steps_per_call.why


class Listener(xn.Callback):
    def on_steps(self, model, record):
        assert not model.plan.epoch_overlap.value


def test_epochs_do_not_overlap_where_the_state_is_looked_at_or_batches_are_made():
    model = make()
    model.fit(X, Y, epochs=1, callbacks=[Listener()])
    assert model.plan.epoch_overlap == (False, "the state is read after each call")
    model.fit([(X, Y)], epochs=1)
    assert "batches are made" in model.plan.epoch_overlap.why


def test_a_plan_is_kept_for_runs_of_the_same_sizes_and_options():
    model = make()
    model.partial_fit(X, Y)
    first = model.plan
    model.partial_fit(X, Y)
    assert model.plan is first
    model.partial_fit(X[:7], Y[:7])
    assert model.plan is not first
    model.fit(X, Y, epochs=1)
    first = model.plan
    model.fit(X, Y, epochs=1)
    assert model.plan is first
    model.fit(X, Y, epochs=1, steps_per_call=2)
    assert model.plan.steps_per_call.value == 2


def test_the_loop_obeys_the_threads_of_the_plan(monkeypatch):
    model, asked = make(), []
    real = model.backend.threads
    monkeypatch.setattr(model.backend, "threads", lambda count: asked.append(count) or real(count))
    monkeypatch.setattr(model.backend, "choose_threads", lambda products, deterministic: (3, "told"))
    model.fit(X, Y, epochs=2)
    assert asked == [3, 3]
    assert model.plan.threads == (3, "told")


@pytest.mark.parametrize("name", ["epochs", "batch_size", "steps_per_call"])
def test_options_are_checked_where_they_are_made(name):
    with pytest.raises(ValueError, match=f"{name} 0 must be a positive integer"):
        FitOptions(**{"epochs": 1, name: 0})
    options = FitOptions(**{"epochs": 1, name: np.int64(4)})
    assert type(getattr(options, name)) is int


def test_a_plan_that_is_only_looked_at_changes_nothing():
    model = make(natives="auto")
    with model.training_session(X, Y) as (trainer, samples, _):
        source = trainer.batches(samples, 8)
        plan = trainer.make_plan(source, FitOptions(10**7))
        if plan.natives.value == "portable":
            pytest.skip("Numba is not installed: pip install 'xpnet[fast]'")
    model.fit(X, Y, epochs=1)
    assert model.plan.natives.value == "portable"


def test_threads_are_decided_anew_where_the_cores_changed(monkeypatch):
    model = make(deterministic=False)
    chosen = iter([(2, "two cores"), (1, "one core")])
    monkeypatch.setattr(
        type(model.backend), "choose_threads", lambda self, products, *, deterministic: next(chosen)
    )
    seen = []
    for _ in range(2):
        model.fit(X, Y, epochs=1)
        seen.append(model.plan.threads.value)
    assert seen == [2, 1]
