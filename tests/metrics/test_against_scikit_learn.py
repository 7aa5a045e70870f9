"""Every metric beside scikit-learn's, on drawn labels, scores and weights."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpnet import metrics

peer = pytest.importorskip(
    "sklearn.metrics", reason="scikit-learn, the peer to compare with, is not installed"
)

DRAWN = settings(max_examples=60, deadline=None, database=None, derandomize=True)
SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(2, 30)


def draw(seed, n, classes):
    """(labels, labels, scores with ties, probabilities, weights)."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 6, (n, classes)) / 5
    p = rng.dirichlet(np.ones(classes), n)
    return *rng.integers(0, classes, (2, n)), scores, p, rng.uniform(0.1, 2, n)


def close(found, wanted):
    assert np.shape(found) == np.shape(wanted)
    assert np.allclose(found, wanted, rtol=1e-12, atol=1e-14, equal_nan=True)


@pytest.fixture(autouse=True)
def silent():
    """It warns where a metric is undefined; the values are what is compared."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@DRAWN
@given(seed=SEEDS, n=SIZES, classes=st.integers(2, 5), weighted=st.booleans())
def test_labels(seed, n, classes, weighted):
    true, found, _, _, weight = draw(seed, n, classes)
    weight = weight if weighted else None
    close(
        metrics.accuracy(true, found, sample_weight=weight),
        peer.accuracy_score(true, found, sample_weight=weight),
    )
    for normalize in (None, "true", "pred", "all"):
        close(
            metrics.confusion_matrix(true, found, sample_weight=weight, normalize=normalize),
            peer.confusion_matrix(true, found, sample_weight=weight, normalize=normalize),
        )
    some = list(range(classes))[::-1][: max(1, classes - 1)]
    for average in ("binary",) * (classes == 2) + ("macro", "micro", "weighted", None):
        for labels in (None, some):
            options = {"average": average, "sample_weight": weight, "labels": labels}
            for ours, theirs in (
                (metrics.precision, peer.precision_score),
                (metrics.recall, peer.recall_score),
                (metrics.f1, peer.f1_score),
            ):
                close(ours(true, found, **options), theirs(true, found, zero_division=0, **options))


@DRAWN
@given(seed=SEEDS, n=SIZES, classes=st.integers(3, 6), k=st.integers(1, 5), weighted=st.booleans())
def test_scores_of_classes(seed, n, classes, k, weighted):
    true, _, scores, p, weight = draw(seed, n, classes)
    weight, labels = weight if weighted else None, list(range(classes))
    close(
        metrics.top_k_accuracy(true, scores, k=k, sample_weight=weight),
        peer.top_k_accuracy_score(true, scores, k=k, sample_weight=weight, labels=labels),
    )
    close(
        metrics.log_loss(true, p, sample_weight=weight),
        peer.log_loss(true, p, sample_weight=weight, labels=labels),
    )
    true[:1], p = 0, p.round(1)  # ties
    p[:, -1] = 1 - p[:, :-1].sum(axis=1)
    if len(np.unique(true)) == classes:
        for average in ("macro", "weighted"):
            close(
                metrics.roc_auc(true, p, average=average, sample_weight=weight),
                peer.roc_auc_score(true, p, multi_class="ovr", average=average, sample_weight=weight),
            )


@DRAWN
@given(seed=SEEDS, n=SIZES, weighted=st.booleans())
def test_scores_of_yes_and_no(seed, n, weighted):
    true, _, scores, p, weight = draw(seed, n, 2)
    weight = weight if weighted else None
    close(
        metrics.roc_auc(true, scores[:, 0], sample_weight=weight),
        peer.roc_auc_score(true, scores[:, 0], sample_weight=weight),
    )
    p = np.where(p > 0.9, 1.0, p)[:, 1]  # some are certain, and wrong
    close(
        metrics.log_loss(true, p, sample_weight=weight),
        peer.log_loss(true, p, sample_weight=weight, labels=[0, 1]),
    )


@DRAWN
@given(seed=SEEDS, n=SIZES, outputs=st.integers(0, 3), weighted=st.booleans())
def test_values(seed, n, outputs, weighted):
    rng = np.random.default_rng(seed)
    shape = (n, outputs) if outputs else n
    true, found = rng.integers(0, 3, shape) * 1.0, rng.standard_normal(shape)
    weight = rng.uniform(0.1, 2, n) if weighted else None
    for ours, theirs in (
        (metrics.mse, peer.mean_squared_error),
        (metrics.mae, peer.mean_absolute_error),
        (metrics.r2, peer.r2_score),
    ):
        for multioutput in ("uniform_average", "raw_values"):
            options = {"sample_weight": weight, "multioutput": multioutput}
            close(ours(true, found, **options), theirs(true, found, **options))
