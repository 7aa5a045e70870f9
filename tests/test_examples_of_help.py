"""The example in the docstring of every public class, as `help` shows it: it runs, and prints what it says."""

import doctest
import inspect
import sys
from pathlib import Path

import numpy as np
import pytest

import xpnet as xn

ROOT = Path(__file__).parents[1]
CLASSES = {
    name: value
    for room in (xn, xn.calculus, xn.data, xn.plots, xn.optim)
    for name in room.__all__
    if isinstance(value := getattr(room, name), type) and not issubclass(value, BaseException)
} | xn.schedules.SCHEDULES
OF_AUTHORS = {"Targets", "Part"}
"""Parts of the machinery, which no user makes."""
NEEDS = {"Columns": "pandas", "Target": "pandas", "Live": "matplotlib"}
FLAGS = doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("name", sorted(CLASSES.keys() - OF_AUTHORS))
def test_the_example_of_a_class_prints_what_it_says(name, monkeypatch):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name], reason=f"{NEEDS[name]} is not installed")
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("MPLBACKEND", "agg")
    text = inspect.getdoc(CLASSES[name])
    parsed = doctest.DocTestParser().get_doctest(text, {"xn": xn, "np": np}, name, None, None)
    assert parsed.examples, f"{name} has no example"
    assert parsed.examples[-1].want, f"the example of {name} shows no result"
    assert len(parsed.examples) <= 4, f"the example of {name} is long"
    said = []
    doctest.DocTestRunner(optionflags=FLAGS).run(parsed, out=said.append)
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    assert not said, "".join(said)


def test_a_class_without_an_example_of_its_own_is_found():
    """`getdoc` inherits a docstring, and with it the example of another class."""
    own = {name for name, cls in CLASSES.items() if ">>>" in (vars(cls).get("__doc__") or "")}
    assert CLASSES.keys() - OF_AUTHORS == own
    assert len(own) > 85
