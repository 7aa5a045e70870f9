"""The table of metrics by name, and their values on a model's outputs."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any

from ..data import Targets
from ..errors import about, choose, require_function, shown
from ..namespace import namespace
from ..typing import Array, Op
from .classes import accuracy, confusion_matrix, f1, precision, recall
from .scores import log_loss, roc_auc, top_k_accuracy
from .values import mae, mse, r2

_ALL = (accuracy, confusion_matrix, f1, log_loss, mae, mse, precision, r2, recall, roc_auc, top_k_accuracy)
METRICS: dict[str, Callable[..., Any]] = {
    **{metric.__name__: metric for metric in _ALL},
    **{
        f"{metric.__name__}_{average}": partial(metric, average=average)
        for metric in (precision, recall, f1)
        for average in ("macro", "micro", "weighted")
    },
}


_SMALLER_IS_BETTER = (log_loss, mae, mse)
_NO_ORDER = (confusion_matrix,)


def direction(name: str) -> str | None:
    """ "max" for a metric that is better the larger it is, "min" for another, None for a name that tells neither.

    name: of METRICS, or one that ends in "accuracy" or "loss".
    """
    metric = METRICS.get(name)
    if metric is not None:
        return None if metric in _NO_ORDER else "min" if metric in _SMALLER_IS_BETTER else "max"
    return "max" if name.endswith("accuracy") else "min" if name.endswith("loss") else None


def as_metrics(given: Any, *, weighted: bool = False) -> dict[str, Callable[..., Any]]:
    """{name of the value: metric}, from a name, a function, several of these, or a dict {name: metric}.

    weighted: each metric must take sample_weight. TypeError or ValueError for an unknown metric, and for two of one
    name.
    """
    if isinstance(given, str) or callable(given):
        given = (given,)
    if not isinstance(given, Iterable):
        raise TypeError(f"metrics: names or functions were wanted, such as ['f1_macro'], {shown(given)} came")
    named = given.items() if isinstance(given, Mapping) else ((_name(metric), metric) for metric in given)
    found: dict[str, Callable[..., Any]] = {}
    for name, metric in named:
        if not callable(metric):
            metric = METRICS[choose("metric", metric, METRICS)]
        weight = {"sample_weight": "sample_weight"} if weighted else {}
        require_function("metrics", metric, "y_true", "y_pred", **weight)
        if name in found or name == "loss":
            raise ValueError(
                f"metrics: two values would be called {name!r}: give a dict, {{'another name': metric}}"
            )
        found[name] = metric
    return found


def _name(metric: Any) -> str:
    """The default name of a metric's value."""
    whole = metric.func if isinstance(metric, partial) else metric
    return metric if isinstance(metric, str) else getattr(whole, "__name__", type(whole).__name__)


def _takes_scores(metric: Callable[..., Any]) -> bool:
    """True for a metric of scores or probabilities: its second argument is y_score or y_proba."""
    try:
        names = list(inspect.signature(metric).parameters)
    except ValueError:  # some functions of C have no signature
        return False
    return len(names) > 1 and names[1] in ("y_score", "y_proba")


def measured(
    metrics: Mapping[str, Callable[..., Any]],
    targets: Targets,
    outputs: Array,
    y: Array,
    *,
    link: Op | None = None,
    sample_weight: Array | None = None,
) -> dict[str, Any]:
    """{name: value} of each metric on a network's outputs and the targets y that `Targets.encode` returned.

    Metrics get class numbers. Where a sample has several labels, each counts alike, and ignored labels do not count.
    sample_weight: (n,), shared by the labels of a sample.
    """
    xp = namespace(outputs)
    if targets.kind == "classes":
        y = xp.argmax(y, axis=-1) if y.ndim == outputs.ndim else y
        y, outputs, sample_weight = _labels_alone(y, outputs, targets.ignored, sample_weight)
    predicted = targets.decode(outputs)
    scores = outputs if link is None else link(outputs)[0]
    if targets.kind == "binary" and scores.ndim == 2 and scores.shape[1] == 1:
        scores = xp.reshape(scores, (-1,))
    more = {} if sample_weight is None else {"sample_weight": sample_weight}
    found = {}
    for name, metric in metrics.items():
        ours = any(metric is one for one in METRICS.values())  # errors of user metrics pass unchanged
        with about(f"metric {name!r}") if ours else nullcontext():
            found[name] = metric(y, scores if _takes_scores(metric) else predicted, **more)
    return found


def _labels_alone(
    y: Array, outputs: Array, ignored: int | None, weight: Array | None
) -> tuple[Array, Array, Array | None]:
    """(labels (m,), outputs (m, c), weights (m,)) without the ignored labels."""
    xp, each = namespace(y), math.prod(y.shape[1:])
    numbers = xp.reshape(y, (-1,))
    counts = xp.ones_like(numbers, dtype=xp.bool) if ignored is None else numbers != ignored
    if weight is not None:
        of_sample = xp.sum(xp.astype(xp.reshape(counts, (-1, each)), weight.dtype), axis=1)
        weight = weight / xp.where(of_sample == 0, 1.0, of_sample)
        weight = xp.reshape(xp.broadcast_to(weight[:, None], (weight.shape[0], each)), (-1,))
    outputs = xp.reshape(outputs, (-1, outputs.shape[-1]))
    if ignored is None:
        return numbers, outputs, weight
    (rows,) = xp.nonzero(counts)
    numbers, outputs = xp.take(numbers, rows, axis=0), xp.take(outputs, rows, axis=0)
    return numbers, outputs, None if weight is None else xp.take(weight, rows, axis=0)
