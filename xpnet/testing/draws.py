"""Descriptions of an op's random inputs: drawn on the host, then moved to a backend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ops import Key


@dataclass(frozen=True)
class Draw:
    """One input: a shape, in which "n" stands for the batch, and the function that draws its values."""

    shape: tuple[int | str, ...]
    sample: Callable[[np.random.Generator, tuple[int, ...]], Any]

    def __call__(self, rng: np.random.Generator, n: int) -> Any:
        return self.sample(rng, tuple(n if size == "n" else int(size) for size in self.shape))


def normal(*shape: int | str, scale: float = 1.0) -> Draw:
    """Standard normal numbers, which stay clear of the kinks at 0."""

    def sample(rng: np.random.Generator, concrete: tuple[int, ...]) -> np.ndarray:
        x = rng.standard_normal(concrete) * scale
        return np.where(np.abs(x) < 1e-3, 0.1, x)

    return Draw(shape, sample)


def between(low: float, high: float, *shape: int | str) -> Draw:
    """Uniform numbers."""
    return Draw(shape, lambda rng, concrete: rng.uniform(low, high, concrete))


def probabilities(*shape: int | str) -> Draw:
    """Rows of positive numbers that sum to 1."""

    def sample(rng: np.random.Generator, concrete: tuple[int, ...]) -> np.ndarray:
        e = np.exp(rng.standard_normal(concrete))
        return e / e.sum(axis=-1, keepdims=True)

    return Draw(shape, sample)


def labels(*shape: int | str, classes: int) -> Draw:
    """Class numbers, int64."""
    return Draw(shape, lambda rng, concrete: rng.integers(0, classes, concrete))


def key() -> Draw:
    """A random key."""

    def sample(rng: np.random.Generator, concrete: tuple[int, ...]) -> Key:
        first, second = rng.integers(-(2**31), 2**31, (2, 1)).astype("int32")
        return Key(first, second, 7)

    return Draw((), sample)


def to_backend(backend: Any, value: Any, dtype: str) -> Any:
    """Host values on a backend: floats in `dtype`, integers as they are, tuples member by member."""
    if isinstance(value, np.ndarray):
        return backend.asarray(value, dtype=dtype if value.dtype.kind == "f" else None)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(to_backend(backend, member, dtype) for member in value))
    return value
