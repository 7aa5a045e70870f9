"""Later tables: the features that were learned, in whatever order and with whatever is missing, and the way back."""

import re

import numpy as np
import pytest

import xpnet as xn
from xpnet.data import Columns, Target
from xpnet.data.tables import Text

from .frames import frame, pd

Y = ["no", "yes"] * 3
TRAIN = frame(
    age=[20, 40, 60, ""], size=[1, 2, 3, 2], city=["Rome", "Oslo", "Rome", "Oslo"], id=[1, 2, 3, 4], y=Y[:4]
)
COLUMNS = Columns.learn(TRAIN)


def test_a_later_table_gives_the_same_features():
    """Hand-computed: ages 20, 40, 60 have mean 40 and deviation sqrt(800/3)."""
    x, y = COLUMNS.arrays(TRAIN)
    z = 20 / (800 / 3) ** 0.5
    wanted = [[-z, 0, -(2**0.5), 0, 1], [0, 0, 0, 1, 0], [z, 0, 2**0.5, 0, 1], [0, 1, 0, 1, 0]]
    np.testing.assert_allclose(x, wanted, rtol=1e-6, atol=1e-7)
    assert (x.dtype, y.tolist(), COLUMNS.labels, COLUMNS.width) == ("float32", Y[:4], ("no", "yes"), 5)
    assert COLUMNS.features == ("age", "age missing", "size", "city=Oslo", "city=Rome")
    again, notes = COLUMNS.inputs_and_notes(
        TRAIN[["city", "size", "age"]]
    )  # in another order, without target and id
    np.testing.assert_array_equal(again, x)
    assert notes == ()
    assert COLUMNS.inputs(TRAIN.iloc[:0]).shape == (0, 5)


@pytest.mark.parametrize(
    ("changed", "x", "said"),
    [
        (
            {"city": ["Bonn", "Rome"]},
            [[0, 0], [0, 1]],
            "column 'city': 1 unknown value, 1 different, such as ",
        ),
        ({"city": ["", "Oslo"]}, [[0, 0], [1, 0]], "such as '' (line 2): ignored"),
        (
            {"size": ["", 2]},
            [[0], [0]],
            "column 'size': 1 value missing, unlike in training: the mean 2",
        ),
        (
            {"age": ["x", 40]},
            [[0, 1], [0, 0]],
            "column 'age': 1 word among numbers treated as missing: 'x' (line 2)",
        ),
        ({"height": [1, 2]}, [], "unknown columns, ignored: 'height'"),
    ],
)
def test_unseen_values_in_a_later_table(changed, x, said):
    (name,) = changed
    found, (note,) = COLUMNS.inputs_and_notes(
        frame(**{"age": [40, 40], "size": [2, 2], "city": ["Oslo", "Rome"]} | changed)
    )
    assert said in note
    own = [number for number, feature in enumerate(COLUMNS.features) if re.split("=| ", feature)[0] == name]
    np.testing.assert_array_equal(found[:, own], np.reshape(x, (2, -1)))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"Age": [1], "city": ["x"]}, "the table lacks 2 columns: 'age' (is it 'Age'?), 'size'"),
        (
            {"age": ["old"], "size": [1], "city": ["x"]},
            "column 'age' holds 'old' (line 2), but numbers were learned",
        ),
        ({"age": ["inf"], "size": [1], "city": ["x"]}, "column 'age' holds 'inf' (line 2)"),
        (
            {"age": ["1e99"], "size": [1], "city": ["x"]},
            "column 'age' holds '1e99' (line 2), too far from the mean 40",
        ),
    ],
)
def test_a_later_table_that_does_not_fit(columns, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        COLUMNS.inputs(frame(**columns))


def test_other_takes_unseen_texts():
    column = Text("a", ("p", "q"), other=True)
    x = np.zeros((3, 3), "float32")
    assert column.fill(x, pd.Series(["q", "zz", "p"])) == []
    assert x.tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]


def test_rows_without_a_target_are_left_out_and_said():
    table = frame(a=[1, 2, 100, 4], y=["no", "yes", "", "no"])
    columns = Columns.learn(table)
    (a,) = columns.columns
    assert (a.mean, a.scale) == pytest.approx((7 / 3, (14 / 9) ** 0.5))
    assert "1 row without a target 'y' left out" in columns.notes
    x, y = columns.arrays(table)
    np.testing.assert_allclose(x[:, 0], np.array([-4, -1, 5]) / 14**0.5, rtol=1e-6)
    assert y.tolist() == ["no", "yes", "no"]
    with pytest.raises(
        xn.LabelError, match=re.escape("target 'y' holds 'maybe' (line 2), which was not learned")
    ):
        columns.arrays(frame(a=[1], y=["maybe"]))


def test_a_regression_comes_back_in_its_own_units():
    table = frame(a=[1, 2, 3, 5], y=[10, 20, 60.5, 30])
    columns = Columns.learn(table)
    x, y = columns.arrays(table)
    assert (x.dtype, y.dtype) == ("float32", "float32")
    assert (y.mean(), y.std()) == pytest.approx((0, 1), abs=1e-6)
    np.testing.assert_allclose(columns.restore(y), [10, 20, 60.5, 30], rtol=1e-6)
    assert COLUMNS.restore("as it is") == "as it is"


# The whole way


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "mse"])
def test_from_a_raw_file_to_predictions_of_another(write, tmp_path, loss):
    draw = np.random.default_rng(0)
    size, city = draw.normal(10, 2, 200), draw.choice(["Rome", "Oslo", ""], 200)
    y = 3 * size + 20 * (city == "Rome") + 100
    label = np.where(y > np.median(y), "big", "small") if loss != "mse" else y.round(3)
    rows = [f"{n},{s:.3f},{c},{t}\n" for n, s, c, t in zip(range(200), size, city, label, strict=True)]
    frame = xn.data.read_csv(write("id,size,city,y\n" + "".join(rows)))
    target = Target.learn(frame)
    train, held = target.split(frame, 0.2)
    columns = Columns.learn(train, target=target.name, task=target.task)
    units = len(columns.labels) or 1
    model = xn.Model(
        xn.Sequential(xn.Dense(8, "tanh"), xn.Dense(units)),
        loss=loss,
        optimizer=xn.adam(0.02),
        backend="numpy",
    )
    model.fit(*columns.arrays(train), epochs=60)
    model.columns = columns
    model.save(tmp_path / "m")

    loaded = xn.load(tmp_path / "m", backend="numpy")
    assert loaded.columns == columns
    raw = "city;size\n" + "".join(f"{city[n - 2]};{size[n - 2]:.3f}\n".replace(".", ",") for n in held.index)
    later = xn.data.read_csv(write(raw, "later.csv"))
    assert "decimal commas in 'size'" in later.attrs["notes"]
    assert loaded.columns.inputs_and_notes(later)[1] == ()
    found = loaded.columns.restore(loaded.predict(loaded.columns.inputs(later)))
    truth = label[held.index - 2]
    if loss == "mse":
        assert np.abs(found - truth).max() < 0.2 * np.std(y)
    else:
        assert np.mean(found == truth) > 0.9
