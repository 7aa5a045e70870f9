"""Predictions and scores of a placed model: from the network's outputs to labels, probabilities and metrics."""

from __future__ import annotations

from typing import Any

from .errors import BackendError
from .metrics.named import as_metrics, measured
from .placement import Placement
from .typing import Array


def predict(placement: Placement, x: Any) -> Array:
    """Labels as they were in y for classification losses, else outputs; see `Model.predict`."""
    given, outputs = placement.outputs(x)
    targets, backend = placement.decided.targets, placement.require_built().backend
    found = targets.decode(outputs)
    of_bools = targets.labels is not None and all(isinstance(label, bool) for label in targets.labels)
    if of_bools and backend.owns(given):  # (0, 1) equals (False, True), and is numbers
        return placement.like_input(backend.xp.astype(found, backend.xp.bool), given)
    if targets.labels is not None:
        return targets.label(backend.to_numpy(found))
    if targets.kind == "values" or targets.dtype is None:
        return placement.like_input(found, given)
    if not backend.owns(given):
        return backend.to_numpy(found).astype(targets.dtype)
    try:
        dtype = backend.dtype(targets.dtype)
    except BackendError:  # y came from the host in a dtype that this library does not have
        dtype = backend.dtype("float32" if "float" in targets.dtype else "int32")
    return placement.like_input(found if found.dtype == dtype else backend.xp.astype(found, dtype), given)


def predict_proba(placement: Placement, x: Any) -> Array:
    """Outputs through the loss's link; ValueError for a loss of scores, see `Model.predict_proba`."""
    link = getattr(placement.spec.loss_op, "link", None)
    if link is None and placement.decided.targets.threshold == 0:
        raise ValueError(
            f"predict_proba: the loss {placement.spec.loss!r} makes outputs scores, not probabilities: "
            "use predict or forward"
        )
    given, outputs = placement.outputs(x)
    if link is not None:
        with placement.require_built().backend.device_context():  # also NumPy's settings, which may raise
            outputs, _ = link(outputs)
    return placement.like_input(outputs, given)


def evaluate(placement: Placement, x: Any, y: Any, sample_weight: Any, metrics: Any) -> dict[str, Any]:
    """The loss, the accuracy and the metrics by name; see `Model.evaluate`."""
    placement.require_built()
    chosen = as_metrics(metrics, weighted=sample_weight is not None)
    with placement.rollback_on_error():
        samples, targets = placement.samples(x, y, sample_weight)
        trainer = placement.require_built()
        found: dict[str, Any] = trainer.scores(samples, targets)
        if not chosen:
            return found
        backend, weight = trainer.backend, None
        with backend.device_context():
            if sample_weight is not None:
                weight = backend.asarray(samples.plain, dtype=placement.spec.dtype)
            outputs, link = trainer.outputs(samples.x), getattr(placement.spec.loss_op, "link", None)
            found |= measured(chosen, targets, outputs, samples.whole_y(), link=link, sample_weight=weight)
    return found
