"""How training ends: callbacks, early stopping, divergence, Ctrl-C; and that the model is whole after each."""

import re
from dataclasses import dataclass

import numpy as np
import pytest

import xpnet as xn
from xpnet.namespace import namespace
from xpnet.train import Trainer
from xpnet.train.step import state_magnitude

from ..bits import host

RNG = np.random.default_rng(2)
X = RNG.standard_normal((37, 3))
Y = np.arange(37) % 3
R = X @ [1.0, 2.0, -1.0] + 0.5


def make(backend="numpy", loss="mse", **options):
    net = xn.Sequential(
        xn.Dense(6), xn.BatchNorm(), xn.ReLU(), xn.Dense(3 if loss == "softmax_cross_entropy" else 1)
    )
    return xn.Model(net, loss=loss, backend=backend, **{"optimizer": xn.adam(0.01), **options})


def same(a, b):
    return set(a) == set(b) and all(a[name].tobytes() == b[name].tobytes() for name in a)


def finite(model):
    return all(np.isfinite(x).all() for x in host(model).values())


class Recorder(xn.Callback):
    def __init__(self):
        self.calls, self.states = [], []

    def on_begin(self, model):
        self.calls.append("begin")

    def on_epoch(self, model, record):
        self.calls.append(record["epoch"])
        self.states.append(host(model))

    def on_end(self, model):
        self.calls.append("end")


# Callbacks


def test_callbacks_see_every_epoch_and_the_current_model():
    recorder, records = Recorder(), []
    model = make()
    model.fit(X, R, epochs=3, callbacks=(c for c in [recorder, lambda m, record: records.append(record)]))
    assert recorder.calls == ["begin", 1, 2, 3, "end"]
    assert same(recorder.states[-1], host(model))
    assert [record["loss"] for record in records] == model.history["loss"]


def test_a_function_that_returns_true_stops_and_all_others_are_called():
    recorder = Recorder()
    model = make()
    model.fit(X, R, epochs=9, callbacks=[lambda m, record: record["epoch"] == 2, recorder])
    assert recorder.calls == ["begin", 1, 2, "end"]
    assert model.history["epoch"] == [1, 2]


