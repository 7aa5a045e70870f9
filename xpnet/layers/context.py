"""The pass that a layer runs in: mode, random key, mask, and the buffers that it replaces."""

from __future__ import annotations

from typing import Any

from ..ops import Key, make_key
from ..tree import flatten, nest
from ..typing import Array, Flat, Nested


class Pass:
    """One forward pass: its mode, its random words, and the buffers that layers replace in it.

    train: True while training, False at prediction, for the layers that differ.
    grad: True keeps the pullbacks.
    words, count: int32 (2,) and (1,), the seed's words and the number of this draw.
    """

    __slots__ = ("_key", "_words", "grad", "train", "updates")

    def __init__(
        self, *, train: bool = False, grad: bool = False, words: tuple[Array, Array] | None = None
    ) -> None:
        self.train = train
        self.grad = grad
        self.updates: Flat = {}
        self._words = words
        self._key: Key | None = None

    def key(self, salt: int) -> Key:
        if self._key is None:
            if self._words is None:
                raise ValueError("this pass has no random words: give Pass(words=(seed words, count))")
            self._key = make_key(*self._words)  # made only if a layer asks, and once
        return self._key._replace(salt=salt)

    def context(self, *, wants_dx: bool = False) -> Context:
        """The context of the outermost layer."""
        return Context(self, wants_dx)


class Context:
    """A layer's own view of a pass: `train`, `grad`, `wants_dx`, `mask`, `key`, `child`, `update`, `updated`.

    mask: (n, time) bool, false where a position of the sequences is padding; None where none is. A layer that finds
    padding sets it, and a chain hands it to the layers behind.
    """

    __slots__ = ("_index", "_name", "_parent", "_pass", "grad", "mask", "train", "wants_dx")

    def __init__(
        self, run: Pass, wants_dx: bool, parent: Context | None = None, index: int = 0, name: str = ""
    ) -> None:
        self._pass = run
        self._parent, self._index, self._name = parent, index, name
        self.train = run.train
        self.grad = run.grad
        self.wants_dx = wants_dx
        self.mask: Array | None = None if parent is None else parent.mask

    @property
    def key(self) -> Key:
        """The random key of this layer in this pass; equal keys draw equal bits, so read it once per draw."""
        return self._pass.key(self._salt)

    def child(self, index: int, name: str, wants_dx: bool = True) -> Context:
        """The context of child number `index`: the index salts its key, the name places its buffers."""
        return Context(self._pass, wants_dx, self, index, name)

    def update(self, name: str, value: Any) -> None:
        """Replace this layer's buffer `name` once the step is done."""
        self._pass.updates[self._prefix + name] = value

    def updated(self, arrays: Nested) -> Nested:
        """The layer's arrays with the buffers that it has replaced in this pass, for its next run in it."""
        prefix = self._prefix
        found = self._pass.updates.items()
        new = {name.removeprefix(prefix): value for name, value in found if name.startswith(prefix)}
        return nest({**flatten(arrays), **new}) if new else arrays

    @property
    def _salt(self) -> int:
        if self._parent is None:
            return 0
        return (
            self._parent._salt * 0x01000193 + self._index + 1
        ) & 0xFFFFFFFF  # FNV's prime keeps paths apart

    @property
    def _prefix(self) -> str:
        return "" if self._parent is None else f"{self._parent._prefix}{self._name}."
