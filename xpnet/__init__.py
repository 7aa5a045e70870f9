"""Neural networks on any array library that follows the Python Array API standard.

Public names are loaded at their first use: `import xpnet` imports nothing, NumPy included, so that the
command line can choose NumPy's settings first.
"""

from __future__ import annotations

from importlib import import_module
from sys import modules
from typing import Any

__version__ = "0.1.0"

_PLACES = {
    "model": ("Model", "load"),
    "layers": (
        "Activation",
        "AveragePool1D",
        "AveragePool2D",
        "BatchNorm",
        "CELU",
        "Concatenate",
        "Conv1D",
        "Conv2D",
        "ConvTranspose1D",
        "ConvTranspose2D",
        "Dense",
        "Dropout",
        "ELU",
        "Embedding",
        "Flatten",
        "GELU",
        "GLU",
        "GRU",
        "GlobalAveragePool",
        "GlobalMaxPool",
        "GroupNorm",
        "HardSigmoid",
        "HardSwish",
        "HardTanh",
        "LSTM",
        "Layer",
        "LayerNorm",
        "LeakyReLU",
        "LogSigmoid",
        "LogSoftmax",
        "Masking",
        "MaxPool1D",
        "MaxPool2D",
        "Mish",
        "MultiHeadAttention",
        "PReLU",
        "Permute",
        "PositionEmbedding",
        "PositionalEncoding",
        "RMSNorm",
        "RNN",
        "ReLU",
        "ReLU6",
        "Repeat",
        "Reshape",
        "Residual",
        "SELU",
        "Sequential",
        "SiLU",
        "Sigmoid",
        "Softmax",
        "Softplus",
        "Softsign",
        "SpatialDropout",
        "SwiGLU",
        "Tanh",
        "TransformerBlock",
        "Upsample",
    ),
    "ops": ("Loss",),
    "optim": (
        "adadelta",
        "adagrad",
        "adam",
        "adamax",
        "adamw",
        "lion",
        "nadam",
        "radam",
        "rmsprop",
        "schedules",
        "sgd",
    ),
    "train": ("Callback", "EarlyStopping", "History", "ReduceLROnPlateau", "fit_lbfgs", "make_step"),
    "calculus": (
        "check_gradient",
        "derivative",
        "gradient_ascent",
        "gradient_descent",
        "numerical_gradient",
        "tangent",
    ),
    "errors": (
        "BackendError",
        "DivergedError",
        "GradientError",
        "LabelError",
        "MissingExtraError",
        "ModelFileError",
        "PullbackSpentError",
        "UnknownNameError",
    ),
}
_ROOMS = (
    "backends",
    "calculus",
    "data",
    "init",
    "io",
    "layers",
    "metrics",
    "ops",
    "optim",
    "plots",
    "testing",
    "train",
)
_HOME = {name: module for module, names in _PLACES.items() for name in names}

__all__ = ["__version__", *_HOME, *(room for room in _ROOMS if room not in _HOME)]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    elif name in _ROOMS:
        value = import_module(f".{name}", __name__)
    else:
        # with these two Python's traceback says which name is near
        raise AttributeError(f"module 'xpnet' has no attribute {name!r}", name=name, obj=modules[__name__])
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
