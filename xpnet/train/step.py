"""The training step: a pure function of arrays, which a backend compiles whole or in its two halves.

    step(state, batch) -> (state, metrics)            = apply(gradients), compiled whole
    gradients(state, batch) -> (loss, grads, updates)   forward and backward pass; reads the state
    apply(state, grads, updates) -> state               the optimizer's update; consumes the state

    state = {"params": {...}, "buffers": {...}, "slots": {"m": {...}, ...}, "step": (1,) int32,
             "lr": () float, "key": (2,) int32}
    batch = {"x": (n, ...), "y": (n, ...), "w": (n,)}

A step consumes `state`: the update may write into its arrays. `w` is each sample's weight divided by the total weight
of the global batch, so that the objective is sum(w * losses). Sample weights, masks and reductions are all in `w`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from itertools import pairwise
from typing import Any

from ..calls import checked
from ..errors import as_pair, as_single, integer, require_function, shown
from ..layers import Layer, Pass, is_layer
from ..namespace import namespace
from ..optim import Optimizer, mover, scalars_after, update_each
from ..tree import flatten, nest
from ..typing import Array, Batch, Flat, Loss, State, Update


@checked
def make_step(
    network: Layer,
    loss: Loss,
    optimizer: Optimizer,
    *,
    shards: int = 1,
    rows: int | None = None,
    update: Update = update_each,
    scalars: Callable[[Any, Array, Array], tuple[Any, ...]] = scalars_after,
) -> Callable[[State, Batch], tuple[State, dict[str, Array]]]:
    """The training step of a network under a loss and an optimizer: `make_gradients`, then `make_apply`.

    metrics = {"loss": sum(w * losses)}, the loss before the update. shards, rows: see `make_gradients`.
    """
    gradients = make_gradients(network, loss, shards=shards, rows=rows)
    apply = make_apply(optimizer, update=update, scalars=scalars)

    def step(state: State, batch: Batch) -> tuple[State, dict[str, Array]]:
        total, grads, updates = gradients(state, batch)
        return apply(state, grads, updates), {"loss": total}

    return step


@checked
def make_gradients(
    network: Layer, loss: Loss, *, shards: int = 1, rows: int | None = None
) -> Callable[[State, Batch], tuple[Array, Flat, Flat]]:
    """The first half of a step: `gradients(state, batch) -> (sum(w * losses), grads, updates)`.

    grads: by the parameters; updates: the buffers that the pass renews. The batch is processed in `shards` parts of
    nearly equal size, or in parts of `rows` samples, one after another; their gradients are added in order.
    """
    if not is_layer(network):
        raise TypeError(f"network: a layer was wanted, such as xn.Sequential(...), {shown(network)} came")
    require_function("loss", loss, "outputs", target="target")
    integer("shards", shards)

    def gradients(state: State, batch: Batch) -> tuple[Array, Flat, Flat]:
        arrays = nest({**state["params"], **state["buffers"]})
        total, grads, updates = add_shards(
            gradient(network, loss, arrays, part, words=(state["key"], state["step"] * shards + index))
            for index, part in enumerate(split_batch(batch, shards, rows))
        )
        if not same_form(grads, state["params"]) or not same_form(updates, state["buffers"], some=True):
            raise ValueError(mismatch_message(grads, state["params"], updates, state["buffers"]))
        return total, grads, updates

    return gradients


@checked
def make_apply(
    optimizer: Optimizer,
    *,
    update: Update = update_each,
    scalars: Callable[[Any, Array, Array], tuple[Any, ...]] = scalars_after,
) -> Callable[[State, Flat, Flat], State]:
    """The second half of a step: `apply(state, grads, updates) -> state`, which consumes the state."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer: one was wanted, such as xn.adam(1e-3), {shown(optimizer)} came")
    move = mover(optimizer, update=update, scalars=scalars)

    def apply(state: State, grads: Flat, updates: Flat) -> State:
        count = state["step"] + 1
        params, slots = move(state["params"], grads, state["slots"], state["lr"], count)
        return {
            "params": params,
            "buffers": {**state["buffers"], **updates},
            "slots": slots,
            "step": count,
            "lr": state["lr"],
            "key": state["key"],
        }

    return apply


