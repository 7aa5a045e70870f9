"""Model files: training goes on from them as if never interrupted, and none but a whole model is loaded."""

import copy
import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest

import xpnet as xn
from xpnet import io
from xpnet.data.tables import Columns, Dropped, Number, Target, Text

from .bits import same_models

X = np.random.default_rng(0).standard_normal((37, 3))
Y = np.arange(37) % 3
NET = xn.Sequential(
    ("in", xn.Dense(8)),
    ("norm", xn.BatchNorm()),
    ("drop", xn.Dropout(0.3)),
    ("act", xn.Tanh()),
    ("out", xn.Dense(3)),
)


def make(backend="numpy", **options):
    options = {"optimizer": xn.adam(xn.schedules.cosine(0.02, 30)), "dtype": "float64", "seed": 5, **options}
    return xn.Model(NET, loss="softmax_cross_entropy", backend=backend, **options)


def test_training_goes_on_as_if_never_interrupted(backend, tmp_path):
    x, y = X[:32], Y[:32]
    whole, first = make(backend), make(backend)
    whole.fit(x, y, epochs=4, batch_size=16, validation_data=(x, y))
    first.fit(x, y, epochs=2, batch_size=16, validation_data=(x, y))
    first.save(tmp_path / "m")
    second = xn.load(tmp_path / "m", backend=backend)
    same_models(first, second)
    assert second.history == first.history
    second.fit(x, y, epochs=2, batch_size=16, validation_data=(x, y))
    same_models(whole, second)
    assert second.history == whole.history
    assert second.history["epoch"] == [1, 2, 3, 4]


def test_another_backend_predicts_the_same(backend, tmp_path):
    model = make("numpy")
    model.fit(X, Y, epochs=3, batch_size=8)
    model.save(tmp_path / "m")
    there = xn.load(tmp_path / "m", backend=backend)
    assert there.backend.name == backend.name
    np.testing.assert_allclose(there.forward(X), model.forward(X), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(there.predict(X), model.predict(X))
    for name, array in there.params.items():
        assert there.backend.owns(array), name


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["no", "yes", "maybe"]),
        np.array([10, "a", "b"]),
        np.array(["ä", "𝄞", ""], object),
        np.arange(3, dtype="i1"),
    ],
)
def test_labels_come_back(tmp_path, labels):
    model = make()
    model.fit(X, labels[Y], epochs=1)
    model.save(tmp_path / "m")
    loaded = xn.load(tmp_path / "m", backend="numpy")
    found = loaded.predict(X)
    np.testing.assert_array_equal(found, model.predict(X))
    assert found.dtype == labels.dtype
    loaded.fit(X, labels[Y][::-1], epochs=1)
    with pytest.raises(xn.LabelError, match="y holds"):
        loaded.fit(X, np.array(["other"] * 37), epochs=1)


def test_what_fit_can_do_save_can_keep(tmp_path):
    """An infinite validation loss, a seed beyond 64 bits: training is never lost at its end."""
    model = xn.Model(xn.Dense(1), loss="mse", optimizer="sgd", backend="numpy", seed=2**70, reduction="sum")
    model.fit(X, X[:, 0], epochs=1, validation_data=(X * 1e30, Y))
    assert model.history["val_loss"] == [float("inf")]
    model.save(tmp_path / "m")
    loaded = xn.load(tmp_path / "m", backend="numpy")
    assert loaded.history == model.history
    assert (loaded.seed, loaded.reduction) == (2**70, "sum")


def test_a_dtype_given_as_numpys_is_kept(tmp_path):
    model = make(dtype=np.dtype("float32"))
    model.fit(X, Y, epochs=1)
    model.save(tmp_path / "m")
    assert xn.load(tmp_path / "m").dtype == "float32"


@dataclass(frozen=True)
class Double(xn.Layer):
    by: float = 2.0

    def forward(self, params, x, ctx):
        return x * self.by, lambda dy: (dy * self.by, {})


