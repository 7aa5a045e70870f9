"""The table: every op, loss and layer that xpnet has, a row each, and a plain formula where there is one.

The plain formulas are written from the definitions, without the guards and shifts that the ops have.
"""

from __future__ import annotations

from typing import Any

from .. import layers, ops
from ..namespace import device
from ..typing import Array
from .cases import Case, layer_case
from .draws import between, key, labels, normal, probabilities


def _one_hot(xp: Any, y: Array, target: Array) -> Array:
    if target.ndim == y.ndim:
        return target
    return xp.astype(target[..., None] == xp.arange(y.shape[-1], device=device(y)), y.dtype)


def _softmax(xp: Any, x: Array) -> Array:
    return xp.exp(x) / xp.sum(xp.exp(x), axis=-1, keepdims=True)


def _logistic(xp: Any, x: Array) -> Array:
    return 1 / (1 + xp.exp(-x))


def _rows(xp: Any, values: Array) -> Array:
    return xp.mean(values, axis=tuple(range(1, values.ndim))) if values.ndim > 1 else values


def _binary(xp: Any, p: Array, target: Array) -> Array:
    return -_rows(xp, target * xp.log(p) + (1 - target) * xp.log(1 - p))


def _batch_norm(xp: Any, x: Array, scale: Array, shift: Array) -> Array:
    axes = tuple(range(x.ndim - 1))
    mean = xp.mean(x, axis=axes)
    return (x - mean) / xp.sqrt(xp.mean((x - mean) ** 2, axis=axes) + 1e-5) * scale + shift


def _huber(xp: Any, y: Array, target: Array) -> Array:
    size = xp.abs(y - target)
    return _rows(xp, xp.where(size <= 0.7, 0.5 * size**2, 0.7 * (size - 0.35)))


ELEMENTWISE = (
    Case("relu", ops.relu, (normal("n", 7),), plain=lambda xp, x: xp.where(x > 0, x, 0.0)),
    Case(
        "leaky_relu",
        ops.leaky_relu,
        (normal("n", 7),),
        options={"alpha": 0.2},
        plain=lambda xp, x: xp.where(x > 0, x, 0.2 * x),
    ),
    Case(
        "elu",
        ops.elu,
        (normal("n", 7),),
        options={"alpha": 1.3},
        plain=lambda xp, x: xp.where(x > 0, x, 1.3 * (xp.exp(x) - 1)),
    ),
    Case("sigmoid", ops.sigmoid, (normal("n", 3, 5, scale=3.0),), plain=_logistic),
    Case(
        "tanh",
        ops.tanh,
        (normal("n", 7),),
        plain=lambda xp, x: (xp.exp(x) - xp.exp(-x)) / (xp.exp(x) + xp.exp(-x)),
    ),
)

