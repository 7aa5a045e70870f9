"""The page of the catalogue: the code's own names, and ticks for what the committed run of the oracle has."""

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

import xpnet as xn
from xpnet import layers, ops
from xpnet.testing import without_rows
from xpnet.testing.catalogue import PROVED, Entry

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("catalogue", ROOT / "ci" / "catalogue.py")
catalogue = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(catalogue)
RESULTS = json.loads(catalogue.RESULTS.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Planted(xn.Layer):
    """A layer that is not in the catalogue; see `ops.relu`."""


def test_the_page_is_up_to_date_with_code_and_results():
    """Red after a name or a row is added, and until the oracle has run on it."""
    assert catalogue.PAGE.read_text(encoding="utf-8") == catalogue.page(RESULTS), (
        f"docs/catalogue.md is not that of the code and of ci/results/oracle.json: run `{catalogue.REPEAT}` (minutes)"
    )


def test_everything_is_proven_but_on_cupy():
    """A name that lost its proof would keep its place in the page without a tick, and the loss would go unseen."""
    for entry in catalogue.catalogue():
        if entry.group in PROVED:
            for name in catalogue.REQUIRED:
                found = entry.proven(RESULTS["rows"], name)
                assert "float64" in found, f"{entry.name} has no proof on {name}: run `{catalogue.REPEAT}`"
                assert RESULTS["backends"][name]["version"]


def test_every_public_name_is_in_it():
    named = {entry.name for entry in catalogue.catalogue()}
    assert set(layers.LAYERS) | set(ops.LOSSES) | set(ops.ACTIVATIONS) <= named
    kinds = (xn.layers.Layer, xn.optim.Optimizer)
    public = {
        name
        for name in xn.__all__
        if isinstance(value := getattr(xn, name), type) and issubclass(value, kinds)
    }
    assert public - {"Layer"} <= named
    assert {"linear", "conv", "erf"} <= named
    assert {"one_cycle", "warmup", "he", "roc_auc"} <= named


def test_everything_has_a_row(monkeypatch):
    assert without_rows() == []
    monkeypatch.setitem(layers.LAYERS, "Planted", Planted)
    assert without_rows() == ["layers: Planted"]
    text = catalogue.page(RESULTS)
    assert "| `Planted` | A layer that is not in the catalogue. | - | - | - | - | - |" in text


@pytest.mark.parametrize(
    ("counts", "dtypes"),
    [
        (
            {"a": {"numpy": {"float32": [3, 0], "float64": [3, 0]}}, "b": {"numpy": {"float64": [1, 0]}}},
            ("float64",),
        ),
        ({"a": {"numpy": {"float64": [3, 1]}}, "b": {"numpy": {"float64": [1, 0]}}}, ()),
        ({"a": {"numpy": {"float64": [3, 0]}}}, ()),
        ({"a": {"numpy": {"float64": [3, 0]}}, "b": {"numpy": {"float64": [0, 0]}}}, ()),
        ({"a": {"torch": {"float64": [3, 0]}}, "b": {"torch": {"float64": [1, 0]}}}, ()),
    ],
    ids=["one dtype", "a failure", "a row that did not run", "a row of absent checks", "another backend"],
)
def test_proven_dtypes(counts, dtypes):
    """All rows passed something and failed nothing."""
    assert Entry("layers", "X", "", ("a", "b")).proven(counts, "numpy") == dtypes
    assert Entry("metrics", "X", "", ()).proven(counts, "numpy") == ()


def test_a_row_is_run_as_it_is_written_down():
    counts, said = catalogue.prove(("relu", "numpy"))
    assert said == []
    assert counts == RESULTS["rows"]["relu"]["numpy"]
