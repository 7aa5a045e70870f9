"""Metrics by definition, on every backend, and what they refuse."""

import math
from functools import partial

import numpy as np
import pytest

from xpnet import metrics
from xpnet.errors import LabelError

TRUE, FOUND = [0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 2, 0]  # by hand: rows (1 1 0), (0 2 0), (1 0 1)
WEIGHT = [1.0, 2.0, 1.0, 1.0, 3.0, 2.0]


def both(backend, *given):
    return [backend.asarray(np.asarray(x)) for x in given]


def test_labels(backend):
    true, found = both(backend, TRUE, FOUND)
    assert metrics.accuracy(true, found) == 4 / 6
    matrix = metrics.confusion_matrix(true, found)
    assert backend.owns(matrix)
    assert backend.to_numpy(matrix).tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    each = metrics.precision(true, found, average=None)
    assert backend.owns(each)
    assert np.allclose(backend.to_numpy(each), [1 / 2, 2 / 3, 1], rtol=1e-6)
    assert metrics.recall(true, found, average="macro") == pytest.approx((1 / 2 + 1 + 1 / 2) / 3)
    assert metrics.f1(true, found, average="macro") == pytest.approx((1 / 2 + 4 / 5 + 2 / 3) / 3)
    assert metrics.f1(true, found, average="micro") == pytest.approx(4 / 6)


def test_weights(backend):
    true, found, weight = both(backend, TRUE, FOUND, WEIGHT)
    assert metrics.accuracy(true, found, sample_weight=weight) == pytest.approx(6 / 10)
    assert metrics.recall(true, found, average="weighted", sample_weight=WEIGHT) == pytest.approx(6 / 10)
    matrix = backend.to_numpy(metrics.confusion_matrix(true, found, sample_weight=weight))
    assert matrix.tolist() == [[1, 2, 0], [0, 2, 0], [2, 0, 3]]


