"""The multiply-adds of a network for one sample, from its sizes alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..init import Undrawn
from ..tree import flatten
from ..typing import Shape
from .base import Layer
from .containers import Sequential


class Work(NamedTuple):
    """The work of one sample on the way forward.

    products: the multiply-adds with each matrix among the parameters.
    elements: the elements that pass between layers: their outputs, and the windows that convolutions copy.
    """

    products: list[int]
    elements: int


def sample_work(network: Layer, input_shape: Shape) -> Work:
    """The work of a network for one sample.

    A layer uses its matrices once at each place of its inputs or outputs, whichever has more: as dense, recurrent and
    attention layers do, and an upper bound for convolutions with a stride. Ids are looked up, and multiply nothing.
    """
    found = Work([], 0)
    for layer, shape in _leaves(network, input_shape):
        params, output_shape = _init(layer, shape)
        elements = _size(output_shape)
        if not getattr(layer, "takes_ids", False):
            places = max(_places(shape), _places(output_shape))
            found.products.extend(places * math.prod(size) for size in params if len(size) > 1)
            elements += sum(places * math.prod(size[:-1]) for size in params if len(size) > 2)
        found = found._replace(elements=found.elements + elements)
    return found


def _leaves(layer: Layer, shape: Shape) -> Iterator[tuple[Layer, Shape]]:
    """The layers of a network that are no sequence of others, each with the shape of its inputs."""
    if not isinstance(layer, Sequential):
        yield layer, shape
        return
    for _, child in layer.children:
        yield from _leaves(child, shape)
        shape = _init(child, shape)[1]


def _size(shape: Shape) -> int:
    """The elements of a sample, of all its parts if it has several."""
    if shape and isinstance(shape[0], tuple):
        return sum(map(_size, shape))
    return math.prod(shape)


def _places(shape: Shape) -> int:
    """The number of positions of a sample, or of the first part of a sample that has several."""
    return _places(shape[0]) if shape and isinstance(shape[0], tuple) else math.prod(shape[:-1])


def _init(layer: Layer, shape: Shape) -> tuple[list[Shape], Shape]:
    """(the shapes of a layer's parameters, of its output)."""
    params, _, output_shape = layer.init(Undrawn(np.random.PCG64(0)), shape, "float32")
    return [p.shape for p in flatten(params).values()], output_shape