OPS = (
    Case(
        "linear",
        ops.linear,
        (normal("n", 5), normal(5, 3), normal(3)),
        plain=lambda xp, x, w, b: x @ w + b,
    ),
    Case("linear, no bias", ops.linear, (normal("n", 5), normal(5, 3)), plain=lambda xp, x, w: x @ w),
    Case(
        "linear, sequence",
        ops.linear,
        (normal("n", 4, 5), normal(5, 3), normal(3)),
        plain=lambda xp, x, w, b: x @ w + b,
    ),
    *ELEMENTWISE,
    Case("softmax", ops.softmax, (normal("n", 5),), plain=_softmax),
    Case(
        "softmax, axis 1",
        ops.softmax,
        (normal("n", 5, 3),),
        options={"axis": 1},
        plain=lambda xp, x: xp.exp(x) / xp.sum(xp.exp(x), axis=1, keepdims=True),
    ),
    Case("log_softmax", ops.log_softmax, (normal("n", 5),), plain=lambda xp, x: xp.log(_softmax(xp, x))),
    Case("flatten", ops.flatten, (normal("n", 3, 5),), plain=lambda xp, x: xp.reshape(x, (x.shape[0], 15))),
    Case(
        "concatenate",
        ops.concatenate,
        (normal("n", 3), normal("n", 1), normal("n", 4)),
        plain=lambda xp, *xs: xp.concat(xs, axis=-1),
    ),
    Case("dropout", ops.dropout, (normal("n", 40),), {"key": key()}, {"rate": 0.3}),
    Case(
        "batch_norm",
        ops.batch_norm,
        (normal("n", 3), normal(3), normal(3)),
        plain=_batch_norm,
        rows=(5, 2),
    ),
    Case(
        "batch_norm, image",
        ops.batch_norm,
        (normal("n", 3, 4, 2), normal(2), normal(2)),
        plain=_batch_norm,
        rows=(5, 1),
    ),
    Case(
        "batch_norm, predict",
        ops.batch_norm,
        (normal("n", 3), normal(3), normal(3)),
        {"mean": normal(3), "var": between(0.5, 2.0, 3)},
        {"eps": 1e-3},
        plain=lambda xp, x, scale, shift, mean, var: (x - mean) / xp.sqrt(var + 1e-3) * scale + shift,
    ),
)

LOSSES = (
    Case(
        "mse",
        ops.mse,
        (normal("n", 3),),
        {"target": normal("n", 3)},
        plain=lambda xp, y, target: _rows(xp, (y - target) ** 2),
        per_sample=True,
    ),
    Case(
        "mse, vector",
        ops.mse,
        (normal("n"),),
        {"target": normal("n")},
        plain=lambda xp, y, target: (y - target) ** 2,
        per_sample=True,
    ),
    Case(
        "mae",
        ops.mae,
        (normal("n", 3, 2),),
        {"target": normal("n", 3, 2)},
        plain=lambda xp, y, target: _rows(xp, xp.abs(y - target)),
        per_sample=True,
    ),
    Case(
        "huber",
        ops.huber,
        (normal("n", 3),),
        {"target": normal("n", 3)},
        {"delta": 0.7},
        plain=_huber,
        per_sample=True,
    ),
    Case(
        "softmax_cross_entropy",
        ops.softmax_cross_entropy,
        (normal("n", 4),),
        {"target": labels("n", classes=4)},
        plain=lambda xp, z, target: -xp.sum(_one_hot(xp, z, target) * xp.log(_softmax(xp, z)), axis=-1),
        per_sample=True,
    ),
    Case(
        "softmax_cross_entropy, probabilities",
        ops.softmax_cross_entropy,
        (normal("n", 4),),
        {"target": probabilities("n", 4)},
        plain=lambda xp, z, target: -xp.sum(target * xp.log(_softmax(xp, z)), axis=-1),
        per_sample=True,
    ),
    Case(
        "cross_entropy",
        ops.cross_entropy,
        (probabilities("n", 4),),
        {"target": labels("n", classes=4)},
        plain=lambda xp, p, target: -xp.sum(_one_hot(xp, p, target) * xp.log(p), axis=-1),
        per_sample=True,
    ),
    Case(
        "cross_entropy, probabilities",
        ops.cross_entropy,
        (probabilities("n", 4),),
        {"target": probabilities("n", 4)},
        plain=lambda xp, p, target: -xp.sum(target * xp.log(p), axis=-1),
        per_sample=True,
    ),
    Case(
        "sigmoid_cross_entropy",
        ops.sigmoid_cross_entropy,
        (normal("n", 3, scale=3.0),),
        {"target": between(0.0, 1.0, "n", 3)},
        plain=lambda xp, z, target: _binary(xp, _logistic(xp, z), target),
        per_sample=True,
    ),
    Case(
        "binary_cross_entropy",
        ops.binary_cross_entropy,
        (between(0.1, 0.9, "n", 3),),
        {"target": between(0.0, 1.0, "n", 3)},
        plain=_binary,
        per_sample=True,
    ),
)


