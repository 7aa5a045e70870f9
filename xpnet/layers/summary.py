"""A network as a table."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..calls import checked
from ..errors import batch_of
from ..tree import flatten
from ..typing import Shape
from .base import Layer
from .containers import Sequential


@checked
def summary(network: Layer, input_shape: Shape, dtype: Any) -> str:
    """The outermost layers with their output shapes and numbers of parameters."""
    rng, shape, total = np.random.default_rng(0), input_shape, 0
    rows = [("layer", "output", "parameters"), ("input", batch_of(shape), "")]
    chain = network.children if type(network) is Sequential else (("", network),)
    for name, layer in chain:
        params, _, shape = layer.init(rng, shape, dtype)
        count = sum(math.prod(p.shape) for p in flatten(params).values())
        rows.append((f"{name} {layer!r}".strip(), batch_of(shape), f"{count:,}"))
        total += count
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], f"{total:,} parameters, {dtype}"])
