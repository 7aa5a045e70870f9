"""Where a model lives: what it follows, what it refuses, and what a call may not change."""

import copy
import gc
import pickle
import sys
import threading

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import find, get

X = np.random.default_rng(0).standard_normal((20, 3))
Y = np.arange(20) % 3


def make(**options):
    return xn.Model(xn.Dense(3), loss="softmax_cross_entropy", optimizer="adam", **options)


@pytest.mark.parametrize("dtype", ["float64", np.float64, np.dtype("float64")], ids=repr)
def test_a_dtype_by_any_of_its_names(dtype):
    assert make(dtype=dtype, backend="numpy").dtype == "float64"


def test_build_does_not_throw_training_away():
    model = make(backend="numpy")
    model.fit(X, Y, epochs=1)
    kept = model.params
    with pytest.raises(ValueError, match=r"reset\(\) first"):
        model.build((3,))
    assert all(np.array_equal(kept[name], p) for name, p in model.params.items())
    assert model.reset().history.epochs == 0
    assert any((kept[name] != p).any() for name, p in model.params.items())
    model.build((4,))
    assert model.input_shape == (4,)


def test_of_two_threads_one_trains():
    """The other is refused, at whatever point it comes, and the model is at rest afterwards."""
    model, inside, most, refused = make(backend="numpy").build((3,)), [], [], []

    def train():
        for _ in range(150):
            try:
                with model.training_session(X, Y):
                    inside.append(1)
                    most.append(len(inside))
                    inside.pop()
            except RuntimeError as error:
                refused.append(str(error))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=train) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert max(most) == 1
    assert set(refused) == {"fit or partial_fit was called while fit runs: call it before or after"}
    model.fit(X, Y, epochs=1)


def test_an_exception_at_any_line_leaves_the_model_at_rest():
    """Raised by a trace function, at each line of the way into a training and out of it."""
    model = make(backend="numpy").build((3,))
    for line in range(1000):
        left = line

        def trace(frame, event, argument):
            nonlocal left
            if not frame.f_code.co_filename.endswith(("placement.py", "contextlib.py")):
                return None
            left -= event == "line"
            if left < 0:
                sys.settrace(None)
                raise KeyboardInterrupt
            return trace

        try:
            sys.settrace(trace)
            with model.training_session(X, Y):
                raise OSError
        except KeyboardInterrupt:
            pass
        except OSError:
            break
        finally:
            sys.settrace(None)
        gc.collect(1)  # the exception and the frames that it went through may refer to each other
        with model.training_session(X, Y):
            pass
    assert 20 < line < 999


def test_a_device_beside_a_backend_at_hand_is_refused():
    with pytest.raises(ValueError, match="device 'cuda'"):
        make(backend=get("numpy"), device="cuda")


def test_evaluate_learns_nothing():
    model = make(backend="numpy").build((3,))
    model.evaluate(X, Y.astype("float32"))
    model.fit(X, np.array(["a", "b", "c"])[Y], epochs=1)
    assert set(model.predict(X)) <= {"a", "b", "c"}


