"""The block that a Transformer repeats."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .. import ops
from ..errors import about, flag
from ..ops.opspec import named
from ..typing import Array, Nested, Pullback, Shape
from .attention import MultiHeadAttention, require_sequences, require_shares
from .base import Layer, require_count
from .containers import Residual, Sequential
from .context import Context
from .dense import Dense
from .dropout import Dropout
from .norm import LayerNorm


@dataclass(frozen=True)
class TransformerBlock(Layer):
    """Attention of a sequence to itself, and two dense layers at each position, each added to its input.

    y = norm2(h + drop(linear2(drop(activation(linear1(h)))))), h = norm1(x + drop(self_attn(x)))
    norm_first: y = h + drop(linear2(drop(activation(linear1(norm2(h)))))), h = x + drop(self_attn(norm1(x)))
    x (n, time, features) -> y of the same shape; `ctx.mask` as in `MultiHeadAttention`.
    heads, causal: as in `MultiHeadAttention`.
    hidden: the units of linear1; None is 4 features.
    dropout: the rate of drop, and of the attention's weights.
    activation: as in `Dense`.
    norm_first: normalises the input of each part instead of its output.
    PyTorch's TransformerEncoderLayer, with its names of the parts; its dim_feedforward is 2048, and its dropout 0.1.
    Source: Vaswani et al., 2017, arXiv:1706.03762; norm_first: Xiong et al., 2020, arXiv:2002.04745.

    >>> block = xn.TransformerBlock(heads=4, hidden=64, causal=True)
    >>> xn.Repeat(block, 6).output_shape((20, 32))
    (20, 32)
    """

    heads: int
    hidden: int | None = None
    causal: bool = False
    dropout: float = 0.0
    activation: Any = "relu"
    norm_first: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "activation", named(ops.ACTIVATIONS, self.activation))
        if self.hidden is not None:
            require_count("TransformerBlock", "hidden", self.hidden)
        flag("TransformerBlock: norm_first", self.norm_first)
        with about("TransformerBlock"):
            _ = self._parts

    @property
    def children(self) -> tuple[tuple[str, Layer], ...]:
        """The layers of the block, by name."""
        return self._parts.children

    @cached_property
    def _parts(self) -> Sequential:
        """The layers for `forward`, which takes all sizes from the parameters, so that any serve."""
        return self._made(1)

    def _made(self, features: int) -> Sequential:
        attend = ("self_attn", MultiHeadAttention(self.heads, causal=self.causal, dropout=self.dropout))
        drop = Dropout(self.dropout)
        linear1 = ("linear1", Dense(self.hidden or 4 * features, self.activation))
        linear2 = ("linear2", Dense(features))
        norm1, norm2 = ("norm1", LayerNorm()), ("norm2", LayerNorm())
        if self.norm_first:
            return Sequential(
                ("attention", Residual(norm1, attend, drop)),
                ("feedforward", Residual(norm2, linear1, drop, linear2, drop)),
            )
        return Sequential(
            ("attention", Residual(attend, drop)),
            norm1,
            ("feedforward", Residual(linear1, drop, linear2, drop)),
            norm2,
        )

    def output_shape(self, input_shape: Shape) -> Shape:
        require_sequences(self, input_shape)
        require_shares(self, self.heads, input_shape[-1])
        return input_shape

    def init(self, rng: np.random.Generator, input_shape: Shape, dtype: Any) -> tuple[Nested, Nested, Shape]:
        self.output_shape(input_shape)
        return self._made(input_shape[-1]).init(rng, input_shape, dtype)

    def forward(self, params: Nested, x: Array, ctx: Context) -> tuple[Array, Pullback]:
        return self._parts.forward(params, x, ctx)
