"""Lion, and what is asked of every optimizer, beside optax's: ten updates in float64, on drawn constants."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpnet import optim
from xpnet.optim import Part, update_each
from xpnet.optim.compose import clipped

pytest.importorskip("jax", reason="JAX, which optax is written in, is not installed")
optax = pytest.importorskip("optax", reason="optax, the peer to compare with, is not installed")

DRAWN = settings(max_examples=10, deadline=None, database=None, derandomize=True)
SEEDS = st.integers(0, 2**32 - 1)
DECAY = st.floats(0, 0.999)


def arrays(rng):
    return {"weight": rng.standard_normal((3, 4)), "bias": rng.standard_normal(4)}


def compare(optimizer, transform, seed):
    rng = np.random.default_rng(seed)
    params = theirs = arrays(rng)
    part, state = Part(optimizer), transform.init(theirs)
    slots = {slot: {name: np.zeros_like(p) for name, p in params.items()} for slot in part.slots}
    for t in range(1, 11):
        grads = arrays(rng)
        scalars = part.scalars(np, np.asarray(optimizer.peak), np.asarray(float(t)))
        params, slots = update_each(part.rule, params, clipped(optimizer, grads), slots, scalars)
        updates, state = transform.update(grads, state, theirs)
        theirs = optax.apply_updates(theirs, updates)
    for name, p in params.items():
        wanted = np.asarray(theirs[name])
        assert np.abs(p - wanted).max() <= 1e-12 * max(1, np.abs(wanted).max()), name


@DRAWN
@given(lr=st.floats(1e-4, 0.5), beta1=DECAY, beta2=DECAY, decay=st.floats(0, 1), seed=SEEDS)
def test_lion(lr, beta1, beta2, decay, seed):
    peer = optax.lion(lr, beta1, beta2, weight_decay=decay)
    compare(optim.lion(lr, beta1, beta2, weight_decay=decay), peer, seed)


def test_lions_defaults_are_optaxs():
    compare(optim.lion(0.1), optax.lion(0.1), 3)


@DRAWN
@given(limit=st.floats(0.01, 3), seed=SEEDS)
def test_clipping_by_value(limit, seed):
    compare(optim.sgd(0.1, clip_value=limit), optax.chain(optax.clip(limit), optax.sgd(0.1)), seed)
