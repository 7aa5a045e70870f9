"""Cases of the oracle: each op, loss or layer as a function with its pullback, and draws of its inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..errors import integer, shown
from ..layers import Layer, Pass, is_layer
from ..tree import flatten, nest
from ..typing import Array
from .draws import Draw, normal, to_backend


@dataclass(frozen=True)
class Case:
    """A function `y, pullback = op(*arrays, **keywords, **options)` and the draws of its inputs.

    arrays: the differentiable inputs.
    keywords: integer inputs, keys and statistics.
    options: static values.
    plain: the same value by the plainest formula, `plain(xp, *arrays, **keywords)`, for autodiff to differentiate.
    rows: the batch sizes to try.
    once: True if one call spends the pullback, as a container's.
    per_sample: True if y must have one value for each sample, as a loss.
    layer: the class of the layer that the function runs, None for an op.
    """

    name: str
    op: Callable[..., Any]
    arrays: tuple[Draw, ...]
    keywords: dict[str, Draw] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    plain: Callable[..., Array] | None = None
    rows: tuple[int, ...] = (5, 1, 0)
    once: bool = False
    per_sample: bool = False
    layer: type | None = None

    def draw(self, n: int, seed: int = 0) -> tuple[tuple[np.ndarray, ...], dict[str, Any]]:
        """(arrays, keywords) for n samples on the host; floats are float64, values of float32's precision."""
        rng = np.random.default_rng([seed, n])
        arrays = tuple(draw(rng, n).astype("float32").astype("float64") for draw in self.arrays)
        return arrays, {name: draw(rng, n) for name, draw in self.keywords.items()}

    def place(self, backend: Any, dtype: str, n: int, seed: int = 0) -> tuple[list[Array], dict[str, Any]]:
        """The drawn (arrays, keywords) on a backend."""
        arrays, keywords = self.draw(n, seed)
        placed = {name: to_backend(backend, value, dtype) for name, value in keywords.items()}
        return [to_backend(backend, x, dtype) for x in arrays], placed

    def run(
        self, arrays: Any, keywords: dict[str, Any]
    ) -> tuple[Array, Callable[[Array], tuple[Array, ...]]]:
        """(y, pullback), without a statistic beside the value."""
        y, pullback = self.op(*arrays, **keywords, **self.options)
        return (y[0] if isinstance(y, tuple) else y), pullback


def layer_case(
    name: str,
    layer: Layer,
    *sample_shape: int,
    train: bool = True,
    rows: tuple[int, ...] = (5, 1, 0),
    x: Callable[..., Draw] | None = None,
    plain: Callable[..., Array] | None = None,
    seed: int = 0,
) -> Case:
    """A layer as a function of its input and of each of its parameters, in the order of their names.

    Its buffers, and the random words of the pass, are drawn with the case's keywords. plain: the same value by
    the plainest formula, `plain(xp, x, arrays)`, with the parameters and buffers in `arrays` by name.
    """
    if not is_layer(layer):
        raise TypeError(f"layer: one was wanted, such as xn.Dense(3), {shown(layer)} came")
    sizes = tuple(integer("sample_shape: each of its sizes", size) for size in sample_shape)
    params, buffers, _ = layer.init(np.random.default_rng(seed), sizes, "float64")
    flat, kept = flatten(params), flatten(buffers)
    names = sorted(flat)

    def op(x: Array, *values: Array, words: tuple[Array, Array], **statistics: Array) -> Any:
        nested = nest({**dict(zip(names, values, strict=True)), **_dotted(statistics)})
        run = Pass(train=train, grad=True, words=words)
        y, pull = layer.forward(nested, x, run.context(wants_dx=True))

        def pullback(dy: Array) -> tuple[Array, ...]:
            dx, grads = pull(dy)
            written = flatten(grads)
            if sorted(written) != names:
                raise AssertionError(f"gradients {sorted(written)} for the parameters {names}")
            return dx, *(written[name] for name in names)

        return y, pullback

    def fixed(value: np.ndarray) -> Draw:
        # parameters that start at 0 or 1 would hide faults
        return Draw(value.shape, lambda rng, shape: value + 0.3 * rng.standard_normal(shape))

    def positive(value: np.ndarray) -> Draw:
        return Draw(value.shape, lambda rng, shape: value + rng.uniform(0.1, 1.0, shape))

    def formula(xp: Any, x: Array, *values: Array, words: Any, **statistics: Array) -> Array:
        assert plain is not None
        return plain(xp, x, {**dict(zip(names, values, strict=True)), **_dotted(statistics)})

    words = Draw((), lambda rng, shape: Words(*_words(rng)))
    return Case(
        name,
        op,
        arrays=((x or normal)("n", *sample_shape), *(fixed(flat[name]) for name in names)),
        keywords={"words": words, **{name.replace(".", "__"): positive(kept[name]) for name in sorted(kept)}},
        plain=formula if plain else None,
        rows=rows,
        once=True,
        layer=type(layer),
    )


class Words(NamedTuple):
    """The random words of a pass."""

    seed: Any
    count: Any


def _words(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    drawn = rng.integers(-(2**31), 2**31, 3).astype("int32")
    return drawn[:2], drawn[2:]


def _dotted(statistics: dict[str, Array]) -> dict[str, Array]:
    return {name.replace("__", "."): value for name, value in statistics.items()}
