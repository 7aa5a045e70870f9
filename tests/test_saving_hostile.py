"""Files with the right checksum that describe no model, and none of which is loaded."""

import copy
import tracemalloc

import numpy as np
import pytest

import xpnet as xn
from xpnet import io

from .test_saving import X, Y, make

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

LETTERS = {**TARGETS, "labels": ["a", "b", "c"], "dtype": "<U1"}

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
    *({"targets": {**TARGETS, "dtype": value}} for value in (5, "nonsense", [], "U1", "O", "M8[s]", "f4,i4", "c8")),
    *({"targets": {**LETTERS, "labels": ["a", value, "c"]}} for value in ([], None, {}, "c", "long", 1)),
    *({"targets": {**LETTERS, "dtype": value}} for value in (None, "int64", "f4", "S1", "M8[s]", "?")),
    *({"targets": {**TARGETS, "vector": value}} for value in (5, None, "x", True)),
    *({"targets": {**TARGETS, "threshold": value}} for value in ("x", None, 0.0, [])),
    *({"loss": value} for value in (None, 5, [], {}, "mse_", ["mse"])),
    *({"reduction": value} for value in (None, "max", ["mean"])),
    *({"dtype": value} for value in (None, 5, "float16", "float32", ["float64"])),
    *({"seed": value} for value in (None, -1, 1.5, "0", [0])),
    *({"input_shape": value} for value in (None, 3, [], [0], [-3], ["a"], [4], [3, 4], [10**15], [10**40])),
    *({"epochs": value} for value in (None, -1, "1", [], 1.5, float("inf"), float("nan"))),
    *({"feature_names": value} for value in (5, "abc", [], ["a"], ["a"] * 9, ["a", "b", "c", 5])),
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
    *({"history": {"epoch": [1], "loss": value}} for value in ([[]], ["x"], [{}], [1.0, 2.0], [])),
    {"history": {"mine": [[]]}},
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


@pytest.mark.parametrize(("name", "value"), [("step", -1), ("lr", -1.0), ("lr", np.nan), ("lr", np.inf)])
def test_numbers_of_the_state_that_no_training_leaves(good, name, value, tmp_path):
    arrays, config = good
    refused(tmp_path / "m", {**arrays, name: np.full_like(arrays[name], value)}, config)


def test_the_file_they_are_made_from_loads(good, tmp_path):
    arrays, config = good
    io.write(tmp_path / "m", arrays, config)
    assert xn.load(tmp_path / "m", backend="numpy").history.epochs == 1
    config = {**config, "targets": LETTERS, "history": {"epoch": [1], "mine": ["x", None]}}
    io.write(tmp_path / "m", arrays, config)
    assert set(xn.load(tmp_path / "m", backend="numpy").predict(X)) <= set("abc")
