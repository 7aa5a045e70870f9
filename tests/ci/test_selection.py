"""The sample of the costly test families: by its seed alone, said aloud, and never in the way of what is named."""

import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from .. import selection

CONFTEST = """
import importlib.util

spec = importlib.util.spec_from_file_location("selection", {path!r})
selection = importlib.util.module_from_spec(spec)
spec.loader.exec_module(selection)


def pytest_addoption(parser, pluginmanager):
    pluginmanager.register(selection, "selection")
"""
TESTS = """
import pytest


@pytest.mark.sample(2, by=("row",))
@pytest.mark.parametrize("number", range(10))
@pytest.mark.parametrize("row", ["a", "b", "c"])
def test_costly(row, number):
    assert number >= 0


@pytest.mark.sample(1)
@pytest.mark.parametrize("backend", ["strict", "strict-device1"])
def test_strict(backend):
    assert backend


@pytest.mark.parametrize("backend", ["numpy", "strict-device1"])
def test_cheap(backend):
    assert backend
"""


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """Runs pytest on a suite of its own: (the names of the tests that ran in their order, the output)."""
    tmp_path = tmp_path_factory.mktemp("suite")
    (tmp_path / "conftest.py").write_text(CONFTEST.format(path=selection.__file__))
    (tmp_path / "test_them.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers -p no:cacheprovider\n")

    @functools.cache
    def run(*arguments, seed="2026-12-01"):
        command = [sys.executable, "-m", "pytest", "-v", *arguments]
        outer = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
        environment = {**outer, selection.SEED: seed, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return re.findall(r"(test_\w+\[.*?\])(?: PASSED|\n\[gw)", done.stdout), done.stdout

    return run


def names(ran):
    return {name for name in ran if name.startswith("test_costly")}


def test_a_seed_chooses_the_sample_and_the_rest_is_counted_as_not_run(suite):
    ran, out = suite()
    assert [sum(f"[{row}-" in name for name in names(ran)) for row in "abc"] == [2, 2, 2]
    assert len(ran) == 6 + 1 + 2
    assert "9 passed, 25 deselected" in out
    assert (
        "25 tests were not run: outside the sample of XPNET_SAMPLE_SEED=2026-12-01; --full runs them" in out
    )
    assert suite("--tb=short")[0] == ran
    assert suite(seed="2026-12-02")[0] != ran


@pytest.mark.parametrize("arguments", [["--full"], ["-k", "costly"]])
def test_all_that_is_named_runs(suite, arguments):
    assert len(names(suite(*arguments)[0])) == 30
    assert "were not run" not in suite(*arguments)[1]


def test_a_test_outside_the_sample_runs_by_its_node_id(suite):
    outside = sorted(names(suite("--full")[0]) - names(suite()[0]))[0]
    assert suite(f"test_them.py::{outside}")[0] == [outside]


def test_workers_take_the_same_sample_and_the_closing_line_counts_the_rest(suite):
    _, out = suite("-p", "xdist.plugin", "-n", "2")
    assert "9 passed, 25 deselected" in out
    assert "25 tests were not run" in out
    assert "for 9 tests in 2 processes" in out


def test_a_random_order_is_repeated_by_its_seed(suite):
    ran = suite("--full")[0]
    shuffled = suite("--full", "--random-order", "3")[0]
    assert shuffled != ran
    assert sorted(shuffled) == sorted(ran)
    assert suite("--full", "--random-order=3")[0] == shuffled


def test_what_an_earlier_run_covers_is_left_out(suite, tmp_path):
    covered = tmp_path / "covered"
    suite(f"--save-covered={covered}")
    assert len(covered.read_text().split()) == 2
    assert "test_them.py::test_cheap[strict-device1]" in covered.read_text()
    ran, out = suite(
        f"--not-covered={covered}"
    )  # as one word: pytest takes a path by itself for a folder of tests
    assert "test_cheap[numpy]" in ran
    assert not any("strict" in name for name in ran), (
        "the sample took another in the place of what is covered"
    )
    assert f"2 tests were not run: {covered} covers them" in out


@pytest.mark.parametrize(
    ("nodeid", "independent"),
    [
        ("tests/test_oracle.py::test_row[strict-relu-float32]", True),
        ("tests/test_oracle.py::test_row[numpy-readonly-relu-float32]", True),
        ("tests/test_oracle.py::test_row[numpy-relu-float32]", False),
        ("tests/test_oracle.py::test_row[torch-relu-float32]", False),
        ("tests/data/test_idx.py::test_it", True),
        ("tests/test_model.py::test_it", False),
    ],
)
def test_more_libraries_change_nothing_for_strict_arrays_and_for_data(nodeid, independent):
    assert selection.needs_no_library(nodeid) == independent


def test_the_estimate_is_the_saved_seconds_over_the_workers(tmp_path):
    file = tmp_path / selection.DURATIONS
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"a.py::test_x": 6.0}))
    two = SimpleNamespace(rootpath=tmp_path, option=SimpleNamespace(tx=["popen"] * 2))
    nodeids = [f"a.py::test_x[{n}]" for n in range(100)]
    minutes = (600 / 2 + selection.START_SECONDS) / 60
    assert selection.estimate(nodeids, two) == pytest.approx(minutes)
    assert selection.announcement(nodeids, two) == "about 5 minutes for 100 tests in 2 processes"


def test_most_of_the_saved_seconds_are_of_families_that_exist():
    """A family that was renamed counts as cheap: `--save-durations` writes the file anew."""
    root = Path(__file__).parents[2]
    saved = [name.partition("::") for name in json.loads((root / selection.DURATIONS).read_text())]
    found = [
        (root / path).exists() and f"def {function}(" in (root / path).read_text()
        for path, _, function in saved
    ]
    assert sum(found) >= 0.7 * len(saved) > 20
