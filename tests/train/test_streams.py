"""Samples that are not in memory: a mapped file has the bits of the same arrays, batches made elsewhere are steps."""

import mmap
import struct
import threading
import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest

import xpnet as xn
from xpnet.train import Rows, batches, pages, trainer

RNG = np.random.default_rng(6)
X = RNG.integers(0, 9, (75, 4)).astype("uint8")
Y = np.arange(75) % 3
WEIGHT = RNG.uniform(0.5, 2.0, 75)
NET = xn.Sequential(xn.Dense(6), xn.BatchNorm(), xn.Tanh(), xn.Dropout(0.3), xn.Dense(3))


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Two batches of 8 in a part, three chunks in a prediction, and every file is a large one."""
    monkeypatch.setattr(batches, "READ", 2 * 8 * 4)
    monkeypatch.setattr(trainer, "CHUNK", 30)
    monkeypatch.setattr(pages, "SHARE", 0)


@pytest.fixture
def mapped(tmp_path):
    """Puts an array into a file, and maps it."""

    def put(array, name="x"):
        np.save(tmp_path / f"{name}.npy", array)
        return np.load(tmp_path / f"{name}.npy", mmap_mode="r")

    return put


def make(backend="numpy", loss="softmax_cross_entropy", network=NET, **options):
    options = {"optimizer": xn.adam(0.05), "seed": 4, "dtype": "float64", **options}
    return xn.Model(network, loss=loss, backend=backend, **options)


def state(model):
    arrays = model._trainer.dump()
    return [(k, x.tobytes()) for part in ("params", "buffers") for k, x in sorted(arrays[part].items())]


def cut(size=8, x=X, y=Y):
    return [(x[i : i + size], y[i : i + size]) for i in range(0, len(x), size)]


@contextmanager
def unchanged(model):
    """The model is afterwards as it was, and no thread is left."""
    before, threads = state(model), threading.active_count()
    yield
    assert state(model) == before
    assert threading.active_count() == threads


# A mapped file


@pytest.mark.parametrize(
    ("batch_size", "options"),
    [
        (8, {}),
        (30, {"sample_weight": WEIGHT, "validation_split": 0.3, "dtype": "float32"}),
        (7, {"class_weight": {0: 2.0}, "reduction": "sum", "steps_per_call": 3}),
        (100, {"sample_weight": WEIGHT}),
    ],
    ids=lambda given: " ".join(given) or "plain" if isinstance(given, dict) else None,
)
def test_a_mapped_file_trains_as_its_array_in_memory(backend, mapped, batch_size, options):
    made = {name: options[name] for name in ("dtype", "reduction") if name in options}
    fitted = {"epochs": 2, "batch_size": batch_size} | {k: v for k, v in options.items() if k not in made}
    memory, file = make(backend, **made), make(backend, **made)
    x = mapped(X)
    memory.fit(X, Y, **fitted)
    file.fit(x, Y, **fitted)
    assert state(file) == state(memory)
    assert file.history == memory.history
    for answer in ("predict", "forward", "predict_proba"):
        np.testing.assert_array_equal(getattr(file, answer)(x), getattr(memory, answer)(X))
    assert file.evaluate(x, Y, WEIGHT) == memory.evaluate(X, Y, WEIGHT)
    assert file.partial_fit(x, Y) == memory.partial_fit(X, Y)


@pytest.mark.parametrize("dtype", ["int8", "bool", ">i4", ">f4", "float16", "float64"])
@pytest.mark.parametrize("form", ["C", "F", "view"])
def test_every_kind_of_mapped_file(mapped, dtype, form):
    x = (X % 2 if dtype == "bool" else X / 2).astype(dtype)
    file = mapped(np.asarray(x, order="F" if form == "F" else "C"))
    if form == "view":
        x, file = x[70:3:-1, ::2], np.asarray(file)[70:3:-1, ::2]
    a, b = make(), make()
    y = Y[: len(x)]
    a.fit(x, y, epochs=1, batch_size=8, validation_data=(x, y))
    b.fit(file, y, epochs=1, batch_size=8, validation_data=(file, y))
    assert state(a) == state(b)
    assert a.history == b.history


def test_a_mapped_idx_file(tmp_path):
    """Big-endian doubles that begin at byte 12, where no double of this machine would."""
    x = X / 7
    path = tmp_path / "x-idx2-double"
    path.write_bytes(struct.pack(">4B2I", 0, 0, 0x0E, 2, *x.shape) + x.astype(">f8").tobytes())
    a, b = make(), make()
    a.fit(x, Y, epochs=2, batch_size=8)
    b.fit(xn.data.read_idx(path, mmap=True), Y, epochs=2, batch_size=8)
    assert state(a) == state(b)


def test_values_in_a_mapped_file_come_in_parts_too(backend, mapped):
    x, y = X / 4, X[:, :3] / 8
    a, b = make(backend, "mse"), make(backend, "mse")
    options = {"epochs": 2, "batch_size": 8, "validation_split": 0.2}
    a.fit(x, y, **options)
    b.fit(mapped(x), mapped(y, "y"), **options)
    assert state(a) == state(b)
    assert a.history == b.history


@pytest.mark.parametrize("loss", ["mse", "sigmoid_cross_entropy", "softmax_cross_entropy"])
def test_labels_in_a_mapped_file(mapped, loss):
    y, network = (Y, NET) if loss.startswith("softmax") else (Y % 2, xn.Dense(1))
    a, b = make(loss=loss, network=network), make(loss=loss, network=network)
    for shape in ((-1,), (-1, 1)):
        a.fit(X, y.reshape(shape), epochs=1, class_weight=None if loss == "mse" else "balanced")
        b.fit(
            mapped(X),
            mapped(y.reshape(shape), "y"),
            epochs=1,
            class_weight=None if loss == "mse" else "balanced",
        )
        assert state(a) == state(b)


def test_an_array_made_from_a_mapped_one_is_in_memory(mapped):
    file = mapped(X)
    for x in (file, file[3:], np.asarray(file), file.reshape(5, 15, 4), file.T):
        assert pages.file_of(x) is file._mmap
    for x in (X, file.astype("float32"), file + 1, np.array(file), file[[1, 2]], 3):
        assert pages.file_of(x) is None


@pytest.mark.parametrize("form", ["C", "view", "F"])
def test_rows_of_a_large_file_are_asked_for(tmp_path, monkeypatch, form):
    """All bytes of each row, and none of the next; nothing where a row lies all over the file."""
    if not hasattr(mmap.mmap, "madvise"):
        pytest.skip("this system takes no advice on mapped files")
    asked, order = [], "F" if form == "F" else "C"

    class File(mmap.mmap):
        def madvise(self, option, start, length):
            assert option == mmap.MADV_WILLNEED
            super().madvise(option, start, length)
            asked.append(range(start, start + length))

    (tmp_path / "x").write_bytes(bytes(100 + 300 * 1600))
    with open(tmp_path / "x", "rb") as file:
        x = np.ndarray(
            (300, 200), buffer=File(file.fileno(), 0, access=mmap.ACCESS_READ), offset=100, order=order
        )
    places = 100 + 1600 * np.arange(300)
    if form == "view":
        x, places = x[280::-2], places[280::-2]
    rows = np.array([7, 120, 8, 0])
    monkeypatch.setattr(pages, "SHARE", 0.25)
    for memory, large in ((4 * 480_100, True), (4 * 480_200, False)):
        monkeypatch.setattr(pages, "memory", lambda memory=memory: memory)
        pages.ask_for(x, rows)
        found = [
            (p in part, p + 1599 in part, p + 1600 in part)
            for p, part in zip(places[rows], asked, strict=False)
        ]
        assert found == ([(True, True, False)] * 4 if large and form != "F" else [])
        asked.clear()


@pytest.mark.parametrize(("value", "dtype"), [(np.nan, "float64"), (-np.inf, "float64"), (1e39, "float32")])
def test_a_value_that_is_not_finite_is_named_by_its_row(backend, mapped, value, dtype):
    x = X / 4
    x[61, 2] = value
    file, model = mapped(x), make(backend, dtype=dtype).build((4,))
    said = f"x holds {'inf' if value > 0 else value} at row {{}}, column 2, as {dtype} .1 such among"
    with unchanged(model):
        with pytest.raises(ValueError, match=said.format(61)):
            model.fit(file, Y, epochs=2, batch_size=8)
        with pytest.raises(ValueError, match=said.format(52)):
            model.fit(file[9:], Y[9:], epochs=1, batch_size=8, validation_split=0.1)
        with pytest.raises(ValueError, match=said.format(61)):
            model.evaluate(file, Y)
        with pytest.raises(ValueError, match=said.format(61)):
            model.predict(file)


def test_a_bad_target_is_named_by_its_row(mapped):
    y = np.full((75, 3), 1 / 3)
    y[61] = 1.0
    model = make().build((4,))
    with unchanged(model), pytest.raises(xn.LabelError, match="at row 61 they are negative or sum to 3"):
        model.fit(mapped(X), mapped(y, "y"), epochs=1, batch_size=8)
    y[61] = np.nan
    model = make(loss="mse").build((4,))
    with unchanged(model), pytest.raises(xn.LabelError, match="y holds nan at row 61"):
        model.fit(mapped(X), mapped(y, "y"), epochs=1, batch_size=8)


@pytest.mark.parametrize("way", ["file", "both files", "function"])
def test_memory_is_that_of_a_few_parts(tmp_path, monkeypatch, way):
    """Beside the parts there is what every sample has: its target, its weight, its place in the order."""
    monkeypatch.setattr(batches, "READ", 2**14)
    monkeypatch.setattr(trainer, "CHUNK", 64)
    peaks = {}
    for n in (500, 2000):
        x = np.lib.format.open_memmap(tmp_path / f"{n}.npy", mode="w+", dtype="uint8", shape=(n, 256))
        y = x if way == "both files" else np.arange(n) % 3
        loss, units = ("mse", 256) if way == "both files" else ("softmax_cross_entropy", 3)
        network = xn.Sequential(xn.Dense(2), xn.Dense(units))
        model = make(loss=loss, network=network, dtype="float32", natives=False)
        given = (lambda x=x, y=y: iter(cut(64, x, y)), None) if way == "function" else (x, y)
        size = None if way == "function" else 64
        model.fit(x[:64], y[:64], epochs=1)
        tracemalloc.start()
        model.fit(*given, epochs=1, batch_size=size, validation_data=(x, y))
        model.evaluate(x, y)
        peaks[n] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[2000] - peaks[500] < 1500 * 150  # of which a float32 copy of x would be 1500 * 1024
    assert peaks[2000] < 2000 * 1024


# Batches made elsewhere


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
        take, count = Rows.take, iter(range(99))
        monkeypatch.setattr(
            Rows, "take", lambda self, part: (self.ndim == 2 and read[next(count)].set(), take(self, part))[1]
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