def gradient(
    network: Layer, loss: Loss, arrays: dict[str, Any], batch: Batch, *, words: tuple[Array, Array]
) -> tuple[Array, Flat, Flat]:
    """(sum(w * losses), its gradient by the parameters, the new buffers) in one pass in training mode."""
    xp, w = namespace(batch["w"]), batch["w"]
    run = Pass(train=True, grad=True, words=words)
    outputs, pull_network = network.forward(arrays, batch["x"], run.context())
    losses, pull_loss = as_pair("loss", loss(outputs, target=batch["y"]))
    if losses.shape != w.shape:
        raise ValueError(
            f"the loss gave {tuple(losses.shape)} for {w.shape[0]} samples: one value per sample was wanted, "
            "take the mean over the other axes"
        )
    _, grads = pull_network(as_single("loss", pull_loss(w)))
    return xp.sum(w * losses), flatten(grads), run.updates


def add_shards(parts: Iterable[tuple[Array, Flat, Flat]]) -> tuple[Array, Flat, Flat]:
    """Adds losses and gradients in the order of the shards; a buffer's update is the mean of the shards' updates."""
    rest, count = iter(parts), 1
    total, grads, updates = next(rest)
    for more, more_grads, more_updates in rest:
        total = total + more
        grads = {name: g + more_grads[name] for name, g in grads.items()}
        updates = {name: value + more_updates[name] for name, value in updates.items()}
        count += 1
    return total, grads, updates if count == 1 else {name: x / count for name, x in updates.items()}


def same_form(found: Flat, wanted: Flat, *, some: bool = False) -> bool:
    """True where the names and shapes are those wanted; with `some`, also where names are missing."""
    if len(found) != len(wanted) and not some:
        return False
    for name, x in found.items():  # noqa: SIM110 - a generator takes twice as long
        if name not in wanted or x.shape != wanted[name].shape:
            return False
    return True


def mismatch_message(grads: Flat, params: Flat, updates: Flat, buffers: Flat) -> str:
    """The error message for a layer whose pullback or `ctx.update` returns arrays that do not match its own."""
    for what, found, wanted in (("gradient", grads, params), ("buffer update", updates, buffers)):
        for name, x in found.items():
            if name not in wanted:
                return f"a layer gave a {what} {name!r}, which it does not have: it has {sorted(wanted)}"
            if x.shape != wanted[name].shape:
                shapes = f"{tuple(x.shape)}, wanted is {tuple(wanted[name].shape)}"
                return f"a layer gave the {what} {name!r} of shape {shapes}: sum it over the batch"
    return f"a layer gave no gradient for {sorted(set(params) - set(grads))}: its pullback must return one for each"


def split_batch(batch: Batch, shards: int, rows: int | None = None) -> Iterator[Batch]:
    """Consecutive parts of `rows` samples, or of nearly equal size: `shards` of them, or one for each sample."""
    if shards == 1:
        yield batch
        return
    n = batch["w"].shape[0]
    shards = min(shards, n) or 1
    edges = [*range(0, n, rows), n] if rows else [n * shard // shards for shard in range(shards + 1)]
    for start, stop in pairwise(edges):
        yield {name: x[start:stop, ...] for name, x in batch.items()}


@checked
def make_forward(network: Layer) -> Callable[[Flat, Flat, Array], Array]:
    """`forward(params, buffers, x)`: the outputs in prediction mode, no pullback kept."""

    def forward(params: Flat, buffers: Flat, x: Array) -> Array:
        outputs, _ = network.forward(nest({**params, **buffers}), x, Pass().context())
        return outputs

    return forward


def make_score(
    network: Layer, loss: Loss
) -> Callable[[Flat, Flat, Array, Array, Array], tuple[Array, Array]]:
    """`score(params, buffers, x, y, w)`: the outputs in prediction mode, and sum(w * losses)."""
    forward = make_forward(network)

    def score(params: Flat, buffers: Flat, x: Array, y: Array, w: Array) -> tuple[Array, Array]:
        outputs = forward(params, buffers, x)
        losses, _ = loss(outputs, target=y)
        return outputs, namespace(w).sum(w * losses)

    return score


def state_magnitude(state: State) -> Array:
    """() the largest magnitude among the parameters; NaN where one is NaN, or a buffer or slot is not finite."""
    xp = namespace(state["lr"])
    rest = flatten({"buffers": state["buffers"], "slots": state["slots"]}).values()
    finite = [xp.all(xp.isfinite(x)) for x in rest]
    found = [xp.max(xp.abs(x)) for x in state["params"].values() if 0 not in x.shape]
    largest = reduce(xp.maximum, found) if found else xp.zeros_like(state["lr"])
    return xp.where(reduce(xp.logical_and, finite), largest, math.nan) if finite else largest
