"""Metrics of predicted values: squared error, absolute error, explained variance."""

from __future__ import annotations

from typing import Any

from ..calls import checked
from ..errors import choose
from ..typing import Array, Namespace
from .inputs import mean, together


@checked
def mse(y_true: Any, y_pred: Any, *, sample_weight: Any = None, multioutput: str = "uniform_average") -> Any:
    """The mean squared error, (n,) or (n, outputs); of each output with multioutput "raw_values"."""
    xp, true, predicted, w = _values(y_true, y_pred, sample_weight, multioutput)
    return _outputs(xp, mean(xp, (true - predicted) ** 2, w), multioutput)


@checked
def mae(y_true: Any, y_pred: Any, *, sample_weight: Any = None, multioutput: str = "uniform_average") -> Any:
    """The mean absolute error, (n,) or (n, outputs); of each output with multioutput "raw_values"."""
    xp, true, predicted, w = _values(y_true, y_pred, sample_weight, multioutput)
    return _outputs(xp, mean(xp, xp.abs(true - predicted), w), multioutput)


@checked
def r2(y_true: Any, y_pred: Any, *, sample_weight: Any = None, multioutput: str = "uniform_average") -> Any:
    """The share of the variance that is explained: 1 - sum (y - prediction)^2 / sum (y - mean y)^2.

    For a constant y it is 1 for a perfect prediction, else 0. It is NaN for fewer than two samples.
    """
    xp, true, predicted, w = _values(y_true, y_pred, sample_weight, multioutput)
    left = mean(xp, (true - predicted) ** 2, w)
    spread = mean(xp, (true - mean(xp, true, w)) ** 2, w)
    perfect = xp.astype(left == 0, w.dtype)
    varies = spread != 0
    share = xp.where(varies, 1.0 - left / xp.where(varies, spread, xp.ones_like(spread)), perfect)
    return _outputs(xp, share if true.shape[0] > 1 else share * float("nan"), multioutput)


def _values(
    y_true: Any, y_pred: Any, sample_weight: Any, multioutput: str
) -> tuple[Namespace, Array, Array, Array]:
    choose("multioutput", multioutput, ("uniform_average", "raw_values"))
    xp, (true, predicted), w = together({"y_true": y_true, "y_pred": y_pred}, sample_weight)
    true, predicted = (xp.reshape(y, (y.shape[0], -1)) if y.ndim == 1 else y for y in (true, predicted))
    if true.ndim != 2 or true.shape != predicted.shape:
        shapes = f"y_true {tuple(true.shape)} and y_pred {tuple(predicted.shape)}"
        raise ValueError(f"{shapes} must be of one shape, (n,) or (n, outputs)")
    return xp, xp.astype(true, w.dtype), xp.astype(predicted, w.dtype), w


def _outputs(xp: Namespace, each: Array, multioutput: str) -> Any:
    return each if multioutput == "raw_values" else float(xp.mean(each))