def test_scores(backend):
    scores = [[0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [0.1, 0.6, 0.3]]
    true, given = both(backend, [1, 0, 1], scores)
    assert metrics.top_k_accuracy(true, given, k=1) == pytest.approx(1 / 3)
    assert metrics.top_k_accuracy(true, given, k=2) == pytest.approx(
        2 / 3
    )  # of equal scores the later is taken
    assert metrics.log_loss(true, given) == pytest.approx(
        -(math.log(0.3) + math.log(0.2) + math.log(0.6)) / 3
    )
    true, given = both(backend, [0, 1, 0, 1, 1], [0.1, 0.4, 0.4, 0.8, 0.0])
    assert metrics.roc_auc(true, given) == pytest.approx((1 + 1 / 2 + 1 + 1 + 0 + 0) / 6)
    assert metrics.log_loss(true[1:2], given[1:2]) == pytest.approx(-math.log(0.4))


def test_values(backend):
    true, found = both(backend, [1.0, 2.0, 3.0, 6.0], [1.0, 2.0, 4.0, 4.0])
    assert metrics.mse(true, found) == pytest.approx(5 / 4)
    assert metrics.mae(true, found) == pytest.approx(3 / 4)
    assert metrics.r2(true, found) == pytest.approx(1 - 5 / 14)
    assert metrics.r2(true, found, sample_weight=[1, 1, 1, 0]) == pytest.approx(1 - 1 / 2)
    two = both(backend, [[1.0, 5.0], [3.0, 5.0]], [[1.0, 5.0], [1.0, 4.0]])
    assert np.allclose(backend.to_numpy(metrics.mae(*two, multioutput="raw_values")), [1, 0.5])


def test_undefined_values():
    assert metrics.precision([0, 1], [0, 0]) == 0.0
    assert metrics.recall([0, 0], [0, 1]) == 0.0
    assert metrics.f1([0, 0], [0, 0]) == 0.0
    assert math.isnan(metrics.roc_auc([1, 1], [0.2, 0.4]))
    assert (metrics.r2([3.0, 3.0], [3.0, 3.0]), metrics.r2([3.0, 3.0], [3.0, 4.0])) == (1.0, 0.0)
    assert math.isnan(metrics.r2([3.0], [2.0]))
    assert metrics.log_loss([1, 0], [0.0, 0.0]) == pytest.approx(-math.log(2**-52) / 2)


def test_labels_of_text_booleans_and_columns():
    assert metrics.accuracy(["cat", "dog"], np.asarray(["cat", "cat"])) == 0.5
    assert metrics.confusion_matrix(["b", "a"], ["a", "a"], labels=["b", "a"]).tolist() == [[0, 1], [0, 1]]
    assert metrics.precision(["cat", "dog"], ["cat", "cat"], pos_label="cat") == 0.5
    assert metrics.f1([True, False], np.asarray([[True], [True]])) == pytest.approx(2 / 3)


def test_a_list_beside_arrays_of_a_library(backend):
    assert metrics.accuracy(TRUE, backend.asarray(np.asarray(FOUND))) == pytest.approx(4 / 6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: metrics.accuracy([0, 1], [0, 1, 1]),
            ValueError,
            r"y_true \(2,\), y_pred \(3,\): each must hold",
        ),
        (lambda: metrics.accuracy([], []), ValueError, "for each of the same samples"),
        (lambda: metrics.accuracy(1, 1), ValueError, "for each of the same samples"),
        (
            lambda: metrics.accuracy([0, 1], [0.2, 0.8]),
            LabelError,
            "y_pred holds fractions, labels are whole numbers or text",
        ),
        (
            lambda: metrics.accuracy([0, 1], [[0.2, 0.8], [1, 0]]),
            LabelError,
            r"y_pred \(2, 2\) must be labels",
        ),
        (lambda: metrics.mse([0, 1], [np.nan, 1]), ValueError, "y_pred holds nan at row 0"),
        (lambda: metrics.precision([0, 1, 2], [0, 1, 2]), ValueError, "average 'binary' needs two labels"),
        (lambda: metrics.precision([0, 2], [0, 2]), ValueError, "pos_label 1 is none of the labels"),
        (lambda: metrics.f1([0, 1], [0, 1], average="mean"), ValueError, "average 'mean' is unknown"),
        (lambda: metrics.f1([0, 1], [0, 1], labels=3), ValueError, "labels 3 must be a list"),
        (
            lambda: metrics.top_k_accuracy([3], [[0.1, 0.9]]),
            LabelError,
            "y_true must hold the classes 0 to 1",
        ),
        (lambda: metrics.top_k_accuracy([1], [[0.1, 0.9]], k=0), ValueError, "k 0 must be"),
        (lambda: metrics.top_k_accuracy([1], [0.9]), ValueError, r"y_score \(1,\) must be \(n, classes\)"),
        (lambda: metrics.roc_auc([0, 1], [[1, 0, 0], [0, 1, 0]]), LabelError, "no sample of class 2"),
        (
            lambda: metrics.log_loss([0, 1], [1.5, 0.5]),
            ValueError,
            r"probabilities in \[0, 1\]: use model.predict",
        ),
        (lambda: metrics.log_loss([0, 1], [[0.5, 0.1], [1, 0]]), ValueError, "rows that sum to 1"),
        (lambda: metrics.r2([1, 2], [[1, 2], [1, 2]]), ValueError, "must be of one shape"),
        (lambda: metrics.mae([1], [1], sample_weight=[-1.0]), ValueError, "sample_weight"),
        (lambda: metrics.mae([1], [1], sample_weight=[0.0]), ValueError, "not 0 for all"),
        (lambda: metrics.mae(["a"], [1.0]), TypeError, "y_true must hold real numbers, it holds text"),
        (lambda: metrics.accuracy(["a"], [1]), LabelError, "one of y_true and y_pred holds text"),
        (
            lambda: metrics.confusion_matrix([1], [1], normalize="rows"),
            ValueError,
            "normalize 'rows' is unknown",
        ),
    ],
)
def test_invalid_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_two_libraries_are_named():
    torch, strict = (
        pytest.importorskip("torch", reason="PyTorch is not installed"),
        pytest.importorskip("array_api_strict"),
    )
    with pytest.raises(TypeError, match="y_true, y_pred are arrays of torch and array_api_strict"):
        metrics.accuracy(torch.zeros(2), strict.zeros(2))


PLAIN = np.array([1, 0, 1])
FIXED = PLAIN.copy()
FIXED.flags.writeable = False


