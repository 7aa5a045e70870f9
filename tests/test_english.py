"""The English of the code: no docstring begins with a headless clause, and no word stands for a term of the field."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("xpnet", "examples", "ci", "docs", ".github", "tests")
SUFFIXES = {".py", ".md", ".sh", ".yml"}
EXEMPT = {Path(__file__)}
"""This file quotes the words in order to refuse them; CHANGELOG.md lies outside the folders."""


def by_room():
    """{room: its texts}: "xpnet/ops", "tests/ops", "xpnet" for the files at its top, and "README.md"."""
    rooms = {"README.md": [ROOT / "README.md"]}
    for path in sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*")):
        if path.suffix in SUFFIXES and path not in EXEMPT:
            parts = path.relative_to(ROOT).parts[:-1]
            room = "/".join(parts[: 2 if parts[0] in ("xpnet", "tests") else 1])
            rooms.setdefault(room, []).append(path)
    return rooms


ROOMS = by_room()
HEADLESS = re.compile(r"(what|how|whether|where|when|which|why|who|whom|whose)(ever)?\b", re.IGNORECASE)
"""A clause without the noun it describes: "How many units are drawn" for "The number of drawn units"."""

GAP = r"""(?:[\s"'#>*_-]|\b[fr]+(?=["']))+"""
"""Between two words of a phrase: spaces, line breaks, comment signs, and the quotes of strings in a row."""

TERMS = {
    "so many": "n, or the parameter's name",
    "its kin": "transcendental functions",
    "whoever": "the part that acts",
    "nobody": "no caller, no thread",
    "somebody": "a caller, a thread",
    "hangs on": "depends on",
    "hang on": "depend on",
}
"""The words that are refused, and the term to write instead."""

PHRASES = {
    re.compile(rf"(?<![a-z]){GAP.join(words.split())}(?![a-z])", re.IGNORECASE): (words, term)
    for words, term in TERMS.items()
}


def place(path, line):
    return f"{path.relative_to(ROOT).as_posix()}:{line}"


def docstrings(source):
    """(line, text) of every string that stands alone: of modules, classes, functions, and of what they follow."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            text = node.value.value
            if isinstance(text, str):
                yield node.lineno, " ".join(text.split())


def headless(source):
    """(line, text) of each docstring that begins with a headless clause."""
    return [(line, text) for line, text in docstrings(source) if HEADLESS.match(text)]


def refused(text):
    """(line, words, the term to write instead) of each refused phrase, also across lines."""
    for phrase, (words, term) in PHRASES.items():
        for found in phrase.finditer(text):
            yield text.count("\n", 0, found.start()) + 1, words, term


@pytest.mark.parametrize("room", [room for room in ROOMS if not room.startswith("tests")])
def test_no_docstring_is_headless(room):
    found = [
        f"{place(path, line)}: {text[:80]}"
        for path in ROOMS[room]
        if path.suffix == ".py"
        for line, text in headless(path.read_text(encoding="utf-8"))
    ]
    assert not found, "begin these with their subject, a noun or a verb:\n" + "\n".join(found)


@pytest.mark.parametrize("room", ROOMS)
def test_no_word_is_refused(room):
    found = [
        f"{place(path, line)}: {words!r}: write {term}"
        for path in ROOMS[room]
        for line, words, term in refused(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


def test_the_rooms_are_found():
    """An empty list of rooms would pass."""
    assert {"README.md", "xpnet", "xpnet/compiler", "xpnet/ops", "examples", "ci", ".github"} <= set(ROOMS)
    assert ROOT / "xpnet" / "ops" / "losses" / "mse.py" in ROOMS["xpnet/ops"]


@pytest.mark.parametrize(
    "source",
    [
        '"""What a module holds."""',
        'class A:\n    """How it works."""',
        'def f():\n    """\n    Whether it is so.\n    """',
        'LIMIT = 3\n"""Where it ends."""',
        'class A:\n    x: int = 0\n    """Whose it is."""',
        'async def f():\n    def g():\n        """whatever comes."""',
    ],
    ids=["module", "class", "function", "constant", "field", "nested function"],
)
def test_headless_docstrings_are_found(source):
    assert len(headless(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        '"""The number of units."""',
        '"""Howard\'s method."""',
        'x = "What is not a docstring"',
        'f("How many")',
        '"""Returns what came."""',
    ],
    ids=["noun", "a longer word", "assigned string", "argument", "later clause"],
)
def test_other_strings_are_not_headless(source):
    assert not headless(source)


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("# after so many epochs", "so many", 1),
        ("x = 1\n# after so\n# many epochs", "so many", 2),
        ('error("so "\n      f"many epochs")', "so many", 1),
        ("def test_nobody_helps(): ...", "nobody", 1),
        ("Both answers hang on the type.", "hang on", 1),
        ("exp and its\nkin", "its kin", 1),
        ('"""Whoever asks."""', "whoever", 1),
    ],
    ids=["comment", "two comments", "two strings", "name", "plural", "two lines", "docstring"],
)
def test_refused_words_are_found(text, words, line):
    assert [(at, found) for at, found, _ in refused(text)] == [(line, words)]


@pytest.mark.parametrize(
    "text",
    ["so, many of them", "it changes only", "so much", "hang the picture on it", "antibody"],
)
def test_other_words_are_not_refused(text):
    assert not list(refused(text))
