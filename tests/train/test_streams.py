"""Batches made elsewhere are steps, the next read while this one computes; what is wrong with one is named."""

import itertools
import signal
import threading
import time

import numpy as np
import pytest

import xpnet as xn
from xpnet.train import LazyRows

from .streamed import WEIGHT, X, Y, cut, make, state, unchanged

pytestmark = pytest.mark.usefixtures("small_parts")


def test_each_batch_is_a_step(backend):
    stream, stepwise = make(backend), make(backend)
    items = [(x, y, w) for (x, y), w in zip(cut(), np.split(WEIGHT, range(8, 75, 8)), strict=True)]
    history = stream.fit(items, epochs=2)
    losses = [stepwise.partial_fit(x, y, w) for _ in range(2) for x, y, w in items]
    assert state(stream) == state(stepwise)
    totals = [w.sum() for _, _, w in items]
    for epoch in range(2):
        wanted = np.average(losses[10 * epoch : 10 * epoch + 10], weights=totals)
        assert history["loss"][epoch] == pytest.approx(wanted, rel=1e-12)


def test_batches_in_the_order_of_an_epoch_are_that_epoch(backend):
    epochs = iter(range(2))

    def function():
        order = xn.data.shuffled(75, seed=4, epoch=next(epochs))
        return cut(8, X[order], Y[order])

    a, b = make(backend), make(backend)
    a.fit(X, Y, epochs=2, batch_size=8, validation_data=(X, Y))
    b.fit(function, epochs=2, validation_data=(X, Y))
    assert state(a) == state(b)
    assert a.history == b.history


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_loss_of_an_epoch_is_that_of_all_samples(reduction):
    model = make(optimizer=xn.sgd(0.0), network=xn.Dense(3), reduction=reduction)
    history = model.fit(cut(30), epochs=1)
    assert history["loss"][0] == pytest.approx(model.evaluate(X, Y)["loss"], rel=1e-12)


def test_whatever_gives_batches(mapped):
    class Loader:
        """As PyTorch's: lists, afresh each time."""

        def __iter__(self):
            return ([x, y] for x, y in cut())

    wanted = make()
    wanted.fit(cut(), epochs=2)
    for given in (Loader(), Loader().__iter__, tuple(cut()), lambda: map(tuple, cut()), cut(x=mapped(X))):
        model = make()
        model.fit(given, epochs=2)
        assert state(model) == state(wanted)
    once = make()
    for _ in range(2):
        once.fit(iter(cut()), epochs=1)
    assert state(once) == state(wanted)


def test_a_data_loader_of_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch, whose loaders these are, is not installed")
    samples = torch.utils.data.TensorDataset(torch.tensor(X).double(), torch.tensor(Y))
    model, wanted = make(None), make("torch")
    model.fit(torch.utils.data.DataLoader(samples, batch_size=8), epochs=2)
    wanted.fit(cut(), epochs=2)
    assert model.backend.name == "torch"
    assert state(model) == state(wanted)


@pytest.mark.parametrize("way", ["file", "function"])
def test_the_next_is_read_while_this_one_computes(mapped, monkeypatch, way):
    """A step waits until the part after it is being read, and would wait for ever if that came later."""
    read, seen = [threading.Event() for _ in range(9)], []

    class Waits(xn.Callback):
        def on_steps(self, model, record):
            assert read[min(record["step"], 4)].wait(10)
            seen.append((record["step"], sum(event.is_set() for event in read)))

    def function():
        for count, batch in enumerate(cut(15)):
            read[count].set()
            yield batch

    if way == "file":
        take, count = LazyRows.take, iter(range(99))
        monkeypatch.setattr(
            LazyRows,
            "take",
            lambda self, part: (self.ndim == 2 and read[next(count)].set(), take(self, part))[1],
        )
        make().fit(mapped(X), Y, epochs=1, batch_size=15, steps_per_call=1, callbacks=[Waits()])
    else:
        make().fit(function, epochs=1, callbacks=[Waits()])
    assert seen == [(1, 2), (2, 3), (3, 4), (4, 5), (5, 5)]


def test_an_iterator_lives_in_one_thread():
    threads = []

    def function():
        for batch in cut():
            threads.append(threading.current_thread())
            yield batch

    make().fit(function, epochs=2)
    assert len(threads) == 20
    assert set(threads) == {threads[0]} != {threading.current_thread()}