@pytest.mark.parametrize(
    "given",
    [
        PLAIN[::-1],
        PLAIN.astype(">i8"),
        PLAIN.astype("longdouble"),
        FIXED,
        PLAIN.astype(object),
        PLAIN.astype(bool).astype(object),
    ],
    ids=["reversed", "big-endian", "long double", "read-only", "objects", "objects that are booleans"],
)
def test_labels_of_numpy_beside_those_of_the_library(backend, given):
    """PyTorch refuses strides and byte orders and warns of read-only arrays, JAX refuses byte orders."""
    own = backend.asarray(PLAIN)
    assert metrics.accuracy(given, own) == 1
    host = backend.to_numpy(metrics.confusion_matrix(given, own, labels=np.array([1, 0])[::-1]))
    assert host.tolist() == [[1, 0], [0, 2]]


@pytest.mark.parametrize(
    ("y_true", "y_pred", "words"),
    [
        (np.array([b"a", b"b"]), np.array(["a", "b"]), r"y_true holds bytes.*y_true\.astype\(str\)"),
        (np.array(["a", None], object), np.array(["a", "b"], object), "y_true mixes .* leave out None"),
        (np.array([1e19, 2e19]), np.array([2e19, 1e19]), "y_true holds labels beyond 9223372036854775807"),
        (np.array([2**63], "uint64"), np.array([-(2**63)]), "y_true holds labels beyond"),
    ],
)
@pytest.mark.parametrize("metric", [metrics.accuracy, partial(metrics.f1, average="macro")])
def test_labels_that_cannot_be_compared(metric, y_true, y_pred, words):
    """A cast would make equal labels of different ones, or different ones of equal."""
    with pytest.raises(ValueError, match=words):
        metric(y_true, y_pred)


def test_labels_that_jax_would_cut_to_32_bits():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    wide = np.array([2**32, 2**32 + 1])
    with jax.enable_x64(False):
        with pytest.raises(ValueError, match="y_true holds labels beyond 2147483647"):
            metrics.accuracy(wide, jax.numpy.asarray([0, 1]))
        for metric in (metrics.top_k_accuracy, metrics.log_loss):  # 2**32 would become class 0
            with pytest.raises(ValueError, match="y_true holds labels beyond 2147483647"):
                metric(np.array([2**32, 1]), jax.numpy.eye(2))
        ours = jax.numpy.asarray([0, 1])
        with pytest.raises(ValueError, match="labels holds labels beyond 2147483647"):
            metrics.confusion_matrix(ours, ours, labels=[2**32, 1])
        with pytest.raises(ValueError, match="pos_label 4294967297 is none of the labels"):
            metrics.recall(ours, ours, pos_label=2**32 + 1)


@pytest.mark.parametrize(
    ("y", "labels", "words"),
    [
        (["a", "b"], [b"a", b"b"], r"labels holds bytes.*labels\.astype\(str\)"),
        (["a", "b"], ["a", None], "labels mixes .* leave out None"),
        (["a", "b"], [0, 1], "labels holds numbers, the labels are text"),
        ([0, 1], ["a", "b"], "labels holds text, the labels are numbers"),
        ([0, 1], [0, "a"], "labels mixes"),
        ([0, 1], [0.5, 1], "labels holds fractions, labels are whole numbers or text"),
        ([0, 1], np.array([2**63, 1], "uint64"), "labels holds labels beyond 9223372036854775807"),
    ],
)
def test_labels_to_score_that_are_none(y, labels, words):
    """Compared as they are, none of them would ever be met, and each score were 0."""
    with pytest.raises(ValueError, match=words):
        metrics.f1(y, y, average="macro", labels=labels)


def test_the_largest_labels_of_all():
    """Compared as floats, 2**63 - 1 would be beyond int64."""
    y = np.array([2**63 - 1, -(2**63)])
    assert metrics.accuracy(y, y.copy()) == 1
    assert metrics.confusion_matrix(y, y, labels=y.astype(object)).tolist() == [[1, 0], [0, 1]]


def test_unsigned_labels_of_torch_are_compared():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    with pytest.raises(ValueError, match="y_true holds labels beyond"):
        metrics.accuracy(torch.tensor([2**63], dtype=torch.uint64), torch.tensor([-(2**63)]))


def test_class_numbers_in_an_array_of_objects():
    assert metrics.roc_auc(np.array([0, 1, 1], object), [0.1, 0.2, 0.3]) == 1
    with pytest.raises(TypeError, match="y_true must hold real numbers, it holds text"):
        metrics.roc_auc(["a", "b"], [0.1, 0.2])
