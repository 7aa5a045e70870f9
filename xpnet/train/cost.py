"""A cost model of training steps, from sizes alone: plans are made from it, never from a clock."""

from __future__ import annotations

import math
from typing import Any

from ..layers import Layer, products
from ..typing import Flat, Shape

SECONDS_PER_ARRAY = 30e-6
"""Seconds of a portable step for each parameter array: the calls of its layer and of its update; rough."""
SECONDS_PER_ELEMENT = 1.6e-9
"""Seconds of a portable step for each element of a parameter; rough."""
SECONDS_PER_MAC = 6e-11
"""Seconds of a portable step for each multiply-add of the forward pass; rough."""


class CostModel:
    """Multiply-adds and seconds of a network's training steps."""

    def __init__(self, network: Layer) -> None:
        self.network = network
        self._products: dict[Any, list[int]] = {}

    def products(self, shape: Shape, batch_size: int) -> list[int]:
        """The multiply-adds of a batch's forward pass, by matrix parameter."""
        if shape not in self._products:
            self._products = {shape: products(self.network, shape)}
        return [batch_size * product for product in self._products[shape]]

    def seconds(self, params: Flat, shape: Shape, batch_size: int, steps: int) -> float:
        """The estimated seconds of `steps` portable steps."""
        elements = sum(math.prod(p.shape) for p in params.values())
        work = sum(self.products(shape, batch_size))
        return steps * (
            max(1, len(params)) * SECONDS_PER_ARRAY + elements * SECONDS_PER_ELEMENT + work * SECONDS_PER_MAC
        )