@pytest.mark.parametrize(
    ("place", "error"),
    [("iterator", OSError), ("iterator", KeyboardInterrupt), ("callback", KeyboardInterrupt)],
)
def test_an_error_leaves_the_model_as_before_the_epoch(backend, error, place):
    def function():
        for count, batch in enumerate(cut()):
            if place == "iterator" and count == 6 and model.history.epochs == 2:
                raise error("mine")
            yield batch

    def fail(self, model, record):
        if place == "callback" and record["step"] == 6 and model.history.epochs == 2:
            raise error("mine")

    model, whole = make(backend), make(backend)
    model.fit(function, epochs=2)
    with unchanged(model), pytest.raises(error, match=r"^mine$"):
        model.fit(function, epochs=1, callbacks=[type("Fails", (xn.Callback,), {"on_steps": fail})()])
    model.fit(cut(), epochs=1)
    whole.fit(cut(), epochs=3)
    assert state(model) == state(whole)


def bad(number, *batch):
    """Batches, one of which is another."""
    return [batch if count == number else good for count, good in enumerate(cut(), start=1)]


def with_nan():
    x = X[:8] / 4
    x[5, 2] = np.nan
    return x


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        (bad(4, with_nan(), Y[:8]), ValueError, r"in batch 4: x holds nan at row 5, column 2"),
        (bad(4, X[:8], Y[:8] + 1), xn.LabelError, r"in batch 4: y holds label 3 at row 2"),
        (bad(4, X[:8], Y[:7]), xn.LabelError, r"in batch 4: y \(7,\) must hold one target for each of the 8"),
        (bad(4, X[:8, :3], Y[:8]), ValueError, r"in batch 4: x \(8, 3\) does not fit .* takes \(n, 4\)"),
        (bad(4, X[:0], Y[:0]), ValueError, r"in batch 4: x holds no samples"),
        (bad(4, X[:8], Y[:8], np.zeros(8)), ValueError, r"in batch 4: sample_weight is 0 for every"),
        (bad(1, X[:8]), TypeError, r"in batch 1, .*y is left out: \(x, y\) or .* wanted, a tuple of 1"),
        (
            bad(2, *"wxyz"),
            TypeError,
            r"in batch 2: \(x, y\) or \(x, y, sample_weight\) was wanted, a tuple of 4",
        ),
        (iter([X, Y]), TypeError, r"in batch 1, .*: \(x, y\) or .* was wanted, a ndarray came"),
        (
            bad(1, X[:3], np.array(["a", "b", "c"])),
            xn.LabelError,
            r"in batch 1, .*: y holds text.* number them",
        ),
        ([], ValueError, r"x gives no batches.* fresh iterator"),
        (lambda: None, TypeError, r"x gave None when it was called.* fresh iterator"),
        ({"x": X}, TypeError, r"y is missing.*a dict"),
        (3, TypeError, r"x is 3, which gives no batches, and y is missing"),
    ],
)
def test_a_bad_batch_is_named(given, error, said):
    model = make().build((4,))
    with unchanged(model), pytest.raises(error, match=said):
        model.fit(given, epochs=1)


def test_a_model_that_knows_its_labels_takes_them_from_batches():
    y = np.array(["a", "b", "c"])[Y]
    model, by_number = make(), make()
    model.fit(X, y, epochs=1)
    by_number.fit(X, Y, epochs=1)
    model.fit(cut(y=y), epochs=1)
    by_number.fit(cut(), epochs=1)
    assert state(model) == state(by_number)
    with pytest.raises(
        xn.LabelError, match="in batch 2: y holds the label 'z', the model knows 'a', 'b', 'c'"
    ):
        model.fit([(X[:9], y[:9]), (X[:2], np.array(["a", "z"]))], epochs=1)


def test_an_iterator_that_has_ended():
    model, done = make().build((4,)), iter(cut())
    with (
        unchanged(model),
        pytest.raises(ValueError, match=r"x is a \w+, which ends after one of the 2 epochs.* fresh"),
    ):
        model.fit(done, epochs=2)
    assert len(list(done)) == 10
    again = iter(cut())
    with pytest.raises(ValueError, match="x gives no batches, or none any more"):
        model.fit(lambda: again, epochs=3)
    assert model.history.epochs == 1


@pytest.mark.parametrize(
    "option",
    [{"batch_size": 8}, {"validation_split": 0.2}, {"sample_weight": WEIGHT}, {"class_weight": "balanced"}],
)
def test_options_that_do_not_go_with_batches(option):
    with pytest.raises(ValueError, match=rf"{next(iter(option))} does not go with batches.*leave it out"):
        make().fit(cut(), epochs=1, **option)