@pytest.mark.parametrize("place", ["on_begin", "on_epoch"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_on_end_comes_after_an_error_too(place, error):
    def fail(self, *args):
        raise error("mine")

    failing = type("Failing", (xn.Callback,), {place: fail})()
    recorder = Recorder()
    with pytest.raises(error, match="mine"):
        make().fit(X, R, epochs=3, callbacks=[failing, recorder, xn.EarlyStopping(monitor="loss")])
    assert recorder.calls[-1] == "end"


def test_every_on_end_is_called_though_one_fails():
    class Failing(xn.Callback):
        def on_end(self, model):
            raise RuntimeError("mine")

    recorder = Recorder()
    with pytest.raises(RuntimeError, match="mine"):
        make().fit(X, R, epochs=1, callbacks=[Failing(), recorder])
    assert recorder.calls == ["begin", 1, "end"]


# Early stopping


@pytest.mark.parametrize("monitor", ["val_loss", "val_accuracy"])
def test_early_stopping_restores_the_best_weights(backend, monitor):
    """The validation targets contradict the training's, so that the first epoch is the best."""
    y, recorder = (X[:, 0] > 0).astype(int), Recorder()
    model = xn.Model(xn.Dense(2), loss="softmax_cross_entropy", optimizer=xn.adam(0.3), backend=backend)
    stop = xn.EarlyStopping(monitor=monitor, patience=3)
    model.fit(X, y, epochs=50, batch_size=37, validation_data=(X, 1 - y), callbacks=[stop, recorder])
    column = model.history[monitor]
    best = int(np.argmin(column) if monitor == "val_loss" else np.argmax(column))
    assert len(column) == best + 1 + 3
    assert (stop.best_epoch, stop.best) == (best + 1, column[best])
    assert same(host(model), recorder.states[best])
    assert not same(host(model), recorder.states[-1])


def test_early_stopping_may_keep_the_last_weights():
    recorder = Recorder()
    model = make(optimizer=xn.sgd(0.0))
    stop = xn.EarlyStopping(monitor="loss", patience=2, restore_best=False)
    model.fit(X, R, epochs=9, callbacks=[stop, recorder], batch_size=37)
    assert recorder.calls == ["begin", 1, 2, 3, "end"]
    assert same(host(model), recorder.states[-1])


@pytest.mark.parametrize(
    ("monitor", "mode"),
    [
        ("val_f1_macro", None),
        ("val_r2", "auto"),
        ("mine", "max"),
        ("val_mae", "max"),
        ("top_k_accuracy", None),
    ],
)
@pytest.mark.parametrize("callback", [xn.EarlyStopping, xn.ReduceLROnPlateau])
def test_a_rising_score_is_better(callback, monitor, mode):
    """Epoch 6 is the best of a score that rises, though its name need not end in "accuracy"."""
    values = iter([0.1, 0.3, 0.5, 0.7, 0.8, 0.9])
    watch, model = callback(monitor=monitor, patience=1, mode=mode), make()
    model.fit(X, R, epochs=6, callbacks=[lambda m, record: record.update({monitor: next(values)}), watch])
    assert model.history.epochs == 6
    assert (watch.best_epoch if callback is xn.EarlyStopping else -watch.best) == (
        6 if callback is xn.EarlyStopping else 0.9
    )
    assert model.lr == pytest.approx(make().optimizer.lr)


@pytest.mark.parametrize("callback", [xn.EarlyStopping, xn.ReduceLROnPlateau])
@pytest.mark.parametrize("monitor", ["val_gain", "confusion_matrix"])
def test_a_name_that_tells_no_direction_needs_a_mode(callback, monitor):
    name = callback.__name__
    with pytest.raises(ValueError, match=rf"{name}: monitor '{monitor}'.* give mode='max' or mode='min'"):
        make().fit(
            X, R, epochs=1, callbacks=[lambda m, r: r.update({monitor: 1.0}), callback(monitor=monitor)]
        )
    with pytest.raises(ValueError, match=r"mode 'most' is unknown"):
        callback(mode="most")


@pytest.mark.parametrize(
    ("column", "epochs"),
    [
        ([3, 2, 1, 1, 1], 5),
        ([float("nan"), 2, 1, 1, 1], 5),
        ([float("nan")] * 5, 2),
        ([3, float("nan"), float("nan"), 1], 3),
        ([3, 2.95, 2.92, 2.91], 3),
        ([float("inf"), 5, 4, 4, 4], 5),
    ],
)
def test_early_stopping_by_a_column(column, epochs):
    """Patience 2, and a gain of more than 0.1; NaN is no gain. Also where epochs went before."""
    for before in (0, 7):
        stop, model = xn.EarlyStopping(patience=2, min_delta=0.1, restore_best=False), make()
        model.history.update(epoch=list(range(1, before + 1)))
        stop.on_begin(model)
        seen = [
            stop.on_epoch(model, {"epoch": before + n, "val_loss": v}) for n, v in enumerate(column, start=1)
        ]
        assert seen.index(True) + 1 == epochs


# Divergence


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop", "adagrad"])
@pytest.mark.parametrize(("loss", "y"), [("mse", R), ("softmax_cross_entropy", Y)])
@pytest.mark.parametrize("batch_size", [8, 37])
@pytest.mark.parametrize("hidden", [xn.Sequential(xn.BatchNorm(), xn.ReLU()), xn.ReLU(), xn.Tanh()], ids=repr)
def test_a_rate_far_too_large(optimizer, loss, y, batch_size, hidden):
    """The parameters show it in the first epoch, also where its only loss was that before the update."""
    recorder = Recorder()
    net = xn.Sequential(xn.Dense(6), hidden, xn.Dense(1 if loss == "mse" else 3))
    optimizer = getattr(xn, optimizer)(1e30)
    model = xn.Model(net, loss=loss, optimizer=optimizer, backend="numpy", dtype="float64").build((3,))
    states = [host(model)]
    with pytest.raises(xn.DivergedError, match=r"epoch \d.*smaller learning rate than 1e\+30") as caught:
        model.fit(X, y, epochs=4, batch_size=batch_size, callbacks=[recorder])
    states += recorder.states
    assert len(states) == 1
    assert f"epoch {len(states)} " in str(caught.value)
    assert same(host(model), states[-1])
    assert finite(model)
    assert model.history.epochs == len(states) - 1
    assert recorder.calls[-1] == "end"


def test_divergence_on_every_backend(backend):
    model = make(backend)
    model.fit(X, R, epochs=2, batch_size=37)
    good, predicted = host(model), model.predict(X)
    model.params = {name: 1e30 * x if name == "3.weight" else x for name, x in model.params.items()}
    bad = host(model)
    with pytest.raises(xn.DivergedError, match="epoch 3 "):
        model.fit(X, R, epochs=1, batch_size=37)
    assert same(host(model), bad)
    with pytest.raises(xn.DivergedError, match="this step"):
        model.partial_fit(X, R)
    assert same(host(model), bad)
    model.params = {name: good[name] for name in model.params}
    np.testing.assert_array_equal(model.predict(X), predicted)
    model.fit(X, R, epochs=1, batch_size=37)
    assert finite(model)


@pytest.mark.parametrize(
    ("params", "buffers", "slots", "largest"),
    [
        ([[1.0, -3.0], [2.0]], [[9.0]], [], 3.0),
        ([[1.0], [2.0, -np.inf]], [], [], np.inf),
        ([[1.0], [np.nan, 2.0]], [], [], np.nan),
        ([[1.0], []], [[0.0], [np.inf]], [[1.0]], np.nan),
        ([[1.0]], [[0.0]], [[1.0], [np.nan]], np.nan),
        ([[]], [[]], [[]], 0.0),
        ([], [], [], 0.0),
    ],
)
def test_the_magnitude_of_a_state(params, buffers, slots, largest, backend):
    def placed(rows):
        return {str(i): backend.asarray(np.asarray(row), dtype="float32") for i, row in enumerate(rows)}

    state = {"params": placed(params), "buffers": placed(buffers), "slots": {"m": placed(slots)}}
    state["lr"] = backend.asarray(np.asarray(0.1), dtype="float32")
    with backend.device_context():
        found = backend.to_numpy(backend.compile(state_magnitude)(state))
    assert found.shape == ()
    np.testing.assert_equal(float(found), largest)


@dataclass(frozen=True)
class Log(xn.Layer):
    """NaN for a negative input."""

    def forward(self, params, x, ctx):
        return namespace(x).log(x), lambda dy: (dy / x, {})


def test_a_network_that_makes_nan(backend):
    model = xn.Model(
        xn.Sequential(xn.Dense(4), Log(), xn.Dense(1)), loss="mse", optimizer="adam", backend=backend
    )
    first = host(model.build((3,)))
    with pytest.raises(xn.DivergedError, match="epoch 1 "):
        model.fit(X, R, epochs=1, batch_size=8)
    assert same(host(model), first)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop", "adagrad"])
def test_an_overflow_in_the_optimizer_does_not_go_unseen(optimizer):
    """Gradients beyond 1.8e19 have squares that float32 cannot hold: all later updates would be 0."""
    model = xn.Model(xn.Dense(1), loss="mse", optimizer=optimizer, backend="numpy").build((3,))
    with pytest.raises(xn.DivergedError):
        model.fit(1e12 * X, 1e12 * R, epochs=2)


def test_what_the_last_update_made_of_the_loss_is_seen():
    """Six layers of weights near 1e6 overflow in float32, of which the epoch's only loss knows nothing."""
    network = xn.Sequential(*[xn.Dense(6) for _ in range(5)], xn.Dense(1))
    model = xn.Model(network, loss="mse", optimizer=xn.adam(1e6), backend="numpy")
    with pytest.raises(xn.DivergedError, match=r"epoch 1 .*, inf after the last\)"):
        model.fit(X, R, epochs=1, batch_size=37)


def test_an_epoch_that_exploded_was_none():
    """The next one has its number, and with that its order."""
    model, whole = make("numpy"), make("numpy")
    model.fit(X, R, epochs=1, batch_size=8)
    rate, model.lr = model.lr, 1e30
    with pytest.raises(xn.DivergedError, match="epoch 2 "):
        model.fit(X, R, epochs=1, batch_size=8)
    model.lr = rate
    model.fit(X, R, epochs=1, batch_size=8)
    whole.fit(X, R, epochs=2, batch_size=8)
    assert same(host(model), host(whole))
    assert model.history["epoch"] == [1, 2]


# Interruption


def test_ctrl_c_between_epochs_loses_nothing(backend):
    def interrupt(model, record):
        if record["epoch"] == 2:
            raise KeyboardInterrupt

    broken, whole = make(backend), make(backend)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(X, R, epochs=9, batch_size=8, callbacks=[interrupt])
    assert broken.history["epoch"] == [1, 2]
    broken.fit(X, R, epochs=2, batch_size=8)
    whole.fit(X, R, epochs=4, batch_size=8)
    assert same(host(broken), host(whole))
    assert broken.history == whole.history


def test_ctrl_c_while_an_epoch_is_scored_takes_the_epoch_back(backend, monkeypatch):
    broken, whole, scored = make(backend), make(backend), []
    real = Trainer.scores

    def scores(trainer, *args):
        scored.append(1)
        if len(scored) == 2:
            raise KeyboardInterrupt
        return real(trainer, *args)

    monkeypatch.setattr(Trainer, "scores", scores)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(X, R, epochs=9, batch_size=8, validation_data=(X[:5], R[:5]))
    assert broken.history["epoch"] == [1]
    broken.fit(X, R, epochs=2, batch_size=8, validation_data=(X[:5], R[:5]))
    whole.fit(X, R, epochs=3, batch_size=8, validation_data=(X[:5], R[:5]))
    assert same(host(broken), host(whole))
    assert broken.history == whole.history


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize(("steps_per_call", "call"), [(1, 3), (2, 2), (None, 1)])
def test_ctrl_c_right_after_a_call_leaves_a_whole_model(backend, error, steps_per_call, call):
    """The worst moment: the steps have consumed their state, and no caller has taken the new one."""
    broken, whole, breaks = make(backend), make(backend), []
    real = broken.backend.epoch

    def epoch(*args):
        run = real(*args)

        def interrupted(*args):
            for done, result in enumerate(run(*args), start=1):
                if breaks and done == call:
                    raise error
                yield result

        return interrupted

    broken.backend.epoch = epoch
    options = {"epochs": 1, "batch_size": 8, "steps_per_call": steps_per_call}
    broken.fit(X, R, **options)
    before = host(broken)
    breaks.append(error)
    with pytest.raises(error):
        broken.fit(X, R, **options)
    assert same(host(broken), before)
    assert np.isfinite(broken.predict(X)).all()
    breaks.clear()
    broken.fit(X, R, **options)
    whole.fit(X, R, **{**options, "epochs": 2})
    assert same(host(broken), host(whole))
    assert broken.history == whole.history


def test_an_error_in_the_middle_of_an_epoch_leaves_no_half_epoch(backend):
    """BatchNorm refuses a last batch of one sample, after others were trained on: mended, training goes on as usual."""
    broken, whole = make(backend), make(backend)
    with pytest.raises(ValueError, match=re.escape("at least 2")):
        broken.fit(X[:25], R[:25], epochs=1, batch_size=12)
    broken.fit(X, R, epochs=1, batch_size=37)
    whole.fit(X, R, epochs=1, batch_size=37)
    assert same(host(broken), host(whole))
