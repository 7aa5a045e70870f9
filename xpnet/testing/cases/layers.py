"""The rows of the layers."""

from __future__ import annotations

from typing import Any

from ... import layers
from ...typing import Array
from ..case import layer_case
from . import plain
from .activations import ACTIVATIONS
from .ops import OPS


def _dense(name: str = "") -> Any:
    prefix = f"{name}." if name else ""
    return lambda xp, x, p: x @ p[f"{prefix}weight"] + p[f"{prefix}bias"]


def _chain(xp: Any, x: Array, p: dict[str, Array]) -> Array:
    """Two dense layers, tanh between them; the names of `_mlp`."""
    return _dense("out")(xp, plain.tanh(xp, _dense("0")(xp, x, p)), p)


def _under(name: str, p: dict[str, Array]) -> dict[str, Array]:
    return {key.removeprefix(f"{name}."): value for key, value in p.items() if key.startswith(f"{name}.")}


def _one(op: str) -> Any:
    """The plain formula of an op's row, for the layer that runs it."""
    formula = next(case.plain for case in (*OPS, *ACTIVATIONS) if case.name == op)
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
        plain=lambda xp, x, p: plain.logistic(xp, x @ p["weight"]),
    ),
    layer_case(
        "Dense, a layer as activation",
        layers.Dense(4, layers.LeakyReLU(0.2)),
        3,
        plain=lambda xp, x, p: _one("leaky_relu, alpha 0.2")(xp, _dense()(xp, x, p), p),
    ),
    layer_case(
        "Dense, gated",
        layers.Dense(8, "swiglu"),
        3,
        plain=lambda xp, x, p: _one("swiglu")(xp, _dense()(xp, x, p), p),
    ),
    *(
        layer_case(type(layer).__name__, layer, 8, plain=_one(op))
        for op, layer in (
            ("relu", layers.ReLU()),
            ("relu6", layers.ReLU6()),
            ("leaky_relu, alpha 0.2", layers.LeakyReLU(0.2)),
            ("elu, alpha 1.3", layers.ELU(1.3)),
            ("celu, alpha 1.3", layers.CELU(1.3)),
            ("selu", layers.SELU()),
            ("gelu", layers.GELU()),
            ("silu", layers.SiLU()),
            ("mish", layers.Mish()),
            ("softplus, beta 2.0, threshold 3.0", layers.Softplus(2.0, 3.0)),
            ("softsign", layers.Softsign()),
            ("hard_sigmoid", layers.HardSigmoid()),
            ("hard_swish", layers.HardSwish()),
            ("hard_tanh, min_val -0.4, max_val 0.9", layers.HardTanh(-0.4, 0.9)),
            ("sigmoid", layers.Sigmoid()),
            ("log_sigmoid", layers.LogSigmoid()),
            ("tanh", layers.Tanh()),
            ("glu", layers.GLU()),
            ("swiglu", layers.SwiGLU()),
            ("softmax", layers.Softmax()),
            ("log_softmax", layers.LogSoftmax()),
            ("elu, alpha 1.3", layers.Activation("elu", alpha=1.3)),
        )
    ),
    *(
        layer_case(
            repr(layer),
            layer,
            3,
            4,
            plain=lambda xp, x, p: xp.where(x > 0, x, p["weight"] * x),
        )
        for layer in (layers.PReLU(), layers.PReLU(shared=False))
    ),
    layer_case("Flatten", layers.Flatten(), 3, 5, plain=_one("flatten")),
    layer_case("Reshape", layers.Reshape((2, -1, 3)), 4, 3, plain=_one("reshape")),
    layer_case("Permute", layers.Permute((3, 1, 2)), 2, 3, 4, plain=_one("permute")),
    layer_case("Upsample", layers.Upsample(), 2, 3, 3, plain=_one("upsample, nearest, image")),
    layer_case(
        "Upsample, linear", layers.Upsample(method="linear"), 4, 3, plain=_one("upsample, linear, sequence")
    ),
    layer_case("Dropout", layers.Dropout(0.4), 30),
    layer_case("Dropout, predict", layers.Dropout(0.4), 30, train=False, plain=lambda xp, x, p: x),
    layer_case("SpatialDropout", layers.SpatialDropout(0.4), 2, 3, 8),
    layer_case(
        "SpatialDropout, predict", layers.SpatialDropout(0.4), 3, 8, train=False, plain=lambda xp, x, p: x
    ),
    layer_case(
        "LayerNorm",
        layers.LayerNorm(),
        2,
        5,
        plain=lambda xp, x, p: plain.layer_norm(xp, x, p["weight"], p["bias"]),
    ),
    layer_case(
        "RMSNorm, two axes",
        layers.RMSNorm(axes=2),
        2,
        5,
        plain=lambda xp, x, p: plain.rms_norm(xp, x, p["weight"]),
    ),
    layer_case(
        "GroupNorm",
        layers.GroupNorm(2),
        3,
        4,
        plain=lambda xp, x, p: plain.group_norm(xp, x, p["weight"], p["bias"], 2),
    ),
    layer_case(
        "BatchNorm",
        layers.BatchNorm(),
        3,
        rows=(5, 2),
        plain=lambda xp, x, p: plain.batch_norm(xp, x, p["weight"], p["bias"]),
    ),
    layer_case(
        "BatchNorm, image",
        layers.BatchNorm(),
        2,
        3,
        2,
        rows=(5, 1),
        plain=lambda xp, x, p: plain.batch_norm(xp, x, p["weight"], p["bias"]),
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
