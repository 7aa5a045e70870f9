"""Inference of the columns of a table and of its target, and tables that are refused."""

import re

import numpy as np
import pytest

from xpnet.data import Columns, Target
from xpnet.data.tables import Dropped, Number, Text

from .frames import frame, pd

Y = ["no", "yes"] * 3
ROOT = (2 / 3) ** 0.5  # the deviation of 1, 2, 3


def learned(cells, name="a", **options):
    """(what is learned of one column, the notes beside that of the target)."""
    n = len(cells)
    table = frame(**{name: cells, "z": np.arange(n) % 2, "y": ["no", "yes"] * (n // 2) + ["no"] * (n % 2)})
    columns = Columns.learn(table, **options)
    return columns.columns[0], columns.notes[1:]


NUMBERS = list(range(50)) + list(range(50, 0, -1))


@pytest.mark.parametrize(
    ("cells", "wanted", "said"),
    [
        ([1, 2, 3, 1, 2, 3], Number("a", 2.0, ROOT), ""),
        (["1e0", "+2", " 3.0 ", ".1e1", "2.", "3"], Number("a", 2.0, ROOT), ""),
        (["1,000", "2,000", "3,000", "1,000.0", "2000", "3e3"], Number("a", 2000.0, 1000 * ROOT), ""),
        ([1, 2, 3, "", "NA", "?"], Number("a", 2.0, ROOT, missing=True), ""),
        (["-", "n/a", "NaN", "null", "None", 1, 2, 3], Number("a", 2.0, ROOT, missing=True), ""),
        ([5, 5, "", 5], Number("a", 5.0, 1.0, missing=True), ""),
        (["0.5", "00", "1.5", "01"], Number("a", 0.75, 0.3125**0.5), ""),
        ([1, 2, 3] * 2 + [0, 0, 4, 4], Number("a", 2.0, 2.0**0.5), ""),
        (["DE", "NA", "DE", "null"], Text("a", ("DE", "NA", "null")), ""),
        (["b", "a", "", "b"], Text("a", ("", "a", "b")), ""),
        (["yes", "no", "yes", "no"], Text("a", ("no", "yes")), ""),
        (["True", "False", "True", "True"], Text("a", ("False", "True")), ""),
        (["01234", "90210", "01234", "90210"], Text("a", ("01234", "90210")), ""),
        ([1, "x", 1, "x"], Text("a", ("1", "x")), "it holds 2 numbers and 2 words, such as 'x' (line 3)"),
        ([7, 7, 7, 7], Dropped("a", "it is 7 in every row"), "column 'a' is left out: it is 7 in every row"),
        (["x", "x"], Dropped("a", "it is 'x' in every row"), "left out"),
        (["", ""], Dropped("a", "it is empty"), "left out"),
        (["NA", "NA"], Dropped("a", "it is 'NA' in every row"), "left out"),
        (["p", "q", "r", "s"], Dropped("a", "every row has a different text, such as 'p'"), "left out"),
        ([1.5, 2.5, 3.5, 4.5], Number("a", 3.0, 1.25**0.5), ""),
    ],
    ids=str,
)  # fmt: skip
def test_column_types_are_inferred(cells, wanted, said):
    found, notes = learned(cells)
    assert type(found) is type(wanted)
    if isinstance(wanted, Number):
        assert (found.mean, found.scale) == pytest.approx((wanted.mean, wanted.scale), rel=1e-14)
        assert found.missing == wanted.missing
    else:
        assert found == wanted
    assert any(said in note for note in notes) if said else not notes


@pytest.mark.parametrize(
    ("name", "cells", "dropped"),
    [
        ("id", [3, 1, 2, 9], True),
        ("PassengerId", [1, 2, 3, 4], True),
        ("row_id", [1, 2, 3, 4], True),
        ("Unnamed: 0", [0, 1, 2, 3], True),
        ("No", [1, 2, 3, 4], True),
        ("year", [1990, 1991, 1992, 1993], False),
        ("id", [1, 2, "", 4], True),
        ("id", [1, 2, 2, 4], False),
        ("id", [1.5, 2, 3, 4], False),
        ("paid", [1, 2, 3, 4], False),
        ("casino", [1, 2, 3, 4], False),
    ],
)
def test_whole_numbers_that_number_the_rows(name, cells, dropped):
    assert isinstance(learned(cells, name)[0], Dropped) == dropped


@pytest.mark.parametrize(("words", "number"), [(5, True), (6, False)])
def test_a_few_words_among_numbers_are_missing(words, number):
    found, notes = learned(NUMBERS[:100][words:] + ["ten"] * words)
    assert isinstance(found, Number) == number
    said = f"column 'a': {words} words among numbers treated as missing: 'ten' (line 97)"
    assert any(note.startswith(said) for note in notes) == number
    if number:
        assert found.missing
        assert found.mean == pytest.approx(np.mean(NUMBERS[words:]))


@pytest.mark.parametrize("different", [100, 101])
def test_of_many_texts_the_most_frequent_are_kept(different):
    cells = [f"t{number:03}" for number in range(different)] + [
        f"t{number:03}" for number in range(1, different)
    ]
    found, notes = learned(cells)
    assert len(found.categories) == 100
    assert ("t000" in found.categories) == (different == 100)  # it is there once, the others twice
    assert (
        found.other
        == any("the 100 most frequent of its 101 texts" in note for note in notes)
        == (different > 100)
    )


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([1, 2, "inf", 3], "column 'a' holds 'inf' (line 4), which is not finite"),
        ([1, "-Infinity", 2, 3], "holds '-Infinity' (line 3)"),
        (["1e308", "-1e308", 0, 1], "column 'a' holds numbers from -1e+308 to 1e+308: rescale them"),
    ],
)
def test_numbers_beyond_all_bounds(cells, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        learned(cells)


def test_numbers_near_the_bounds():
    found, _ = learned(["1e-300", "3e-300", "1e-300", "3e-300"])
    assert (found.mean, found.scale) == pytest.approx((2e-300, 1e-300))
    found, _ = learned([1e9, 1e9 + 1, 1e9, 1e9 + 1])
    assert (found.mean, found.scale) == pytest.approx((1e9 + 0.5, 0.5), rel=1e-14)


# Targets


@pytest.mark.parametrize(
    ("cells", "task", "wanted", "why"),
    [
        (["b", "a", "b"], None, ("a", "b"), "target 'y' has 2 different texts: classification"),
        ([2, 1, 1, 2, ""], None, (1, 2), "target 'y' holds 2 different whole numbers: classification"),
        (["01", "02", "01"], None, ("01", "02"), "2 different texts"),
        ([1, 2, 2], None, (), "target 'y' holds 2 different numbers: regression"),  # 1 stands once
        (list(range(20)) * 2, None, tuple(range(20)), "20 different whole numbers: classification"),
        (list(range(21)) * 2, None, (), "21 different numbers: regression"),
        ([0.5, 1.5] * 2, None, (), "2 different numbers: regression"),
        ([1, 2] * 2, "regression", (), "2 different whole numbers: regression, as asked"),
        ([1, 2, 3], "classification", (1, 2, 3), "3 different numbers: classification, as asked"),
        (["NA", "DE"] * 2, None, ("DE", "NA"), "2 different texts"),
    ],
)
def test_the_task_is_inferred_from_the_target(cells, task, wanted, why):
    found = Target.learn(frame(a=cells, y=cells), task=task)
    assert (found.task == "classification") == bool(wanted)
    assert found.labels == wanted
    assert why in found.why
    if not wanted:
        values = np.array(cells, float)
        assert (found.mean, found.scale) == pytest.approx((values.mean(), values.std()))


@pytest.mark.parametrize(
    ("columns", "options", "words"),
    [
        ({"a": [1, 2], "species": Y[:2]}, {"target": "Specis"}, "target 'Specis' is unknown: did you mean 'species'?"),
        ({"a": [1, 2], "y": ["x", "x"]}, {}, "target 'y' is x in every row"),
        ({"a": [1, 2], "y": [1, 1]}, {}, "target 'y' is 1 in every row"),
        ({"a": [1, 2], "y": ["", ""]}, {}, "target 'y' has no values"),
        ({"a": [1, 2, 3], "y": ["p", "q", "r"]}, {}, "target 'y' has a different text in every row"),
        ({"a": [1, 2], "y": Y[:2]}, {"task": "regression"}, "holds text, such as 'no' (line 2), and a regression"),
        ({"a": [1, 2], "y": Y[:2]}, {"task": "regresion"}, "did you mean 'regression'"),
        ({"a": [1, 1], "b": ["", ""], "y": Y[:2]}, {}, "no column is left to learn from: 'a': it is 1 in every"),
        ({"y": Y[:2]}, {}, "no column is left to learn from: none was given"),
    ],
)  # fmt: skip
def test_tables_without_information_are_refused(columns, options, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        Columns.learn(frame(**columns), **options)


def test_frames_made_by_pandas():
    """Numbers, missing values, categories and booleans as pandas has them, and what is no frame."""
    given = pd.DataFrame(
        {
            7: [1.0, np.nan, 3.0, 2.0],
            "n": pd.array([1, None, 3, 2], "Int64"),
            "c": pd.Categorical(["u", None, "v", "u"]),
            "b": [True, False, True, True],
            "m": pd.Series([1, "x", None, 1.0], dtype=object),
            "y": ["p", "q", "p", "q"],
        }
    )
    x = (columns := Columns.learn(given)).inputs(given)
    z = 1.5**0.5
    assert columns.features == (
        *("7", "7 missing", "n", "n missing", "c=", "c=u", "c=v", "b=False", "b=True", "m=", "m=1", "m=x"),
    )
    wanted = [
        [-z, 0, -z, 0, 0, 1, 0, 0, 1, 0, 1, 0],
        [0, 1, 0, 1, 1, 0, 0, 1, 0, 0, 0, 1],
        [z, 0, z, 0, 0, 0, 1, 0, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1, 0],
    ]
    np.testing.assert_allclose(x, wanted, rtol=1e-6)
    with pytest.raises(
        TypeError, match="frame: a DataFrame was wanted, such as read_csv returns, a list came"
    ):
        Columns.learn([[1, 2]])
    with pytest.raises(ValueError, match="2 columns of the name 'a'"):
        Columns.learn(pd.DataFrame([[1, 2, 3]], columns=["a", "a", "y"]))


def test_a_split_holds_out_of_every_class_alike():
    n = 50
    table = frame(a=range(n), y=["rare" if row % 5 == 0 else "" if row == 1 else "often" for row in range(n)])
    for seed in range(5):
        train, held = Target.learn(table).split(table, 0.2, seed=seed)
        assert (len(train), len(held)) == (39, 10)  # one row has no target
        assert (held["y"] == "rare").sum() == 2
    assert sorted([*train.index, *held.index]) == [line for line in table.index if line != 3]
    assert not Target.learn(table).split(table, 0.2, seed=0)[1].index.equals(held.index)


def test_against_scikit_learn():
    preprocessing = pytest.importorskip("sklearn.preprocessing", reason="scikit-learn is not installed")
    draw = np.random.default_rng(0)
    a, c = draw.normal(5, 3, 40), draw.choice(["u", "v", "w"], 40)
    x = Columns.learn(frame(a=a, c=c, y=["p", "q"] * 20)).inputs(frame(a=a, c=c))
    np.testing.assert_allclose(
        x[:, :1], preprocessing.StandardScaler().fit_transform(a[:, None]), rtol=1e-6, atol=1e-6
    )
    np.testing.assert_array_equal(x[:, 1:], preprocessing.OneHotEncoder().fit_transform(c[:, None]).toarray())
