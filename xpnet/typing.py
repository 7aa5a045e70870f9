"""The types of the contracts.

An array may be any library's, so `Array` is `Any` to a type checker: the contract is the Python Array API standard,
and the oracle in `xpnet.testing` checks it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, TypedDict

Array: TypeAlias = Any
Namespace: TypeAlias = Any
Device: TypeAlias = Any
Shape: TypeAlias = tuple[int, ...]

Flat: TypeAlias = dict[str, Array]
"""Arrays by dotted name, `{"0.weight": ...}`: the form of parameters, buffers and optimizer slots at rest."""

Nested: TypeAlias = dict[str, Any]
"""The same arrays by layer, `{"0": {"weight": ...}}`: the form that containers pass to their children."""


class State(TypedDict):
    """All that training changes: at runtime a plain dict of arrays, and so a pytree.

    params, buffers: by name. slots: the optimizer's arrays by slot and parameter. step: (1,) int32, the steps done.
    lr: (), the learning rate or the peak of its schedule. key: (2,) int32, the words of random draws.
    """

    params: Flat
    buffers: Flat
    slots: dict[str, Flat]
    step: Array
    lr: Array
    key: Array


Batch: TypeAlias = dict[str, Array]

Pullback: TypeAlias = Callable[[Any], tuple[Any, ...]]
"""`pullback(dy)`: the cotangent of each differentiable argument, in order."""


class Op(Protocol):
    """A pure function with its derivative: `y, pullback = op(*arrays, **options)`."""

    def __call__(self, *arrays: Array, **options: Any) -> tuple[Any, Pullback]: ...


class Loss(Protocol):
    """An op of the outputs that returns one value per sample."""

    def __call__(self, outputs: Array, /, *, target: Array) -> tuple[Array, Pullback]: ...


class Rule(Protocol):
    """An optimizer's elementwise update: `rule(xp, p, g, *slots, *scalars) -> (p, *slots)`.

    It types the rules, which are written without annotations.
    """

    @property
    def __name__(self) -> str: ...

    def __call__(self, xp: Namespace, p: Array, g: Array, /, *rest: Any) -> tuple[Array, ...]: ...


class Update(Protocol):
    """Applies a rule to every parameter; may write into `params` and `slots`, which it consumes."""

    def __call__(
        self, rule: Rule, params: Flat, grads: Flat, slots: dict[str, Flat], scalars: tuple[Any, ...]
    ) -> tuple[Flat, dict[str, Flat]]: ...
