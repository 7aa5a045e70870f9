"""Every experiment gives its numbers on every backend that computes, draws its pictures, and is on the page."""

import functools
import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import xpnet as xn

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))
lesson = importlib.import_module("lesson")
results = importlib.import_module("results")

PAGE = (EXAMPLES / "README.md").read_text(encoding="utf-8")


def taught(name, backend, length, draw=False):
    run = lesson.Lesson(backend, draw=draw, length=length)
    importlib.import_module(name).main(run)
    return run


@functools.cache
def on_numpy(name):
    return taught(name, xn.backends.get("numpy"), "least")


def test_every_example_is_listed():
    files = {path.stem for path in EXAMPLES.glob("*.py")} - {"lesson", "results"}
    assert set(results.EXAMPLES) == files
    assert len(results.EXAMPLES) == len(files) == 11


@pytest.mark.parametrize("name", results.EXAMPLES)
def test_numbers(name, backend):
    """Those expected, and off NumPy those of NumPy to 1e-9."""
    run = taught(name, backend, "brief" if backend.name == "numpy" else "least")
    assert run.rows
    assert not [row for row in run.rows if not row.agrees]
    if backend.name == "numpy":
        return
    for row, there in zip(run.rows, on_numpy(name).rows, strict=name != "images"):  # which adds a comparison
        assert row.what == there.what
        tolerance = max(row.tolerance, lesson.NUMBER)
        assert np.allclose(row.value, there.value, rtol=tolerance, atol=tolerance), row.what


@pytest.mark.parametrize("name", results.EXAMPLES)
def test_pictures(name, tmp_path, monkeypatch, capsys):
    """Each is drawn, is in the repository and on the page; the page has no other. Images fall back to digits."""
    pyplot = pytest.importorskip(
        "matplotlib.pyplot", reason="matplotlib is not installed: pip install 'xpnet[plots]'"
    )
    pyplot.switch_backend("agg")
    monkeypatch.setattr(xn.data, "fashion_mnist", absent)
    run = taught(name, xn.backends.get("numpy"), "brief" if name == "images" else "least", draw=True)
    assert ("not here, so this runs on xpnet's digits" in capsys.readouterr().out) == (name == "images")
    try:
        drawn = [path.name for path in run.save(tmp_path, name)]
    finally:
        pyplot.close("all")
    assert drawn
    for path in tmp_path.iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")
    on_page = re.findall(rf"\(pictures/({name}-[\w-]+\.png)\)", PAGE)
    assert sorted(on_page) == sorted(drawn)
    assert all((EXAMPLES / "pictures" / picture).exists() for picture in drawn)


def absent():
    raise FileNotFoundError("apt install dataset-fashion-mnist")


@pytest.mark.parametrize("name", results.EXAMPLES)
def test_the_page_has_its_numbers(name):
    """Every number of a run, and what is expected of it, stands in the table."""
    (part,) = re.findall(
        rf"^\*\*{name}\*\*\n\n(.*?)(?=^\*\*|^<!-- end)", PAGE, flags=re.MULTILINE | re.DOTALL
    )
    listed = {tuple(cell.strip() for cell in line.strip("|").split("|"))[::2] for line in part.splitlines()}
    assert {(row.what, row.wanted) for row in on_numpy(name).rows} <= listed


def test_an_example_from_the_command_line(tmp_path):
    done = run("tangents.py", "--save", tmp_path / "new" / "folder")
    assert done.returncode == 0, done.stderr
    assert "slope                                                2" in done.stdout
    assert {path.name for path in (tmp_path / "new" / "folder").iterdir()} == {
        "tangents-lines.png",
        "tangents-plane.png",
    }


def test_wrong_numbers_are_said_and_are_a_failure(capsys):
    run = lesson.Lesson(xn.backends.get("numpy"), draw=False)
    cases = [(0.21216, "0.2122", True), (0.21226, "0.2122", False), (0.5, (0.0, "to", 1.0), True)]
    cases += [
        (np.nan, (0.0, "to", 1.0), False),
        (2.0 + 1e-8, 2.0, False),
        (60.00000058584, "60.0000005858", True),
    ]
    cases += [
        (60.0000007, "60.0000005858", False),
        ([1.0, 2.0], [1.0, 2.0, 3.0], False),
        (np.nan, 1.0, False),
    ]
    for got, wanted, _ in cases:
        run.expect("it", got, wanted)
    assert [row.agrees for row in run.rows] == [agrees for *_, agrees in cases]
    assert capsys.readouterr().out.count("DIFFERS") == sum(not agrees for *_, agrees in cases)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--backend", "torhc"], "tangents.py: backend 'torhc' is unknown: did you mean 'torch'?"),
        (["--backend", "strict", "--save", __file__], "tangents.py: "),
        (["--lenght", "full"], "unrecognized arguments"),
    ],
    ids=["backend", "folder", "option"],
)
def test_what_is_wrong_is_said_in_a_sentence(arguments, says):
    done = run("tangents.py", *arguments)
    assert done.returncode != 0
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def run(file, *arguments):
    return subprocess.run(
        [sys.executable, EXAMPLES / file, *map(str, arguments)], capture_output=True, text=True, check=False
    )