@pytest.mark.parametrize("call", ["predict", "predict_proba", "forward"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_no_number_is_named_and_not_answered(call, bad):
    model = make(backend="numpy")
    model.fit(X, Y, epochs=1)
    broken = X.copy()
    broken[7, 2] = bad
    with pytest.raises(ValueError, match="row 7, column 2"):
        getattr(model, call)(broken)


def test_a_wrong_first_call_decides_neither_shape_nor_backend():
    if not find("strict").available():
        pytest.skip("strict: array-api-strict is not installed")
    model = make()
    x = get("strict").asarray(X.T)
    with pytest.raises(xn.LabelError):
        model.fit(x, Y, epochs=1)
    assert model.backend is None
    model.fit(X, Y, epochs=1)
    assert (model.backend.name, model.input_shape) == (get().name, (3,))


def test_an_untrained_model_still_follows_its_data():
    if not find("strict").available():
        pytest.skip("strict: array-api-strict is not installed")
    model = make().build((3,))
    drawn = {name: model.backend.to_numpy(p) for name, p in model.params.items()}
    x = get("strict").asarray(X, dtype="float32")
    model.forward(x)
    assert model.backend.name == "strict"
    assert all(np.array_equal(drawn[name], model.backend.to_numpy(p)) for name, p in model.params.items())
    model.fit(X, Y, epochs=1)
    assert model.backend.name == "strict"
    assert isinstance(model.predict(X), np.ndarray)
    assert model.backend.owns(model.predict(x))


def test_class_weights_for_probabilities_are_refused():
    model = xn.Model(xn.Dense(1), loss="sigmoid_cross_entropy", optimizer="adam", backend="numpy")
    with pytest.raises(ValueError, match="sample_weight instead"):
        model.fit(X, np.full(20, 0.9), epochs=1, class_weight="balanced")


def test_custom_must_be_classes(tmp_path):
    make(backend="numpy").build((3,)).save(tmp_path / "m")
    with pytest.raises(TypeError, match=r"custom: .*\[MyLayer\]"):
        xn.load(tmp_path / "m", custom=[5])


def test_validation_data_of_another_library_is_refused_and_moves_nothing():
    if not find("strict").available():
        pytest.skip("strict: array-api-strict is not installed")
    model = make()
    with pytest.raises(TypeError, match="strict"):
        model.fit(X, Y, epochs=1, validation_data=(get("strict").asarray(X), Y))
    assert model.backend is None


def test_a_move_inside_fit_is_refused():
    with pytest.raises(RuntimeError, match="while fit runs"):
        make(backend="numpy").fit(X, Y, epochs=2, callbacks=[lambda model, record: model.to("numpy")])


def test_what_a_model_is_made_of_is_fixed():
    model = make(backend="numpy")
    for name in ("network", "loss", "optimizer", "reduction", "dtype", "seed"):
        with pytest.raises(AttributeError, match=f"{name} is fixed"):
            setattr(model, name, None)


def test_the_rate_may_be_set_between_epochs():
    model = xn.Model(xn.Dense(3), loss="softmax_cross_entropy", optimizer=xn.sgd(0.5), backend="numpy")

    def stop_moving(model, record):
        model.lr = 0.0

    model.fit(X, Y, epochs=1, callbacks=[stop_moving])
    kept = model.params
    model.fit(X, Y, epochs=1)
    assert model.lr == 0.0
    assert all(np.array_equal(kept[name], p) for name, p in model.params.items())


def test_params_are_copies_that_refuse_to_be_changed():
    model = make(backend="numpy").build((3,))
    with pytest.raises(TypeError, match=r"model\.params = "):
        model.params["weight"] = np.zeros((3, 3))
    with pytest.raises(ValueError, match="read-only"):
        model.params["weight"][:] = 0.0
    model.params = {**model.params, "weight": np.zeros((3, 3))}
    assert not model.params["weight"].any()


def test_a_model_loaded_follows_its_first_data(tmp_path):
    if not find("strict").available():
        pytest.skip("strict: array-api-strict is not installed")
    model = make(backend="numpy")
    model.fit(X, Y, epochs=1)
    model.save(tmp_path / "m")
    loaded = xn.load(tmp_path / "m")
    x = get("strict").asarray(X, dtype="float32")
    assert get("strict").to_numpy(loaded.predict(x)).tolist() == model.predict(X).tolist()
    loaded.fit(x, Y, epochs=1)
    model.fit(X, Y, epochs=1)
    for name, p in model.params.items():
        assert np.abs(loaded.backend.to_numpy(loaded.params[name]) - p).max() < 1e-6


def test_logits_are_refused_by_a_loss_of_probabilities():
    for loss, layer in (("cross_entropy", "Softmax"), ("binary_cross_entropy", "Sigmoid")):
        model = xn.Model(
            xn.Dense(3, initializer=("normal", 5.0)), loss=loss, optimizer="adam", backend="numpy"
        )
        with pytest.raises(ValueError, match=f"{layer}.*logits"):
            model.fit(X, np.eye(3)[Y], epochs=1)
        with pytest.raises(ValueError, match=f"{layer}.*logits"):
            model.partial_fit(X, np.eye(3)[Y])


def test_a_loss_of_ones_own_may_say_that_it_takes_classes():
    def focal(logits, /, *, target):
        return xn.ops.softmax_cross_entropy(logits, target=target)

    focal.kind = "classes"
    model = xn.Model(xn.Dense(3), loss=focal, optimizer="adam", backend="numpy")
    model.fit(X, Y, epochs=1)
    assert model.predict(X).dtype == Y.dtype
    assert "accuracy" in model.evaluate(X, Y)


def test_an_op_given_as_the_loss_is_the_loss_of_its_name():
    assert xn.Model(xn.Dense(3), loss=xn.ops.mse, optimizer="adam").loss == "mse"


def test_labels_seen_later_do_not_wrap():
    model = xn.Model(xn.Dense(300), loss="softmax_cross_entropy", optimizer="adam", backend="numpy")
    model.fit(X, Y.astype("uint8"), epochs=1)
    assert model.predict(X).dtype.itemsize > 1


def test_divergence_does_not_depend_on_how_training_is_cut_up():
    def train(epochs, calls):
        model = xn.Model(xn.Dense(1), loss="mse", optimizer=xn.sgd(3.0), backend="numpy", dtype="float64")
        for _ in range(calls):
            model.fit(X, X[:, 0], epochs=epochs, batch_size=20)

    for epochs, calls in ((25, 1), (1, 25)):
        with pytest.raises(xn.DivergedError):
            train(epochs, calls)


def test_a_class_with_a_builtins_name_is_not_saved_as_it(tmp_path):
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class LeakyReLU(xn.Layer):
        def forward(self, params, x, ctx):
            return x, lambda dy: (dy, {})

    model = xn.Model(
        xn.Sequential(xn.Dense(1), LeakyReLU()), loss="mse", optimizer="adam", backend="numpy"
    ).build((3,))
    with pytest.raises(TypeError, match="rename"):
        model.save(tmp_path / "m")


def test_early_stopping_restores_running_statistics_too():
    seen = []
    network = xn.Sequential(xn.Dense(4), xn.BatchNorm(), xn.Dense(3))
    model = xn.Model(network, loss="softmax_cross_entropy", optimizer=xn.adam(0.3), backend="numpy")
    stop = xn.EarlyStopping(monitor="val_loss", patience=2)
    model.fit(
        X,
        Y,
        epochs=30,
        batch_size=20,
        validation_data=(X, (Y + 1) % 3),
        callbacks=[stop, lambda model, record: seen.append(model.buffers)],
    )
    best, last = seen[stop.best_epoch - 1], seen[-1]
    assert len(seen) > stop.best_epoch
    assert all(np.array_equal(model.buffers[name], best[name]) for name in best)
    assert any((last[name] != best[name]).any() for name in best)


def test_a_first_call_that_fails_replaces_no_decision():
    model = make()
    before = model._placement.decided
    with pytest.raises(xn.LabelError):
        model.fit(X, Y[:7], epochs=1)
    assert model._placement.decided is before
    model.fit(X, Y, epochs=1)
    kept = model._placement.decided
    with pytest.raises(xn.LabelError):
        model.fit(X, np.array(["a", "b"] * 10), epochs=1)
    assert model._placement.decided is kept


def test_what_data_decided_can_be_read():
    model = make(backend="numpy")
    assert (model.input_shape, model.output_shape, model.targets.labels) == (None, (), None)
    model.fit(X, np.array(["a", "b", "c"])[Y], epochs=1)
    assert (model.input_shape, model.output_shape) == ((3,), (3,))
    assert model.targets.labels == ("a", "b", "c")
    assert model.loss_op is xn.ops.softmax_cross_entropy


def test_a_session_for_ones_own_training_keeps_the_model_where_it_is():
    model = make(backend="numpy")
    with model.training_session(X, Y, validation_data=(X[:5], Y[:5])) as (trainer, samples, held):
        assert (len(samples), len(held)) == (20, 5)
        assert np.isfinite(trainer.step(samples))
        with pytest.raises(RuntimeError, match="while fit runs"):
            model.to("numpy")
    assert model.history.epochs == 0
    model.to("numpy")


def test_a_move_that_fails_leaves_the_model_where_it_was(monkeypatch):
    pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    model = xn.Model(xn.Dense(2), loss="mse", optimizer="sgd", backend="numpy").build((3,))
    before, params = model.backend, model.params

    def broken(self, host, *, epochs):
        raise MemoryError("no room")

    monkeypatch.setattr("xpnet.train.Trainer.load", broken)
    with pytest.raises(MemoryError):
        model.to("strict")
    assert model.backend is before
    for name, x in model.params.items():
        assert np.array_equal(x, params[name])


@pytest.mark.parametrize(
    "make", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["deepcopy", "pickle"]
)
def test_a_copy_made_by_a_callback_can_be_trained(make):
    x, y = np.ones((4, 3)), np.ones((4, 2))
    copies = []
    model = xn.Model(xn.Dense(2), loss="mse", optimizer="sgd", backend="numpy")
    model.fit(x, y, epochs=1, callbacks=[lambda model, record: copies.append(make(model))])
    assert len(copies[0].fit(x, y, epochs=1)["loss"]) >= 1


def test_a_shallow_copy_moves_alone():
    pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    model = xn.Model(xn.Dense(2), loss="mse", optimizer="sgd", backend="numpy").build((3,))
    other = copy.copy(model).to("strict")
    assert (model.backend.name, other.backend.name) == ("numpy", "strict")


def test_an_interrupt_at_the_start_of_a_training_ends_it(monkeypatch):
    x, y = np.ones((4, 3)), np.ones((4, 2))
    model = xn.Model(xn.Dense(2), loss="mse", optimizer="sgd").build((3,))

    def broken(*args, **changes):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("xpnet.placement.replace", broken)
        with pytest.raises(KeyboardInterrupt):
            model.fit(x, y, epochs=1)
    model.fit(x, y, epochs=1)
