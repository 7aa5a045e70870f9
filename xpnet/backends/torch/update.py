"""The update of PyTorch's parameters: all parameters as views of one flat tensor, in place.

The problem: an operation on a small tensor costs more in dispatch than in arithmetic, and a rule has about a dozen
operations for each parameter. One flat tensor needs a dozen in all. A long one goes through the rule in chunks, whose
temporaries stay in the cache, or on a CPU through a loop that Numba compiles (`fused_update`). Adam's rule goes
through PyTorch's fused kernel, which takes a list of parameters and uses all of PyTorch's threads.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch

from ...compiler.loading import available
from ...namespace import namespace
from ...optim import update_each
from ...optim.adam import adam_rule, amsgrad_rule
from ...typing import Array, Flat, Rule
from .. import fused_update

CHUNK_ELEMENTS = 2**16
"""The number of elements that a rule takes at once on a CPU."""
NO_CORRECTION = torch.tensor(float("inf"), device="cpu")
"""A step count at which the fused kernel's bias corrections are 1: the rule's scalars already contain them."""
FUSED_RULES = (adam_rule, amsgrad_rule) if hasattr(torch, "_fused_adam_") else ()
"""The rules that PyTorch has a fused kernel of: `torch.optim` calls it, and no page documents it."""


class Joined(dict[str, Array]):
    """Arrays by name, each a view of one flat tensor, `whole`, in the order of the names."""

    def __init__(self, arrays: Flat, names: list[str]) -> None:
        self.whole = torch.cat([arrays[name].reshape(-1) for name in names])
        parts = self.whole.split([arrays[name].numel() for name in names])
        super().__init__(
            (name, part.view(arrays[name].shape)) for name, part in zip(names, parts, strict=True)
        )

    @cached_property
    def hosts(self) -> dict[str, np.ndarray]:
        """NumPy arrays that share the tensors' memory."""
        return {name: x.numpy() for name, x in self.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)  # copies would no longer be views of one tensor


def update(
    rule: Rule,
    params: Flat,
    grads: Flat,
    slots: dict[str, Flat],
    scalars: tuple[Any, ...],
    *,
    compiled: int | None = None,
) -> tuple[Flat, dict[str, Flat]]:
    """Applies the rule in place to params and slots, which the first call joins to flat tensors.

    compiled: None for PyTorch's operations alone, with the portable bits; else Adam's rule goes through the fused
    kernel, and tensors of at least this many elements on a CPU go through Numba, if it is installed: both to rounding.
    The choice depends on sizes and packages alone. Tensors of several dtypes are updated portably.
    """
    flats = params, *slots.values()
    if not all(type(x) is Joined for x in flats):
        if len({x.dtype for flat in (grads, *flats) for x in flat.values()}) != 1:
            return update_each(rule, params, grads, slots, scalars)
        flats = tuple(Joined(x, list(params)) for x in flats)
    joined_params: Any = flats[0]
    joined_slots: Any = dict(zip(slots, flats[1:], strict=True))
    on_cpu, size = joined_params.whole.device.type == "cpu", joined_params.whole.numel()
    if on_cpu:  # an operation with a number is cheaper than one with a tensor of one element
        scalars = tuple(map(float, scalars))
    if on_cpu and compiled is not None and rule in FUSED_RULES:
        _adam(*flats, grads=grads, scalars=scalars)
        return joined_params, joined_slots
    if on_cpu and compiled is not None and size >= compiled and available():
        _in_one_loop(rule, joined_params, grads, joined_slots, scalars)
        return joined_params, joined_slots
    whole = torch.cat([grads[name].reshape(-1) for name in params])
    arrays = joined_params.whole, whole, *(x.whole for x in joined_slots.values())
    split = on_cpu and size > CHUNK_ELEMENTS
    chunks = zip(*(x.split(CHUNK_ELEMENTS) for x in arrays), strict=True) if split else [arrays]
    for p, g, *rest in chunks:
        for old, new in zip((p, *rest), rule(namespace(p), p, g, *rest, *scalars), strict=True):
            old.copy_(new)
    return joined_params, joined_slots


def _adam(params: Flat, m: Flat, v: Flat, *v_max: Flat, grads: Flat, scalars: tuple[float, ...]) -> None:
    """Adam's rule by the fused kernel, in its form p - (step_size / scale) m / (sqrt(v) + eps / scale)."""
    step_size, beta1, _, beta2, _, scale, eps = scalars  # scale is 1 / sqrt(1 - beta2^t)
    torch._fused_adam_(
        [*params.values()],
        [grads[name].contiguous() for name in params],  # the kernel ignores strides
        *[[*x.values()] for x in (m, v)],
        [x for largest in v_max for x in largest.values()],
        [NO_CORRECTION] * len(params),
        lr=step_size / scale,
        beta1=beta1,
        beta2=beta2,
        weight_decay=0.0,
        eps=eps / scale,
        amsgrad=bool(v_max),
        maximize=False,
    )


def _in_one_loop(
    rule: Rule, params: Joined, grads: Flat, slots: dict[str, Joined], scalars: tuple[Any, ...]
) -> None:
    """The update by Numba's loop, on NumPy's views of the tensors."""
    host_grads = {name: grads[name].numpy() for name in params}
    host_slots = {slot: x.hosts for slot, x in slots.items()}
    found, rest = fused_update.update(rule, params.hosts, host_grads, host_slots, scalars)
    for old, new in zip((params, *slots.values()), (found, *rest.values()), strict=True):
        for name, x in new.items():
            if x is not old.hosts[name]:  # a rule that cannot be compiled returns new arrays
                old[name].copy_(torch.from_numpy(np.asarray(x)))
