"""Initial values of parameters, drawn on the host by a `numpy.random.Generator`.

Each initialiser is `function(rng, shape, dtype) -> numpy array`. For a weight of shape (..., in, out) the
fans are fan_in = product of all axes but the last and fan_out = product of all axes but the last but one.
Layers name them: `"he"`, or with arguments `("normal", 0.01)`, `("glorot", "normal")`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import choose, number, require_function, shown
from .typing import Shape

__all__ = [
    "DEFAULTS",
    "DISTRIBUTIONS",
    "INITIALIZERS",
    "Undrawn",
    "check_initializer",
    "default",
    "fans",
    "glorot",
    "he",
    "identity",
    "initial",
    "initializer",
    "lecun",
    "normal",
    "ones",
    "orthogonal",
    "truncated_normal",
    "uniform",
    "zeros",
]


def __dir__() -> list[str]:
    return sorted(__all__)


def zeros(rng: np.random.Generator, shape: Shape, dtype: Any) -> np.ndarray:
    """All 0."""
    return np.zeros(shape, dtype)


def ones(rng: np.random.Generator, shape: Shape, dtype: Any) -> np.ndarray:
    """All 1."""
    return np.ones(shape, dtype)


def normal(
    rng: np.random.Generator, shape: Shape, dtype: Any, std: float = 0.01, mean: float = 0.0
) -> np.ndarray:
    """Normal distribution N(mean, std^2)."""
    return (mean + std * rng.standard_normal(shape)).astype(dtype)


def uniform(
    rng: np.random.Generator, shape: Shape, dtype: Any, low: float = -0.05, high: float = 0.05
) -> np.ndarray:
    """Uniform distribution on [low, high)."""
    if not low <= high:
        raise ValueError(f"uniform: low {low} is above high {high}: swap them")
    return rng.uniform(low, high, shape).astype(dtype)


def truncated_normal(
    rng: np.random.Generator,
    shape: Shape,
    dtype: Any,
    std: float = 1.0,
    mean: float = 0.0,
    low: float = -2.0,
    high: float = 2.0,
) -> np.ndarray:
    """Normal distribution N(mean, std^2) of which only what lies in [low, high] is drawn.

    low and high are values, not multiples of std: with std 0.02 the defaults cut nothing off. PyTorch's trunc_normal_.
    ValueError where less than a thousandth of the distribution lies in [low, high].
    """
    within = 0.5 * (_erf((high - mean) / std) - _erf((low - mean) / std)) if std > 0 and low < high else 0.0
    if not within >= 1e-3:
        raise ValueError(
            f"truncated_normal: N({mean!r}, {std!r}^2) has almost no mass in [{low!r}, {high!r}]: widen the interval"
        )
    drawn = mean + std * rng.standard_normal(shape)
    while (outside := (drawn < low) | (drawn > high)).any():
        drawn[outside] = mean + std * rng.standard_normal(int(outside.sum()))
    return drawn.astype(dtype)


def orthogonal(rng: np.random.Generator, shape: Shape, dtype: Any, gain: float = 1.0) -> np.ndarray:
    """gain times a matrix with orthonormal columns, or rows where it has fewer of them, each as likely as any other.

    It is the Q of a normal matrix's Q R, with signs that make R's diagonal positive; all axes but the last are one.
    Source: Saxe, McClelland, Ganguli, 2013, arXiv:1312.6120; PyTorch's orthogonal_.
    """
    fans(shape)
    rows, columns = math.prod(shape[:-1]), shape[-1]
    drawn = rng.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(drawn)
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return (gain * (q if rows >= columns else q.T)).reshape(shape).astype(dtype)


def identity(rng: np.random.Generator, shape: Shape, dtype: Any, gain: float = 1.0) -> np.ndarray:
    """gain times the identity, which passes on as many features as a matrix that is not square has on both sides."""
    if len(shape) != 2:
        raise ValueError(f"identity: a weight {shape} is not a matrix: use orthogonal, glorot or he")
    return (gain * np.eye(*shape)).astype(dtype)


def glorot(rng: np.random.Generator, shape: Shape, dtype: Any, distribution: str = "uniform") -> np.ndarray:
    """Variance 2 / (fan_in + fan_out), which keeps signals and gradients in scale through tanh-like units.

    Source: Glorot, Bengio, 2010.
    """
    fan_in, fan_out = fans(shape)
    return _with_variance(rng, shape, dtype, 2 / (fan_in + fan_out), distribution)


def he(rng: np.random.Generator, shape: Shape, dtype: Any, distribution: str = "normal") -> np.ndarray:
    """Variance 2 / fan_in, which keeps signals in scale through rectified units.

    Source: He et al., 2015, arXiv:1502.01852.
    """
    return _with_variance(rng, shape, dtype, 2 / fans(shape)[0], distribution)


def lecun(rng: np.random.Generator, shape: Shape, dtype: Any, distribution: str = "normal") -> np.ndarray:
    """Variance 1 / fan_in, which keeps signals in scale through units of slope 1.

    Source: LeCun et al., 1998, Efficient BackProp.
    """
    return _with_variance(rng, shape, dtype, 1 / fans(shape)[0], distribution)


INITIALIZERS: dict[str, Callable[..., np.ndarray]] = {
    function.__name__: function
    for function in (
        *(zeros, ones, normal, uniform, truncated_normal),
        *(glorot, he, lecun, orthogonal, identity),
    )
}
DISTRIBUTIONS = ("normal", "uniform")
_OPTIONS = {
    name: function.__code__.co_varnames[3 : function.__code__.co_argcount]
    for name, function in INITIALIZERS.items()
}
"""By name: the parameters of each initialiser after rng, shape and dtype."""

_RECTIFIED = (
    "relu",
    "relu6",
    "leaky_relu",
    "prelu",
    "elu",
    "celu",
    "gelu",
    "silu",
    "mish",
    "softplus",
    "hard_swish",
)
DEFAULTS: dict[Any, Any] = {**dict.fromkeys(_RECTIFIED, "he"), "selu": "lecun"}
"""The default initialiser of weights in front of an activation: He's for rectified units, smooth ones included, and
LeCun's for selu, whose fixed point needs it (Klambauer et al., 2017, arXiv:1706.02515); Glorot's for all others."""


def default(activation: Any) -> str:
    """The name of the default initialiser for a weight in front of this activation."""
    return DEFAULTS.get(activation, "glorot") if isinstance(activation, str) else "glorot"


def initializer(
    spec: str | tuple[Any, ...] | Callable[..., np.ndarray],
) -> Callable[[np.random.Generator, Shape, Any], np.ndarray]:
    """The initialiser that a name, a (name, arguments...) tuple or a function stands for.

    ValueError for an unknown name or a bad argument, TypeError for a function that takes other arguments.
    """
    if callable(spec):
        require_function("initializer", spec, "rng", "shape", "dtype")
        return spec
    name, *arguments = spec if isinstance(spec, tuple | list) and spec else (spec,)
    function = INITIALIZERS[choose("initializer", name, INITIALIZERS)]
    options = _OPTIONS.get(name, ())
    if len(arguments) > len(options):
        takes = ", ".join(options) or "no argument"
        raise ValueError(f"initializer {shown(spec)}: {name!r} takes {takes}, and {len(arguments)} came")
    for option, value in zip(options, arguments, strict=False):
        if option == "distribution":
            choose(option, value, DISTRIBUTIONS)
        else:
            low = 0.0 if option == "std" else -math.inf
            wanted = "must be a finite number" + (", 0 or more" if option == "std" else "")
            number(f"initializer {shown(spec)}: {option}", value, wanted, low=low)
    return lambda rng, shape, dtype: function(rng, shape, dtype, *arguments)


def check_initializer(spec: Any) -> None:
    """ValueError or TypeError for what `initializer` does not know."""
    initializer(spec)


class Undrawn(np.random.Generator):
    """A generator for shapes alone: with it, `initial` returns zeros that take no memory."""


def initial(
    spec: str | tuple[Any, ...] | Callable[..., np.ndarray],
    rng: np.random.Generator,
    shape: Shape,
    dtype: Any,
) -> np.ndarray:
    """Initial values; ValueError where a user's function returns anything but finite numbers of the shape.

    MemoryError for an array beyond any address space.
    """
    if math.prod(shape) * np.dtype(dtype).itemsize > sys.maxsize:
        raise MemoryError
    if isinstance(rng, Undrawn):
        return np.broadcast_to(np.zeros((), dtype), shape)
    found = np.asarray(initializer(spec)(rng, shape, dtype))
    if found.shape != shape or found.dtype.kind not in "biuf" or not np.isfinite(found).all():
        came = f"{found.dtype} {found.shape}" + (" with NaN or infinity" if found.shape == shape else "")
        raise ValueError(f"initializer {shown(spec)} gave {came}: finite numbers {shape} were wanted")
    return found.astype(dtype, copy=False)


def fans(shape: Shape) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (..., in, out)."""
    if len(shape) < 2:
        raise ValueError(f"fans: a weight {shape} has no input and output axes: use zeros, normal or uniform")
    field = math.prod(shape[:-2])
    return max(1, field * shape[-2]), max(1, field * shape[-1])


def _erf(z: float) -> float:
    """P(|X| < |z|) of a standard normal X, with z's sign."""
    return math.erf(z / math.sqrt(2))


def _with_variance(
    rng: np.random.Generator, shape: Shape, dtype: Any, variance: float, distribution: str
) -> np.ndarray:
    if choose("distribution", distribution, DISTRIBUTIONS) == "normal":
        return normal(rng, shape, dtype, math.sqrt(variance))
    limit = math.sqrt(3 * variance)
    return uniform(rng, shape, dtype, -limit, limit)