def test_a_layer_of_ones_own(tmp_path):
    model = xn.Model(xn.Sequential(xn.Dense(1), Double(3.0)), loss="mse", optimizer="sgd", backend="numpy")
    model.fit(X, X[:, 0], epochs=1)
    model.save(tmp_path / "m")
    with pytest.raises(xn.ModelFileError, match=r"'Double'.*custom=\[Double\]"):
        xn.load(tmp_path / "m", backend="numpy")
    loaded = xn.load(tmp_path / "m", backend="numpy", custom=[Double])
    assert loaded.network == model.network
    np.testing.assert_array_equal(loaded.forward(X), model.forward(X))


def test_a_backend_that_is_unknown_is_not_the_files_fault(tmp_path):
    model = make().build((3,))
    model.save(tmp_path / "m")
    with pytest.raises(ValueError, match="did you mean 'numpy'") as caught:
        xn.load(tmp_path / "m", backend="nunpy")
    assert not isinstance(caught.value, xn.ModelFileError)


COLUMNS = Columns(
    (Number("a", 1.5, 2.0), Text("c", ("", "ä")), Dropped("id", "it numbers the rows")),
    Target("y", "classification", (1, 2, 3), why="as asked"),
    ("a note",),
)


def test_columns_of_a_table_are_kept(tmp_path):
    model = make()
    model.fit(X, Y, epochs=1)
    model.columns = COLUMNS
    model.save(tmp_path / "m")
    assert xn.load(tmp_path / "m", backend="numpy").columns == COLUMNS
    model.columns = None
    model.save(tmp_path / "m")
    assert "columns" not in io.read(tmp_path / "m")[1]  # as files were before there were columns
    assert xn.load(tmp_path / "m", backend="numpy").columns is None


@pytest.mark.parametrize(
    ("columns", "error", "words"),
    [
        (
            Columns((Number("a"),)),
            ValueError,
            r"columns make 1 features of a row, and the model takes \(3,\)",
        ),
        ([Number("a")] * 3, TypeError, "model.columns: xn.data.Columns were wanted, or None"),
    ],
)
def test_columns_that_are_not_the_models_are_not_saved(tmp_path, columns, error, words):
    model = make().build((3,))
    model.columns = columns
    with pytest.raises(error, match=words):
        model.save(tmp_path / "m")
    assert not (tmp_path / "m").exists()


# Files with the right checksum that describe no model

DENSE = {"type": "Dense", "units": 3}
WARMUP = {"type": "Warmup", "peak": 1, "steps": 2, "then": 3}
TARGETS = {
    "type": "Targets",
    "kind": "classes",
    "labels": None,
    "dtype": "int64",
    "vector": False,
    "threshold": 0.5,
}

NUMBER = {"type": "Number", "name": "a", "mean": 0.0, "scale": 1.0, "missing": False}
TEXT = {"type": "Text", "name": "c", "categories": ["p", "q"], "other": False}
TARGET = {
    "type": "Target",
    "name": "y",
    "task": "classification",
    "labels": ["p", "q"],
    "mean": 0.0,
    "scale": 1.0,
}


def columns(*columns, **others):
    return {"type": "Columns", "columns": list(columns), "target": TARGET, "notes": [], **others}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "m"
    model = make()
    model.fit(X, Y, epochs=1)
    model.save(path)
    return io.read(path)


def refused(path, arrays, config):
    io.write(path, arrays, config)
    with pytest.raises(xn.ModelFileError):
        xn.load(path, backend="numpy")


