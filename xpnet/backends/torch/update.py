"""An optimizer's rule on PyTorch's tensors: all parameters as one long array, in place.

On a CPU an operation on a small array costs more than its work, one array for all takes a dozen operations where four
take fifty. Long arrays go through a rule in parts, whose temporaries stay in the cache, or through Numba's loop.
Adam's rule goes through PyTorch's own kernel, which takes the parameters one by one and runs on all its threads.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch

from ...compiler.codegen import available
from ...namespace import namespace
from ...optim import update_each
from ...optim.adam import adam_rule, amsgrad_rule
from ...typing import Array, Flat, Rule
from .. import fused_update

PART = 2**16
"""How many elements a rule takes at once on a CPU."""
ENDLESS = torch.tensor(float("inf"), device="cpu")
"""A number of updates after which PyTorch's Adam corrects no bias: the scalars have done so."""
ADAMS = (adam_rule, amsgrad_rule) if hasattr(torch, "_fused_adam_") else ()
"""Rules that PyTorch has a kernel of, which `torch.optim` calls and nothing documents."""


class Joined(dict[str, Array]):
    """Arrays by name, each a part of one long array, `whole`, in the order of the names."""

    def __init__(self, arrays: Flat, names: list[str]) -> None:
        self.whole = torch.cat([arrays[name].reshape(-1) for name in names])
        parts = self.whole.split([arrays[name].numel() for name in names])
        super().__init__(
            (name, part.view(arrays[name].shape)) for name, part in zip(names, parts, strict=True)
        )

    @cached_property
    def hosts(self) -> dict[str, np.ndarray]:
        """The same memory as NumPy sees it."""
        return {name: x.numpy() for name, x in self.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)  # copies would no longer be parts of one array


def update(
    rule: Rule,
    params: Flat,
    grads: Flat,
    slots: dict[str, Flat],
    scalars: tuple[Any, ...],
    *,
    compiled: int | None = None,
) -> tuple[Flat, dict[str, Flat]]:
    """The rule written into params and slots, once they are joined; from `compiled` elements on by Numba, if there.

    Portable where their dtypes differ. With `compiled` given, Adam's rule goes, to rounding, through PyTorch's kernel.
    Decided from sizes and packages: PyTorch's sqrt has not Numba's last bits.
    """
    flats = params, *slots.values()
    if not all(type(x) is Joined for x in flats):
        if len({x.dtype for flat in (grads, *flats) for x in flat.values()}) != 1:
            return update_each(rule, params, grads, slots, scalars)
        flats = tuple(Joined(x, list(params)) for x in flats)
    joined: Any = flats[0]
    kept: Any = dict(zip(slots, flats[1:], strict=True))
    on_cpu, size = joined.whole.device.type == "cpu", joined.whole.numel()
    if on_cpu:  # a number costs less than a tensor of one
        scalars = tuple(map(float, scalars))
    if on_cpu and compiled is not None and rule in ADAMS:
        _adam(*flats, grads=grads, scalars=scalars)
        return joined, kept
    if on_cpu and compiled is not None and size >= compiled and available():
        _in_one_loop(rule, joined, grads, kept, scalars)
        return joined, kept
    whole = torch.cat([grads[name].reshape(-1) for name in params])
    arrays = joined.whole, whole, *(x.whole for x in kept.values())
    parts = zip(*(x.split(PART) for x in arrays), strict=True) if on_cpu and size > PART else [arrays]
    for p, g, *rest in parts:
        for old, new in zip((p, *rest), rule(namespace(p), p, g, *rest, *scalars), strict=True):
            old.copy_(new)
    return joined, kept


def _adam(params: Flat, m: Flat, v: Flat, *v_max: Flat, grads: Flat, scalars: tuple[float, ...]) -> None:
    """Adam's rule in the kernel's form, p - (step_size / scale) m / (sqrt(v) + eps / scale)."""
    step_size, beta1, _, beta2, _, scale, eps = scalars  # scale is 1 / sqrt(1 - beta2^t)
    torch._fused_adam_(
        [*params.values()],
        [grads[name].contiguous() for name in params],  # the kernel knows no strides
        *[[*x.values()] for x in (m, v)],
        [x for largest in v_max for x in largest.values()],
        [ENDLESS] * len(params),
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
    host_grads = {name: grads[name].numpy() for name in params}
    host_slots = {slot: x.hosts for slot, x in slots.items()}
    found, rest = fused_update.update(rule, params.hosts, host_grads, host_slots, scalars)
    for old, new in zip((params, *slots.values()), (found, *rest.values()), strict=True):
        for name, x in new.items():
            if x is not old.hosts[name]:  # a rule that cannot be compiled makes new arrays
                old[name].copy_(torch.from_numpy(np.asarray(x)))
