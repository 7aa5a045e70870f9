"""The site's own parts, without Sphinx: every public name has one entry, and plain docstrings become its markup."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

import xpnet

SITE = Path(__file__).parents[2] / "docs" / "site"


def part(name):
    spec = importlib.util.spec_from_file_location(name, SITE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


docstrings, reference = part("docstrings"), part("reference")
ENTRY = re.compile(r"^\.\. auto(?:class|function|data):: (\S+)$", re.MULTILINE)
ROOMS = reference.rooms()
ENTRIES = [name for module in ROOMS.values() for name in ENTRY.findall(reference.page(module))]


def test_every_room_has_a_page():
    wanted = {f"xpnet.{name}" for name in xpnet.__all__ if isinstance(getattr(xpnet, name), ModuleType)}
    assert {"xpnet.layers", "xpnet.ops", "xpnet.optim.schedules"} <= set(ROOMS)
    assert {getattr(xpnet, name.partition(".")[2]).__name__ for name in wanted} <= set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_has_an_entry(room):
    module = ROOMS[room]
    public = [name for name in getattr(module, "__all__", ()) if name != "__version__"]
    for name in public:
        value = getattr(module, name)
        if not isinstance(value, ModuleType):
            assert f"{reference.home(value, name)}.{name}" in ENTRIES, name


def test_no_name_has_two_entries():
    assert len(ENTRIES) == len(set(ENTRIES))
    assert "xpnet.layers.Dense" in ENTRIES
    assert "xpnet.Dense" not in ENTRIES
    assert "`Dense <xpnet.layers.Dense>`" in reference.page(xpnet)


def test_pages_of_rooms_that_are_gone_are_removed(tmp_path):
    (tmp_path / "xpnet.gone.rst").write_text("")
    reference.write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"index.md", *(f"{name}.rst" for name in ROOMS)}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("y = x @ w + b; dx = dy @ w.T", ".. code-block:: text\n\n    y = x @ w + b; dx = dy @ w.T"),
        ("y = 2 x;  dx = 2 dy", ".. code-block:: text\n\n    y = 2 x;\n    dx = 2 dy"),
        ("loss_i = -log_softmax(l)_i", ".. code-block:: text\n\n    loss_i = -log_softmax(l)_i"),
        ("The value is `y`, one for each `x_i`s.", "The value is ``y``\\ , one for each ``x_i``\\ s."),
        ("It is 2 * x_ and |y|.", "It is 2 \\* x\\_ and \\|y\\|."),
        (
            "x, y: `a` or\n    more\nand more. b: 2.\nz_: last.\nThen prose.",
            "- **x, y**: ``a`` or\n  more\n  and more.\n- **b**: 2.\n- **z\\_**: last.\n\nThen prose.",
        ),
        (
            "Prose.\n\n>>> x = 1\n>>> x, y = f(x)\nx: 2 * 3.\n\nMore.",
            "Prose.\n\n.. code-block:: pycon\n\n    >>> x = 1\n    >>> x, y = f(x)\n    x: 2 * 3.\n\nMore.",
        ),
        ("- first `a`\n  and more\n- second", "- first ``a``\n  and more\n- second"),
        (
            "Example:\n\n    x = 1\n    y = 2",
            "Example:\n\n.. code-block:: text\n\n        x = 1\n        y = 2",
        ),
        (
            "Prose first.\ny = 2 x\nand prose.",
            "Prose first.\n\n.. code-block:: text\n\n    y = 2 x\n\nand prose.",
        ),
    ],
)
def test_plain_docstrings_become_markup(text, wanted):
    assert "\n".join(docstrings.to_rst(text.splitlines())).strip() == wanted


def test_the_formulas_of_every_loss_are_literal():
    """A formula that ran into the prose would lose its line."""
    for name, loss in xpnet.ops.LOSSES.items():
        literal = [
            line
            for line in docstrings.to_rst(loss.__doc__.splitlines())
            if line.startswith("    ") and "loss" in line
        ]
        assert literal, name