CONFIGS = [
    *({"network": value} for value in (None, 5, [], "Dense", {}, {"type": "Dense"}, {"type": None}, {"type": [5]})),
    *({"network": {"type": name}} for name in ("Unknown", "SGD", "Targets", "Model", "__class__", "os.system")),
    *({"network": {**DENSE, field: 1}} for field in ("unit", "__class__", "self", "")),
    *({"network": {**DENSE, "units": value}} for value in (0, -3, 2.5, "3", None, [], 10**15, 10**40)),
    *({"network": {**DENSE, "initializer": value}} for value in (5, [], ["he", "x"], ["normal", "x"], ["glorot"] * 9)),
    *({"network": {**DENSE, "activation": value}} for value in ("rel", 5, ["relu"], {"type": "ReLU"})),
    *({"network": {"type": "Sequential", "children": value}} for value in (5, "ab", [5], [["a.b", DENSE]], [["a"]])),
    *({"optimizer": value} for value in (None, 5, {"type": "ReLU"}, {"type": "Adam", "x": 1})),
    *({"optimizer": {"type": "Adam", "lr": value}} for value in (-1, "x", DENSE, {"type": "Schedule"}, WARMUP)),
    *({"targets": value} for value in (None, 5, [], "classes", DENSE, {"type": "ReLU"}, {**TARGETS, "kind": "other"})),
    *({"targets": {**TARGETS, "kind": value}} for value in ("values", "binary")),  # not what this loss takes
    *({"targets": {**TARGETS, "labels": value}} for value in (5, "abc", ["a"], ["a", "b", "c", "d"])),
    *({"targets": {**TARGETS, "dtype": value}} for value in (5, "nonsense", [])),
    *({"loss": value} for value in (None, 5, [], {}, "mse_", ["mse"])),
    *({"reduction": value} for value in (None, "max", ["mean"])),
    *({"dtype": value} for value in (None, 5, "float16", "float32", ["float64"])),
    *({"seed": value} for value in (None, -1, 1.5, "0", [0])),
    *({"input_shape": value} for value in (None, 3, [], [0], [-3], ["a"], [4], [3, 4], [10**15], [10**40])),
    *({"epochs": value} for value in (None, -1, "1", [], 1.5, float("inf"), float("nan"))),
    *({"columns": value} for value in (5, [], "x", {}, DENSE, NUMBER, {"type": "Columns"}, columns(), columns(NUMBER))),
    *({"columns": columns(TEXT, value)} for value in (TEXT, 5, None, DENSE, "x", TARGET, {"type": "Dropped"})),
    *({"columns": columns(TEXT, {**NUMBER, "name": value})} for value in ("c", "y", 5, None, [])),
    *({"columns": columns(TEXT, {**NUMBER, "mean": value})} for value in ("x", None, float("nan"), float("inf"), True)),
    *({"columns": columns(TEXT, {**NUMBER, "scale": value})} for value in (0, -1, "x", float("inf"))),
    *({"columns": columns(TEXT, {**NUMBER, "missing": value})} for value in (1, "x", None, True)),  # True: 4 features
    *({"columns": columns(NUMBER, {**TEXT, "categories": value})} for value in ([], ["p"], ["p"] * 2, [1, 2], "pq")),
    *({"columns": columns(NUMBER, {**TEXT, "other": value})} for value in (1, None, True)),
    *({"columns": columns(NUMBER, TEXT, notes=value)} for value in (5, "x", [5], None)),
    *({"columns": columns(NUMBER, TEXT, target=value)} for value in (5, "y", DENSE, NUMBER)),
    *({"columns": columns(NUMBER, TEXT, target=TARGET | {"labels": value})} for value in ([], ["p"], ["p", 1], 5)),
    *({"columns": columns(NUMBER, TEXT, target={**TARGET, "task": value})} for value in ("regression", "x", None)),
    *({"columns": columns(NUMBER, TEXT, target={**TARGET, "scale": value})} for value in (0, "x")),
    *({"history": value} for value in (None, 5, "abc", ["loss"], {"loss": 3}, {"loss": {}})),
]  # fmt: skip


@pytest.mark.parametrize("changed", CONFIGS, ids=str)
def test_a_config_that_is_nonsense(good, tmp_path, changed):
    refused(tmp_path / "m", good[0], {**good[1], **changed})


def test_the_columns_that_the_wrong_ones_are_made_from_load(good, tmp_path):
    io.write(tmp_path / "m", good[0], {**good[1], "columns": columns(NUMBER, TEXT)})
    assert xn.load(tmp_path / "m", backend="numpy").columns.features == ("a", "c=p", "c=q")


@pytest.mark.parametrize("config", [None, 5, [], "abc", {}])
def test_no_config(good, tmp_path, config):
    refused(tmp_path / "m", good[0], config)


