"""Columns of tables given to `fit` and `predict`: their order is learned and kept."""

import numpy as np
import pytest

import xpnet as xn

X = np.random.default_rng(0).standard_normal((30, 3)).astype("float32")
Y = np.arange(30) % 2


class Table:
    """An array with names of columns, under the attribute that pandas and polars have, or Arrow's."""

    def __init__(self, values, names, attribute="columns"):
        self._values = values
        setattr(self, attribute, names)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self._values, dtype)


class ArrowTable(Table):
    columns = property(lambda self: list(self._values.T))

    def __init__(self, values, names):
        super().__init__(values, names, "column_names")


def make():
    return xn.Model(xn.Dense(2), loss="softmax_cross_entropy", optimizer="adam", backend="numpy")


def trained(table=Table):
    model = make()
    model.fit(table(X, ["a", "b", "c"]), Y, epochs=1)
    return model


@pytest.mark.parametrize("table", [Table, ArrowTable])
def test_another_order_is_refused_everywhere(table):
    model = trained(table)
    assert model.feature_names == ("a", "b", "c")
    before, other = model.params, table(X[:, ::-1], ["c", "b", "a"])
    message = "x has the columns of training in another order: column 0 is 'c', 'a' was wanted"
    for call in (
        lambda: model.predict(other),
        lambda: model.predict_proba(other),
        lambda: model.forward(other),
        lambda: model.evaluate(other, Y),
        lambda: model.fit(other, Y, epochs=1),
        lambda: model.fit([(other, Y)], epochs=1),
        lambda: model.partial_fit(other, Y),
        lambda: model.fit(X, Y, epochs=1, validation_data=(other, Y)),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert all(np.array_equal(before[name], p) for name, p in model.params.items())
    np.testing.assert_array_equal(model.forward(table(X, ["a", "b", "c"])), model.forward(X))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a", "b", "C"], r"lacks the column 'c' \(is it 'C'\?\): the model was trained on 'a', 'b', 'c'"),
        (["c", "a", "b", "d"], "has columns that the model was not trained on, 'd': give x"),
        (["a", "b", "c", "c"], "has a column twice: 'a', 'b', 'c', 'c' came"),
    ],
)
def test_other_columns_are_named(names, message):
    with pytest.raises(ValueError, match=message):
        trained().predict(Table(np.zeros((2, len(names))), names))


@pytest.mark.parametrize(
    "names", [range(3), ["a", "b", 3], [("a", "b"), ("a", "c"), ("b", "c")], "abc", None]
)
def test_names_that_are_not_texts_are_no_names(names):
    model = make()
    model.fit(Table(X, names), Y, epochs=1)
    assert model.feature_names is None
    model.predict(Table(X, ["p", "q", "r"]))  # trained without names


def test_a_fit_that_fails_learns_no_names():
    model = make()
    with pytest.raises(ValueError, match="one target for each of the 30 samples"):
        model.fit(Table(X, ["a", "b", "c"]), Y[:7], epochs=1)
    assert model.feature_names is None
    model.fit(X, Y, epochs=1)
    model.fit([(Table(X, ["p", "q", "r"]), Y)], epochs=1)  # the first table with names
    assert model.feature_names == ("p", "q", "r")
    assert model.reset().feature_names is None


def test_the_file_keeps_them(tmp_path):
    path = tmp_path / "model.xpnet"
    trained().save(path)
    again = xn.load(path)
    assert again.feature_names == ("a", "b", "c")
    with pytest.raises(ValueError, match="another order"):
        again.predict(Table(X, ["b", "a", "c"]))


def test_frames_of_pandas():
    pandas = pytest.importorskip("pandas", reason="the extra data is not installed")
    frame = pandas.DataFrame(X, columns=list("abc"))
    model = make()
    model.fit(frame, Y, epochs=1)
    with pytest.raises(ValueError, match="another order"):
        model.forward(frame[list("cba")])
    wanted = model.forward(frame)
    np.testing.assert_array_equal(model.forward(frame[list("cba")][list(model.feature_names)]), wanted)
