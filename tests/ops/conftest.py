"""What the tests of ops share: arrays of the backend at hand, and the comparison with numbers."""

import numpy as np
import pytest


@pytest.fixture
def array(xpnet_backend):
    """Numbers as an array of the backend, floats in float64 unless said."""

    def make(values, dtype="float64"):
        values = np.asarray(values)
        return xpnet_backend.asarray(values, dtype=dtype if values.dtype.kind == "f" else None)

    return make


@pytest.fixture
def agree(xpnet_backend):
    """An array is the backend's, has the wanted shape and values; a backend without values is asked no more."""

    def check(got, wanted, tolerance=0.0):
        assert xpnet_backend.owns(got)
        assert tuple(got.shape) == np.shape(wanted)
        if xpnet_backend.capabilities.computes:
            found = xpnet_backend.to_numpy(got)
            assert np.allclose(found, wanted, rtol=tolerance, atol=tolerance, equal_nan=True), found

    return check
