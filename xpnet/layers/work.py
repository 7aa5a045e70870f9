"""The multiply-adds of a network for one sample, from its sizes alone."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..init import Undrawn
from ..tree import flatten
from ..typing import Shape
from .base import Layer
from .containers import Sequential


def products(network: Layer, input_shape: Shape) -> list[int]:
    """The multiply-adds of one sample with each matrix among the parameters, on the way forward.

    A layer uses its matrices once at each place of its inputs or outputs, whichever has more: as dense, recurrent and
    attention layers do, and an upper bound for convolutions with a stride. Ids are looked up, and multiply nothing.
    """
    return list(_products(network, input_shape))


def _products(layer: Layer, shape: Shape) -> Iterator[int]:
    if isinstance(layer, Sequential):
        for _, child in layer.children:
            yield from _products(child, shape)
            shape = _init(child, shape)[1]
        return
    params, output_shape = _init(layer, shape)
    if getattr(layer, "takes_ids", False):
        return
    places = max(_places(shape), _places(output_shape))
    for size in params:
        if len(size) > 1:
            yield places * math.prod(size)


def _places(shape: Shape) -> int:
    """The number of positions of a sample, or of the first part of a sample that has several."""
    return _places(shape[0]) if shape and isinstance(shape[0], tuple) else math.prod(shape[:-1])


def _init(layer: Layer, shape: Shape) -> tuple[list[Shape], Shape]:
    """(the shapes of a layer's parameters, of its output)."""
    params, _, output_shape = layer.init(Undrawn(np.random.PCG64(0)), shape, "float32")
    return [p.shape for p in flatten(params).values()], output_shape
