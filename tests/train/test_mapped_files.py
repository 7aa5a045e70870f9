"""Samples in a mapped file: the bits of the same arrays in memory, in the memory of a few parts."""

import mmap
import struct
import tracemalloc

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import get
from xpnet.train import batches, lazy, memmap
from xpnet.train.inputs import to_inputs

from .streamed import NET, WEIGHT, X, Y, cut, make, state, unchanged

pytestmark = pytest.mark.usefixtures("small_parts")


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
        assert memmap.file_of(x) is file._mmap
    for x in (X, file.astype("float32"), file + 1, np.array(file), file[[1, 2]], 3):
        assert memmap.file_of(x) is None


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
    monkeypatch.setattr(memmap, "LARGE_FILE_SHARE", 0.25)
    for memory, large in ((4 * 480_100, True), (4 * 480_200, False)):
        monkeypatch.setattr(memmap, "memory", lambda memory=memory: memory)
        memmap.ask_for(x, rows)
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
    monkeypatch.setattr(batches, "READ_ELEMENTS", 2**14)
    monkeypatch.setattr(lazy, "CHUNK_SAMPLES", 64)
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


def test_a_plain_view_of_a_file_is_read_when_it_is_used(mapped):
    x = np.asarray(mapped(np.ones((4, 3), "float32")))
    assert type(x) is np.ndarray
    found = to_inputs(get("numpy"), x, input_shape=(3,), dtype="float32", ids=False)
    assert isinstance(found, lazy.LazyRows)