def _dense(name: str = "") -> Any:
    prefix = f"{name}." if name else ""
    return lambda xp, x, p: x @ p[f"{prefix}weight"] + p[f"{prefix}bias"]


def _tanh(xp: Any, x: Array) -> Array:
    return 1 - 2 / (1 + xp.exp(2 * x))


def _chain(xp: Any, x: Array, p: dict[str, Array]) -> Array:
    """Two dense layers, tanh between them; the names of `_mlp`."""
    return _dense("out")(xp, _tanh(xp, _dense("0")(xp, x, p)), p)


def _under(name: str, p: dict[str, Array]) -> dict[str, Array]:
    return {key.removeprefix(f"{name}."): value for key, value in p.items() if key.startswith(f"{name}.")}


def _one(op: str) -> Any:
    """The plain formula of an op's row, for the layer that runs it."""
    formula = next(case.plain for case in OPS if case.name == op)
    assert formula is not None
    return lambda xp, x, p: formula(xp, x)


_mlp = layers.Sequential(layers.Dense(4, "tanh"), ("out", layers.Dense(3)))

LAYERS = (
    layer_case("Dense", layers.Dense(4), 3, plain=_dense()),
    layer_case(
        "Dense, activation",
        layers.Dense(4, "sigmoid", bias=False),
        5,
        3,
        plain=lambda xp, x, p: _logistic(xp, x @ p["weight"]),
    ),
    *(
        layer_case(type(layer).__name__, layer, 7, plain=_one(op))
        for op, layer in (
            ("relu", layers.ReLU()),
            ("leaky_relu", layers.LeakyReLU(0.2)),
            ("elu", layers.ELU(1.3)),
            ("sigmoid", layers.Sigmoid()),
            ("tanh", layers.Tanh()),
            ("softmax", layers.Softmax()),
            ("log_softmax", layers.LogSoftmax()),
        )
    ),
    layer_case("Flatten", layers.Flatten(), 3, 5, plain=_one("flatten")),
    layer_case("Dropout", layers.Dropout(0.4), 30),
    layer_case("Dropout, predict", layers.Dropout(0.4), 30, train=False, plain=lambda xp, x, p: x),
    layer_case(
        "BatchNorm",
        layers.BatchNorm(),
        3,
        rows=(5, 2),
        plain=lambda xp, x, p: _batch_norm(xp, x, p["weight"], p["bias"]),
    ),
    layer_case(
        "BatchNorm, predict",
        layers.BatchNorm(),
        3,
        train=False,
        plain=lambda xp, x, p: (x - p["mean"]) / xp.sqrt(p["var"] + 1e-5) * p["weight"] + p["bias"],
    ),
    layer_case("Sequential", _mlp, 3, plain=_chain),
    layer_case("Sequential, empty", layers.Sequential(), 3, plain=lambda xp, x, p: x),
    layer_case(
        "Residual",
        layers.Residual(layers.Dense(5, "tanh"), ("out", layers.Dense(3))),
        3,
        plain=lambda xp, x, p: x + _chain(xp, x, p),
    ),
    layer_case(
        "Concatenate",
        layers.Concatenate(layers.Dense(2), _mlp, layers.Sequential()),
        3,
        plain=lambda xp, x, p: xp.concat([_dense("0")(xp, x, p), _chain(xp, x, _under("1", p)), x], axis=-1),
    ),
    layer_case(
        "a network",
        layers.Sequential(
            layers.Flatten(),
            layers.Dense(6, bias=False),  # a bias before batch norm has gradient 0: nothing but roundoff
            layers.BatchNorm(),
            layers.Sigmoid(),
            layers.Dropout(0.2),
            layers.Residual(layers.Dropout(0.2), layers.Dense(6)),
            layers.Dense(2),
        ),
        2,
        3,
        rows=(6, 4),
    ),
)

CASES = (*OPS, *LOSSES, *LAYERS)
