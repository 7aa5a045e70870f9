"""Every experiment gives its numbers on every backend that computes, draws its pictures, and is on the page."""

import functools
import importlib
import os
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
    if name == "tabular":
        pytest.importorskip("sklearn", reason="scikit-learn, which the tables come with, is not installed")
    run = lesson.Lesson(backend, draw=draw, length=length)
    importlib.import_module(name).main(run)
    return run


@functools.cache
def on_numpy(name):
    return taught(name, xn.backends.get("numpy"), "least")


def test_every_example_is_listed():
    files = {path.stem for path in EXAMPLES.glob("*.py")} - {"lesson", "results"}
    assert set(results.EXAMPLES) == files
    assert len(results.EXAMPLES) == len(files) == 14


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", results.EXAMPLES)
def test_numbers_of_a_brief_run(name):
    agree(taught(name, xn.backends.get("numpy"), "brief"))


def agree(run):
    assert run.rows
    assert not [row for row in run.rows if not row.agrees]


@pytest.mark.sample(1, by=("name", "numpy"))
@pytest.mark.parametrize("name", results.EXAMPLES)
def test_numbers(name, backend):
    """Those expected, and off NumPy those of NumPy to 1e-9."""
    run = taught(name, backend, "least")
    agree(run)
    if backend.name == "numpy":
        return
    for row, there in zip(run.rows, on_numpy(name).rows, strict=name != "images"):  # which adds a comparison
        assert row.what == there.what
        tolerance = max(row.tolerance, lesson.NUMBER)
        assert np.allclose(row.value, there.value, rtol=tolerance, atol=tolerance), row.what


@pytest.mark.sample(5)
@pytest.mark.parametrize("name", results.EXAMPLES)
def test_pictures(name, tmp_path, monkeypatch, capsys):
    """Each is drawn, is in the repository and on the page; the page has no other. Images fall back to digits."""
    pyplot = pytest.importorskip(
        "matplotlib.pyplot", reason="matplotlib is not installed: pip install 'xpnet[plots]'"
    )
    pyplot.switch_backend("agg")
    monkeypatch.setattr(xn.data, "fashion_mnist", absent)
    of_images = name in ("images", "convolution")
    run = taught(name, xn.backends.get("numpy"), "brief" if of_images else "least", draw=True)
    assert ("not here, so this runs on xpnet's digits" in capsys.readouterr().out) == of_images
    assert not [row for row in run.rows if not row.agrees]
    drawn = [path.name for path in run.save(tmp_path, name)]
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
        (
            ["--backend", "strict", "--save", __file__],
            f"tangents.py: --save {__file__}: no folder can be made there",
        ),
        (["--lenght", "full"], "unrecognized arguments"),
    ],
    ids=["backend", "folder", "option"],
)
def test_a_wrong_command_line_is_one_sentence(arguments, says):
    """And before anything is computed."""
    done = run("tangents.py", *arguments)
    assert done.returncode != 0
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (xn.DivergedError("too fast"), "test_examples.py: too fast"),
        (xn.BackendError("not here"), "test_examples.py: not here"),
        (KeyboardInterrupt(), 130),
    ],
    ids=["diverged", "backend", "interrupt"],
)
def test_an_error_ends_an_example_with_one_sentence(error, code, monkeypatch):
    def main(lesson):
        raise error

    monkeypatch.setattr(sys, "argv", ["example"])
    monkeypatch.setenv("JAX_ENABLE_X64", "1")
    with pytest.raises(SystemExit) as stopped:
        lesson.run(main)
    assert stopped.value.code == code


@pytest.mark.parametrize(("got", "code"), [(1.0, 0), (1.1, 1)])
def test_a_number_that_differs_is_a_failure_of_the_command(got, code, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["example"])
    monkeypatch.setattr(lesson, "can_draw", lambda folder: False)
    monkeypatch.setenv("JAX_ENABLE_X64", "1")
    with pytest.raises(SystemExit) as ended:
        lesson.run(lambda lesson: lesson.expect("it", got, 1.0))
    assert ended.value.code == code


def test_without_matplotlib_there_are_the_numbers(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys; sys.modules['matplotlib'] = None", encoding="utf-8"
    )
    without = {"PYTHONPATH": str(tmp_path)}
    done = run("tangents.py", **without)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("the pictures need matplotlib: pip install 'xpnet[plots]'\n")
    done = run("tangents.py", "--save", tmp_path, **without)
    assert done.returncode == 1
    assert "matplotlib is not installed: pip install 'xpnet[plots]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_scikit_learn_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(
        xn.MissingExtraError, match=r"scikit-learn is not installed: pip install scikit-learn$"
    ):
        importlib.import_module("tabular").main(lesson.Lesson(xn.backends.get("numpy"), draw=False))


def test_without_a_window_it_says_how_to_have_the_pictures():
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'xpnet[plots]'")
    done = run("tangents.py", MPLBACKEND="svg")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no window can be opened here: give --save DIR" in done.stdout


def test_jax_computes_in_float64_whatever_it_was_told():
    pytest.importorskip("jax", reason="jax is not installed: pip install 'xpnet[jax]'")
    done = run("tangents.py", "--backend", "jax", JAX_ENABLE_X64="0", MPLBACKEND="agg")
    assert done.returncode == 0, done.stderr


def test_a_batch_of_several_rows_has_its_gradient_too(monkeypatch):
    """The page says to try it."""
    example = importlib.import_module("small_gradient")
    monkeypatch.setattr(example, "X", [[0.6, 0.9], [1.0, -1.0], [0.0, 2.0]])
    monkeypatch.setattr(example, "TARGET", [2, 0, 1])
    run = taught("small_gradient", xn.backends.get("numpy"), "full")
    assert all(row.agrees for row in run.rows)


def run(file, *arguments, **environment):
    return subprocess.run(
        [sys.executable, EXAMPLES / file, *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
