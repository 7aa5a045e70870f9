"""The layer that makes features of integer ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import ops
from ..errors import integer
from ..init import check_initializer, initial
from ..namespace import namespace
from ..typing import Array, Nested, Pullback, Shape
from .base import Layer, require_count
from .context import Context


@dataclass(frozen=True)
class Embedding(Layer):
    """The features of each id, from a table that is learned; see `ops.embedding`.

    x (n, ...) int in [0, size) -> y (n, ..., features); parameter weight (size, features).
    size: the number of ids.
    features: of each id.
    padding: the id that fills up short sequences (n, time), PyTorch's padding_idx. Its row starts at 0 and gets no
        gradient, and the layers behind, such as `GRU`, leave its positions out.
    initializer: of weight, as in `Dense`; the default is N(0, 1).

    >>> xn.Embedding(size=1000, features=16).output_shape((20,))
    (20, 16)
    """

    size: int
    features: int
    padding: int | None = None
    initializer: Any = ("normal", 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count("Embedding", "size", self.size)
        require_count("Embedding", "features", self.features)
        if self.padding is not None:
            wanted = f"must be None or an id from 0 to {self.size - 1}"
            if integer("Embedding: padding", self.padding, wanted, low=0) >= self.size:
                raise ValueError(f"Embedding: padding {self.padding} {wanted}")
        check_initializer(self.initializer)

    @property
    def takes_ids(self) -> bool:
        return True

    @property
    def id_limit(self) -> int:
        return self.size

    def output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape, self.features)

    def init(self, rng: np.random.Generator, input_shape: Shape, dtype: Any) -> tuple[Nested, Nested, Shape]:
        def start(rng: np.random.Generator, shape: Shape, dtype: Any) -> np.ndarray:
            weight = initial(self.initializer, rng, shape, dtype)
            if self.padding is not None:
                weight[self.padding] = 0
            return weight

        weight = initial(start, rng, (self.size, self.features), dtype)
        return {"weight": weight}, {}, self.output_shape(input_shape)

    def forward(self, params: Nested, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        xp = namespace(x)
        if not xp.isdtype(x.dtype, "integral"):
            raise TypeError(
                f"{self!r} takes integer ids, {x.dtype} came: make it the first layer of its network"
            )
        y, pull = ops.embedding(params["weight"], ids=x)
        real = None if self.padding is None else x != self.padding
        if real is not None and x.ndim == 2:
            ctx.mask = real

        def pullback(dy: Array) -> tuple[None, Nested]:
            if real is not None:
                dy = xp.where(real[..., None], dy, 0.0)
            return None, {"weight": pull(dy)[0]}

        return y, pullback
