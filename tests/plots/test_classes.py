"""Regions, confusions and Jacobians: cells and colours say what was counted."""

import numpy as np
import pytest

import xpnet as xn
from xpnet.plots import confusion_matrix, decision_regions, jacobian

X = np.asarray([[-1.0, 0.0], [1.0, 0.5], [2.0, -1.0]])


def cells(ax):
    """The numbers in the cells by (row, column)."""
    return {(int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in ax.texts}


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


# Regions


def test_regions_are_where_the_model_says(backend):
    labels = np.asarray([0, 1, 1])
    asked = []

    def predict(x):
        asked.append(x)
        return backend.asarray((x[:, 0] > 0).astype("int64"))

    ax = decision_regions(predict, backend.asarray(X), backend.asarray(labels))
    (image,) = ax.images
    left, right, bottom, top = image.get_extent()
    shown = image.get_array()
    n = len(shown)
    x0 = np.linspace(left, right, n)
    hue = shown[0][:, :] @ [1, 0, -1]  # vermillion is red, blue is blue
    assert np.array_equal(hue > 0, x0 > 0)
    assert (shown == shown[:1]).all()  # x1 makes no difference
    assert asked[0].min(axis=0).tolist() == [left, bottom]
    assert asked[0].max(axis=0).tolist() == [right, top]
    assert legend(ax) == ["0", "1"]
    samples = {s.get_label(): s for s in ax.collections if s.get_label() in ("0", "1")}
    assert np.array_equal(samples["1"].get_offsets(), X[1:])
    assert samples["0"].get_paths()[0].vertices.shape != samples["1"].get_paths()[0].vertices.shape


def test_regions_have_an_edge_and_samples_stand_out():
    ax = decision_regions(lambda x: x[:, 0] > 0.5, X, [False, True, True])
    edges = [c for c in ax.collections if hasattr(c, "levels")]
    assert edges
    for edge in edges:
        assert np.allclose(edge.get_paths()[0].vertices[:, 0], 0.5, atol=0.02)
    assert ax.images[0].get_array().min() > 0.6  # the colours of the samples have a 0
    assert not [
        c for c in decision_regions(lambda x: np.ones(len(x)), X[:1], [1]).collections if hasattr(c, "levels")
    ]


def test_x1_goes_up():
    ax = decision_regions(lambda x: x[:, 1] > 0, X, [False, True, False])
    shown = ax.images[0].get_array() @ [1, 0, -1]
    assert ax.images[0].origin == "lower"
    assert shown[-1, 0] > 0 > shown[0, 0]
    assert legend(ax) == ["False", "True"]


def test_regions_of_a_trained_model_with_text_labels():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 2))
    y = np.asarray(["ant", "bee"])[(x[:, 0] > 0).astype(int)]
    model = xn.Model(xn.Dense(2), loss="softmax_cross_entropy", optimizer=xn.adam(0.1), backend="numpy")
    model.fit(x, y, epochs=30)
    ax = decision_regions(model.predict, x, y)
    assert legend(ax) == ["ant", "bee"]
    assert np.allclose(ax.collections[-1].get_facecolor()[0, :3] * 255, [0xD5, 0x5E, 0x00])


def test_one_class_and_ten():
    assert legend(decision_regions(lambda x: np.ones(len(x)), X[:1], [1])) == ["1.0"]
    ax = decision_regions(lambda x: np.arange(len(x)) % 10, X, [0, 5, 9])
    assert legend(ax) == [str(k) for k in range(10)]


@pytest.mark.parametrize(
    ("predict", "x", "y", "error", "said"),
    [
        (np.sum, X[:, :1], [0, 1, 1], ValueError, r"x \(3, 1\) must be \(n, 2\)"),
        (np.sum, X, [0, 1], ValueError, r"y \(2,\) must be \(3,\), a label for each sample"),
        (np.abs, X, [0, 1, 1], ValueError, r"predict\(x\) \(90000, 2\) must be \(90000,\).*argmax"),
        (lambda x: x[:, 0], X, [0, 1, 1], ValueError, r"predict\(x\) holds .*, labels were wanted.*p > 0\.5"),
        (lambda x: np.full(len(x), "a"), X, [0, 1, 1], TypeError, r"y holds int64 and predict\(x\) <U1"),
        (None, X, [0, 1, 1], TypeError, "predict: a function was wanted"),
        (np.sum, X, [0, 1, np.inf], ValueError, "y holds inf, labels were wanted"),
        (
            np.sum,
            X,
            [0, None, 1],
            TypeError,
            "y holds NoneType and int: labels must be all text or all numbers",
        ),
    ],
)
def test_regions_that_cannot_be_drawn(predict, x, y, error, said):
    with pytest.raises(error, match=said):
        decision_regions(predict, x, y)


def test_more_classes_than_the_legend_has_room_for():
    ax = decision_regions(lambda x: np.arange(len(x)) % 40, X, [0, 5, 9])
    assert legend(ax) == [str(k) for k in range(15)]
    assert ax.get_legend().get_title().get_text() == "class, 15 of 40"


# Confusion


