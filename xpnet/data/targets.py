"""Targets: encodes the user's y for a loss, and decodes a network's outputs to labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import LabelError, choose, shown
from ..namespace import namespace
from ..typing import Array, Shape

_SEVERAL = "give samples of two labels at least, or there is nothing to tell apart"


@dataclass(frozen=True)
class Targets:
    """The encoding of y for a loss: learned from the first y, and saved with the model.

    kind: "classes" (one of the outputs), "binary" (each output yes or no) or "values".
    labels: the label of each class, None where y holds class numbers.
    dtype: y's own dtype, in which labels are returned.
    vector: y was (n,) where the outputs are (n, 1); predictions are then (n,) too.
    threshold: a binary output above it means yes.
    outputs: the number of outputs for one value of y; the first of them predict it.
    ignored: the label that does not count.
    """

    kind: str = "values"
    labels: tuple[Any, ...] | None = None
    dtype: str | None = None
    vector: bool = False
    threshold: float = 0.5
    outputs: int = 1
    ignored: int | None = None

    def __post_init__(self) -> None:
        """ValueError or TypeError for fields that only a damaged model file holds."""
        choose("kind", self.kind, ("classes", "binary", "values"))
        if self.labels is not None and not isinstance(self.labels, tuple):
            raise TypeError(f"labels {self.labels!r} must be a tuple or None")
        if self.dtype is not None:
            np.dtype(str(self.dtype))
        if not isinstance(self.outputs, int) or self.outputs < 1:
            raise ValueError(f"outputs {self.outputs!r} must be 1 or more")
        if self.ignored is not None and (not isinstance(self.ignored, int) or self.kind != "classes"):
            raise ValueError(f"ignored {self.ignored!r} must be the number of a class, or None")

    @classmethod
    def of_loss(cls, loss: Any) -> Targets:
        """The targets that a loss takes, from the attributes that `ops.takes` sets, before any y was seen."""
        kind, threshold = getattr(loss, "kind", "values"), getattr(loss, "threshold", 0.5)
        ignored = getattr(loss, "ignore_index", None) if kind == "classes" else None
        return cls(kind, threshold=threshold, outputs=getattr(loss, "outputs", 1), ignored=ignored)

    def learn(self, y: np.ndarray, output_shape: Shape) -> Targets:
        """A copy completed from y: its labels, its dtype, and whether it is a vector."""
        if self.dtype is not None:
            numeric = self.labels is None and y.dtype.kind in "iuf" and np.dtype(self.dtype).kind in "iuf"
            known = not numeric or y.dtype == self.dtype  # the same y again costs no copy
            return self if known else replace(self, dtype=np.promote_types(self.dtype, y.dtype).name)
        output_shape = self._value_shape(output_shape)
        vector = output_shape == (1,) and y.ndim == 1
        if self.kind == "classes" and output_shape[-1:] == (1,):
            raise LabelError(
                "y tells which of the outputs is right, and the network has one only, whose loss is always 0: "
                "end it with Dense(2), or use the loss 'sigmoid_cross_entropy'"
            )
        if self.kind == "classes" and y.shape[1:] == output_shape and y.dtype.kind in "biuf":
            return replace(self, dtype="int64")  # probabilities: their classes are numbers
        if self.kind == "binary" and y.dtype.kind in "if" and (y == -1).any() and (abs(y) == 1).all():
            return replace(self, labels=(-1, 1), dtype=y.dtype.newbyteorder("=").str, vector=vector)
        if y.dtype.kind in ("biuf" if self.kind == "values" else "iuf"):
            highest = output_shape[-1] - 1 if self.kind == "classes" else 1  # a label that y may not hold yet
            holds = self.kind == "values" or highest <= _largest(y.dtype)
            return replace(self, dtype=y.dtype.name if holds else "int64", vector=vector)
        if self.kind == "values":
            return self  # `encode` refuses it
        if self.ignored is not None:
            raise LabelError(
                f"y holds {y.dtype}, and the loss ignores the label {self.ignored}: make labels integers"
            )
        wanted = output_shape[-1] if self.kind == "classes" else 2
        labels = (False, True) if y.dtype.kind == "b" else _distinct(y)
        if len(labels) == 1:
            raise LabelError(f"y holds one label only, {shown(labels[0])}: {_SEVERAL}")
        if len(labels) != wanted:
            more = "" if self.kind == "classes" else ", and the loss 'softmax_cross_entropy'"
            raise LabelError(
                f"y holds {len(labels)} different labels, the network tells {wanted} apart: "
                f"its last layer should be Dense({len(labels)}){more}"
            )
        dtype = y.dtype.newbyteorder("=").str  # .name is no dtype for text
        return replace(self, labels=labels, dtype=dtype, vector=vector)

    def encode(
        self,
        y: np.ndarray,
        output_shape: Shape,
        dtype: str,
        *,
        rows: Sequence[int] | np.ndarray | None = None,
    ) -> np.ndarray:
        """y as the loss takes it: class numbers (n,) int64, or floats of the outputs' shape.

        LabelError where a label, a probability or the shape does not fit the outputs. rows: the row numbers to report,
        where y is a part of the data.
        """
        rows = range(len(y)) if rows is None else rows
        output_shape = self._value_shape(output_shape)
        shape = (y.shape[0], *output_shape)
        if self.kind == "classes" and y.ndim == len(shape):
            if y.shape == shape and y.dtype.kind in "biuf":
                if self.ignored is not None:
                    raise LabelError(
                        f"y {y.shape} holds probabilities, and the loss ignores the label {self.ignored}: give "
                        "labels, or leave ignore_index out"
                    )
                return _probabilities(y, dtype, rows)
            if y.shape[-1] == 1:
                y = y[..., 0]
        if self.labels is not None:
            y = self._numbers(y)
        if y.dtype.kind not in "biuf":
            text = (
                "'softmax_cross_entropy' takes text"
                if self.kind == "values"
                else "the model knows numbers only"
            )
            raise LabelError(f"y holds {y.dtype}, numbers were wanted: convert it, y.astype(float); {text}")
        if self.kind == "classes":
            if y.shape != shape[:-1]:
                raise LabelError(
                    f"y {y.shape} must be labels {shape[:-1]} or probabilities {shape}: "
                    "give one label for each, or as many probabilities as the last layer has units"
                )
            if self.ignored is None:
                return _class_numbers(y, output_shape[-1])
            counts = y != self.ignored
            return np.where(counts, _class_numbers(np.where(counts, y, 0), output_shape[-1]), self.ignored)
        if output_shape == (1,) and y.ndim == 1:
            y = y[:, None]
        if y.shape != shape:
            fits = len(y.shape) == len(shape) and y.shape[:-1] == shape[:-1]
            fix = (
                f"give the last layer {y.shape[-1] * self.outputs} units"
                if fits
                else "reshape it, or change the last layer"
            )
            each = "" if self.outputs == 1 else f", {self.outputs} for each value"
            raise LabelError(f"y {y.shape} does not fit the network's outputs {shape}{each}: {fix}")
        given = y
        with np.errstate(over="ignore"):  # overflow is checked below
            y = y.astype(dtype)
        if not np.isfinite(y).all():
            place = tuple(np.argwhere(~np.isfinite(y))[0])
            raise LabelError(
                f"y holds {given[place]} at row {rows[place[0]]}, not a finite {dtype}: "
                "remove such samples, or rescale y"
            )
        if self.kind == "binary" and ((y < 0) | (y > 1)).any():
            place = tuple(np.argwhere((y < 0) | (y > 1))[0])
            raise LabelError(
                f"y holds {y[place]:g} at row {place[0]}, this loss takes 0, 1 or a probability between them: "
                "renumber the labels, or use 'softmax_cross_entropy' with an output for each"
            )
        return y

    def counts(self, encoded: np.ndarray, output_shape: Shape) -> np.ndarray:
        """The number of labels of each sample that count, (n,): for classes all but the ignored, else one."""
        if self.kind != "classes":
            return np.ones(len(encoded))
        if self.ignored is None:
            return np.full(len(encoded), float(math.prod(output_shape[:-1])))
        found = (encoded != self.ignored).reshape(len(encoded), -1).sum(axis=1, dtype="float64")
        if not found.any():
            raise LabelError(
                f"y holds the label {self.ignored} only, which the loss ignores: nothing is left to learn from"
            )
        return found

    def require_several(self, encoded: np.ndarray) -> None:
        """LabelError where two samples or more have the same class, so that there is nothing to tell apart."""
        if self.kind == "values" or encoded.size != len(encoded):
            return
        encoded = encoded if self.ignored is None else encoded[encoded != self.ignored]
        if len(encoded) < 2:
            return
        first = encoded.flat[0]
        if first == int(first) and (encoded == first).all():
            only = shown(self.label(np.asarray(int(first))).item())
            raise LabelError(f"y holds one label only, {only}: {_SEVERAL}")

    def decode(self, outputs: Array) -> Array:
        """Predictions from outputs: labels as they were in y, or the outputs themselves."""
        xp = namespace(outputs)
        if self.kind == "values":
            outputs = outputs[..., : outputs.shape[-1] // self.outputs] if self.outputs > 1 else outputs
            return xp.reshape(outputs, (outputs.shape[0],)) if self.vector else outputs
        if self.kind == "classes":
            return xp.argmax(outputs, axis=-1)
        numbers = xp.astype(outputs > self.threshold, xp.int32)  # JAX has no int64 unless asked
        return xp.reshape(numbers, (outputs.shape[0],)) if self.vector else numbers

    def hits(self, outputs: Array, target: Array) -> Array:
        """The accuracy of each sample, (n,): 1 or 0, or the share of its outputs or counted labels that are right."""
        xp = namespace(outputs)
        if self.kind == "classes":
            truth = target if target.ndim < outputs.ndim else xp.argmax(target, axis=-1)
            right = xp.argmax(outputs, axis=-1) == truth
        else:
            right = (outputs > self.threshold) == (target > 0.5)
        right = xp.astype(right, outputs.dtype)
        if right.ndim == 1:
            return right
        inner = tuple(range(1, right.ndim))
        if self.ignored is None:
            return xp.mean(right, axis=inner)
        counts = xp.astype(truth != self.ignored, right.dtype)
        number = xp.sum(counts, axis=inner)
        return xp.sum(right * counts, axis=inner) / xp.where(number == 0, 1.0, number)

    def label(self, numbers: np.ndarray) -> np.ndarray:
        """Class numbers on the host as the labels that y had."""
        if self.labels is None:
            return numbers
        return np.asarray(self.labels, dtype=self.dtype)[numbers]

    def _value_shape(self, output_shape: Shape) -> Shape:
        """The shape of one sample's y, whose values have `outputs` outputs each."""
        if self.outputs == 1:
            return output_shape
        if not output_shape or output_shape[-1] % self.outputs:
            raise LabelError(
                f"the loss takes {self.outputs} outputs for each value of y, the network's are (n, *{output_shape}): "
                f"give its last layer {self.outputs} times as many units as y has columns"
            )
        return (*output_shape[:-1], output_shape[-1] // self.outputs)

    def _numbers(self, y: np.ndarray) -> np.ndarray:
        assert self.labels is not None
        place = {label: number for number, label in enumerate(self.labels)}
        try:
            return np.array([place[label] for label in y.ravel().tolist()], dtype="int64").reshape(y.shape)
        except KeyError as error:
            known = ", ".join(map(repr, self.labels))
            raise LabelError(f"y holds the label {error.args[0]!r}, the model knows {known}") from None


def _distinct(y: np.ndarray) -> tuple[Any, ...]:
    """The different labels in order; LabelError for what cannot be ordered, or not be written to a file."""
    try:
        labels = np.unique(y).tolist()
    except TypeError as error:
        raise LabelError(
            "y mixes labels of different types: make them all text or all integers, and leave out None"
        ) from error
    plain = [label.item() if isinstance(label, np.generic) else label for label in labels]
    for label in plain:
        if not isinstance(label, str | int | float) or label != label:
            raise LabelError(f"y holds the label {shown(label)}, of {y.dtype}: make labels text or integers")
    return tuple(plain)


def _largest(dtype: np.dtype) -> int:
    """The number up to which the dtype holds every whole one."""
    return 2 ** (int(np.finfo(dtype).nmant) + 1) if dtype.kind == "f" else int(np.iinfo(dtype).max)


def _class_numbers(y: np.ndarray, classes: int) -> np.ndarray:
    if y.dtype.kind in "iu" and y.size and y.min() >= 0 and y.max() < classes:
        return y.astype("int64")  # what follows could not fail
    strange = ~np.isfinite(y) | (y != np.floor(y))
    if strange.any():
        place = tuple(np.argwhere(strange)[0])
        raise LabelError(
            f"y holds {y[place]} at row {place[0]}, which is not a class: labels are 0, 1, ..., or text; "
            "mse takes values"
        )
    outside = (y < 0) | (y >= classes)
    if outside.any():
        place = tuple(np.argwhere(outside)[0])
        first, most = y[place], y.max()
        more = f", or give the last layer {int(most) + 1} units" if y.min() >= 0 and most < 10**6 else ""
        raise LabelError(
            f"y holds label {int(first) if abs(first) < 1e30 else first} at row {place[0]}, the network has "
            f"{classes} outputs for labels 0 to {classes - 1}: renumber the labels from 0{more}"
        )
    return y.astype("int64")


def _probabilities(y: np.ndarray, dtype: str, rows: Sequence[int] | np.ndarray) -> np.ndarray:
    total = y.sum(axis=-1, dtype="float64")
    bad = ~(np.abs(total - 1) < 1e-3) | (y < 0).any(axis=-1)
    if bad.any():
        row = int(np.argwhere(bad)[0][0])
        raise LabelError(
            f"y {y.shape} must hold probabilities, at row {rows[row]} they are negative or sum to {total[row]:g}: "
            "divide each row by its sum, or give labels"
        )
    return y.astype(dtype)