class WaitsForTheNext(xn.Layer):
    """The identity; a step of training first waits until the batch after it has been made."""

    made = threading.Semaphore(0)

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, params, x, ctx):
        if ctx.train:
            assert self.made.acquire(timeout=10)
        return x, lambda dy: (dy, {})


@pytest.mark.parametrize("own", [False, True])
def test_a_source_may_fill_the_same_arrays_anew(backend, own):
    """NumPy's arrays and the backend's own, overwritten by the next batch before the step of the last."""
    if backend.name == "jax":
        pytest.skip("arrays of JAX cannot be filled anew, and its steps are compiled")
    place = backend.asarray if own and "numpy" not in backend.name else np.copy
    batches = [[a.astype("float64") for a in batch] for batch in cut(15, y=Y[:, None])]

    def anew():
        x, y = map(place, batches[0])
        for count, batch in enumerate(batches):
            x[...], y[...] = map(place, batch)
            if count:
                WaitsForTheNext.made.release()
            yield x, y
        WaitsForTheNext.made.release()

    network = xn.Sequential(WaitsForTheNext(), xn.Dense(3, "tanh"), xn.Dense(1))
    refilled, wanted = (make(backend, "mse", network, natives=False) for _ in range(2))
    refilled.fit(anew, epochs=2)
    WaitsForTheNext.made.release(2 * len(batches))
    wanted.fit(batches, epochs=2)
    assert refilled.history == wanted.history
    assert state(refilled) == state(wanted)


@pytest.mark.parametrize("place", ["source", "step"])
def test_an_interrupt_waits_for_no_source(monkeypatch, place):
    """A source that does not answer is left behind, whether Ctrl-C or an error in a step ends the training."""
    monkeypatch.setattr("xpnet.train.reader.WAIT_SECONDS", 0.05)
    answers, handler = threading.Event(), signal.getsignal(signal.SIGINT)

    def function():
        yield from cut(15)[:2]
        if place == "source":
            time.sleep(0.1)  # until the main thread waits for this batch
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        answers.wait(30)

    class Fails(xn.Callback):
        def on_steps(self, model, record):
            if place == "step" and record["step"] == 2:
                raise RuntimeError("mine")

    model, began = make(), time.monotonic()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with (
            pytest.warns(UserWarning, match="the source of batches has not answered") as told,
            pytest.raises(KeyboardInterrupt if place == "source" else RuntimeError),
        ):
            model.fit(function, epochs=1, callbacks=[Fails()])
    finally:
        signal.signal(signal.SIGINT, handler)
    assert time.monotonic() - began < 10
    assert told[0].filename == __file__  # at the user's line
    assert model.history.epochs == 0
    answers.set()
    model.fit(cut(15), epochs=1)


def test_an_endless_source_is_given_the_length_of_an_epoch():
    """The next epoch goes on behind it: epochs of three batches are a list of those three, and of the three after."""
    batches = cut(5)

    def endless():
        yield from itertools.cycle(batches)

    model, wanted, taken = make(), make(), make()
    history = model.fit(endless, epochs=2, steps_per_epoch=3)
    for part in (batches[:3], batches[3:6]):
        wanted.fit(part, epochs=1)
    assert state(model) == state(wanted)
    assert history["loss"] == wanted.history["loss"]
    taken.fit(endless(), epochs=2, steps_per_epoch=3)  # an iterator, too
    assert state(taken) == state(wanted)


def test_a_source_that_ends_within_an_epoch_begins_afresh_with_the_next():
    batches = cut(15)  # five of them
    model, wanted = make(), make()
    model.fit(lambda: iter(batches), epochs=3, steps_per_epoch=3)
    for part in (batches[:3], batches[3:], batches[:3]):
        wanted.fit(part, epochs=1)
    assert state(model) == state(wanted)
    with pytest.raises(ValueError, match="x gives no batches, or none any more"):
        make().fit(iter(batches[:3]), epochs=2, steps_per_epoch=3)


def test_steps_per_epoch_goes_with_batches_alone():
    with pytest.raises(ValueError, match="steps_per_epoch goes with batches alone"):
        make().fit(X, Y, epochs=1, steps_per_epoch=3)
    with pytest.raises(ValueError, match="steps_per_epoch 0 must be"):
        make().fit(cut(), epochs=1, steps_per_epoch=0)
    with pytest.raises(ValueError, match=r"ends after one of the 2 epochs: .* or give steps_per_epoch"):
        make().fit(iter(cut()), epochs=2)