def test_confusions_counted_by_hand(backend):
    y_true, y_pred = np.asarray([0, 0, 1, 2, 2, 2]), np.asarray([0, 1, 1, 2, 0, 2])
    ax = confusion_matrix(backend.asarray(y_true), backend.asarray(y_pred))
    wanted = [["1", "1", "0"], ["0", "1", "0"], ["1", "0", "2"]]
    assert cells(ax) == {(i, j): wanted[i][j] for i in range(3) for j in range(3)}
    assert ax.get_title() == "accuracy 66.7% (4 of 6)"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
    assert ticks(ax.xaxis) == ticks(ax.yaxis) == ["0", "1", "2"]


def test_numbers_can_be_read_on_dark_cells():
    ax = confusion_matrix([0] * 9 + [1], [0] * 9 + [1])
    colours = {text.get_text(): text.get_color() for text in ax.texts}
    assert colours == {"9": "white", "1": "black", "0": "0.5"}
    colours = [text.get_color() for text in jacobian([[1.0, 0.5, -0.3, -1.0]]).texts]
    assert colours == ["white", "black", "black", "white"]


def test_names_of_numbered_classes_and_their_order():
    ax = confusion_matrix([0, 2], [0, 1], labels=["shoe", "hat", "coat"])
    assert ticks(ax.yaxis) == ["shoe", "hat", "coat"]
    assert [label.get_rotation() for label in ax.get_xticklabels()] == [0] * 3
    long = confusion_matrix([0, 1], [0, 1], labels=["a name " * 4, "another " * 4])
    assert [label.get_rotation() for label in long.get_xticklabels()] == [
        90
    ] * 2  # side by side they would overlap
    assert cells(ax)[2, 1] == "1"
    ax = confusion_matrix(["b", "a"], ["b", "b"], labels=("b", "a"))
    assert cells(ax) == {(0, 0): "1", (0, 1): "0", (1, 0): "1", (1, 1): "0"}


def test_many_classes_have_no_numbers():
    assert not confusion_matrix(range(30), range(30)).texts


@pytest.mark.parametrize(
    ("y_true", "y_pred", "labels", "error", "said"),
    [
        ([0, 1], [0], None, ValueError, r"y_pred \(1,\) must be \(2,\)"),
        ([], [], None, ValueError, "y_true is empty"),
        ([0, 1], [[0.1, 0.9], [1, 0]], None, ValueError, r"y_pred \(2, 2\) must be \(2,\).*argmax"),
        ([0, 1], [0.2, 0.7], None, ValueError, r"y_pred holds 0\.2, labels were wanted"),
        (["a", "b"], [0, 1], None, TypeError, "y_true holds <U1 and y_pred int64"),
        ([0, 3], [0, 1], [0, 1], ValueError, r"labels \[0, 1\] leave out \[3\]"),
        ([0, 3], [0, 1], ["a", "b"], ValueError, r"leave out \[3\]"),
        (["a", None], ["a", "a"], None, TypeError, "y_true holds NoneType and str"),
        ([0, 1], [0, 1], "ab", ValueError, "labels 'ab' must be a list of the classes"),
        ([0, 1], [0, 1], ["a", "b", "a"], ValueError, "each of them once"),
    ],
)
def test_confusions_that_cannot_be_drawn(y_true, y_pred, labels, error, said):
    with pytest.raises(error, match=said):
        confusion_matrix(y_true, y_pred, labels=labels)


# Jacobians


def test_a_jacobian_with_its_numbers(backend):
    matrix = np.asarray([[0.25, -0.5, 0.0], [1.0, 0.125, -2.0]])
    ax = jacobian(backend.asarray(matrix))
    (image,) = ax.images
    assert np.array_equal(image.get_array(), matrix)
    assert image.get_clim() == (-2, 2)  # zero is in the middle of the colours
    assert cells(ax)[0, 1] == "-0.5"
    assert cells(ax)[1, 2] == "-2"
    assert (ticks(ax.yaxis), ticks(ax.xaxis)) == (["y0", "y1"], ["x0", "x1", "x2"])


def test_labels_large_and_odd_matrices():
    ax = jacobian([[1, 2]], labels=(["loss"], ["w0", "w1"]))
    assert (ticks(ax.yaxis), ticks(ax.xaxis)) == (["loss"], ["w0", "w1"])
    ax = jacobian(np.eye(20))
    assert not ax.texts
    assert len(ax.figure.axes) == 2  # the colour bar stands for the numbers
    assert ax.get_aspect() == 1
    assert jacobian(np.ones((2, 300))).get_aspect() == "auto"  # square cells would be a thread
    assert jacobian(np.zeros((2, 2))).images[0].get_clim() == (-1, 1)
    assert cells(jacobian([[np.nan, 3.0]]))[0, 0] == "nan"


@pytest.mark.parametrize(
    ("matrix", "labels", "said"),
    [
        ([1, 2], None, r"matrix \(2,\) must be \(outputs, inputs\)"),
        (np.ones((0, 2)), None, "matrix"),
        ([[1, 2]], (["a", "b"], ["c"]), "must be .1 names of rows, 2 names of columns"),
        ([[1, 2]], ("a", "bc"), "must be .1 names of rows, 2 names of columns"),
        ([[1, 2]], (None, ["a", "b"]), "must be .1 names of rows, 2 names of columns"),
        ([[1, 2]], 3, "must be .1 names of rows, 2 names of columns"),
    ],
)
def test_jacobians_that_cannot_be_drawn(matrix, labels, said):
    with pytest.raises(ValueError, match=said):
        jacobian(matrix, labels=labels)
