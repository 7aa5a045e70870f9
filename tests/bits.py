"""The bits of models and of arrays, for tests that want the same ones."""

import numpy as np


def on_host(backend, tree):
    """A tree of a backend's arrays as NumPy's."""
    if isinstance(tree, dict):
        return {name: on_host(backend, x) for name, x in tree.items()}
    return backend.to_numpy(tree)


def host(model):
    """A model's parameters and buffers as NumPy arrays."""
    return on_host(model.backend, model.params | model.buffers)


def same_bits(got, wanted):
    """Trees of arrays on the host with the same dtypes, shapes and bits, signs of zeros included; a NaN is a NaN."""
    if wanted is None:
        assert got is None
    elif isinstance(wanted, dict):
        assert set(got) == set(wanted)
        for name, w in wanted.items():
            same_bits(got[name], w)
    elif isinstance(wanted, tuple | list):
        assert len(got) == len(wanted)
        for g, w in zip(got, wanted, strict=True):
            same_bits(g, w)
    else:
        assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
        got, wanted = (np.asarray(x) for x in (got, wanted))
        if wanted.dtype.kind == "f":
            np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted))
            got, wanted = (np.where(np.isnan(x), 0.0, x) for x in (got, wanted))
        assert got.tobytes() == wanted.tobytes()


def same_models(a, b):
    """Two models with the same bits in parameters and buffers."""
    same_bits(host(a), host(b))