def test_every_entry_of_the_config_is_needed(good, tmp_path):
    for name in good[1]:
        refused(tmp_path / "m", good[0], {key: value for key, value in good[1].items() if key != name})


@pytest.mark.parametrize("depth", [60, 120, 200, 300, 500, 5000])
def test_layers_nested_deep(good, tmp_path, depth):
    text = '{"type": "Sequential", "children": [["a", ' * depth + '{"type": "ReLU"}' + "]]}" * depth
    config = copy.deepcopy(good[1]) | {"network": "HERE"}
    io.write(tmp_path / "m", good[0], Raw(config, text))
    with pytest.raises(xn.ModelFileError):
        xn.load(tmp_path / "m", backend="numpy")


class Raw(dict):
    """A configuration whose JSON is put together as text, since json.dumps refuses to nest so deep."""

    def __init__(self, config, network):
        super().__init__(config)
        self.network = network


@pytest.fixture(autouse=True)
def _raw_json(monkeypatch):
    real = io.files.json.dumps

    def dumps(value, **options):
        text = real(value, **options)
        return text.replace('"HERE"', value.network) if isinstance(value, Raw) else text

    monkeypatch.setattr(io.files.json, "dumps", dumps)


def test_arrays_must_be_the_networks(good, tmp_path):
    arrays, config = good
    for name, array in arrays.items():
        refused(tmp_path / "m", {key: value for key, value in arrays.items() if key != name}, config)
        refused(tmp_path / "m", {**arrays, name: array[..., None]}, config)
        refused(tmp_path / "m", {**arrays, name: array.astype("u1")}, config)
    refused(tmp_path / "m", {**arrays, "params/other": np.ones(3)}, config)
    refused(tmp_path / "m", {}, config)


@pytest.mark.parametrize(
    ("network", "input_shape"),
    [
        (xn.Sequential(xn.Dense(5 * 10**7), xn.Dense(3)), [3]),
        (xn.Sequential(xn.Dense(5 * 10**7, initializer="orthogonal"), xn.Dense(3)), [3]),
        (xn.Sequential(xn.Conv2D(2 * 10**6, 3), xn.Flatten(), xn.Dense(3)), [9, 9, 3]),
        (xn.Sequential(xn.Embedding(5 * 10**7, 1, padding=0), xn.Flatten(), xn.Dense(3)), [3]),
        (xn.Sequential(xn.Reshape((3, 1)), xn.GRU(5000, last=True), xn.Dense(3)), [3]),
        (xn.Sequential(xn.Reshape((3, 1)), xn.PositionEmbedding(5 * 10**7), xn.Flatten(), xn.Dense(3)), [3]),
        (xn.Sequential(xn.MultiHeadAttention(2, 5000), xn.Flatten(), xn.Dense(3)), [3, 2]),
        (xn.Sequential(xn.TransformerBlock(2, 5 * 10**7), xn.Flatten(), xn.Dense(3)), [3, 2]),
        *(
            (xn.Sequential(layer, xn.Dense(3)), [5 * 10**7])
            for layer in (
                xn.BatchNorm(),
                xn.LayerNorm(),
                xn.RMSNorm(),
                xn.GroupNorm(1),
                xn.PReLU(shared=False),
            )
        ),
    ],
    ids=str,
)
def test_a_small_file_that_tells_of_a_large_network_is_refused_before_that_is_made(
    good, network, input_shape, tmp_path
):
    """Whose parameters would take 200 MB or more."""
    arrays, config = good
    told = {
        "network": io.to_config(network),
        "input_shape": input_shape,
        "optimizer": io.to_config(xn.adam()),
    }
    io.write(tmp_path / "m", arrays, {**config, **told})
    tracemalloc.start()
    try:
        with pytest.raises(xn.ModelFileError, match="array"):
            xn.load(tmp_path / "m", backend="numpy")
        assert tracemalloc.get_traced_memory()[1] < 10**7
    finally:
        tracemalloc.stop()


def test_the_file_they_are_made_from_loads(good, tmp_path):
    io.write(tmp_path / "m", *good)
    assert xn.load(tmp_path / "m", backend="numpy").history.epochs == 1
