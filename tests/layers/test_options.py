"""The fields of a layer reach its op."""

import numpy as np
import pytest

from xpnet.layers import ELU, LeakyReLU, Pass


@pytest.mark.parametrize(("layer", "wanted"), [(LeakyReLU(0.25), -0.5), (ELU(3.0), 3.0 * np.expm1(-2.0))])
def test_alpha_counts(layer, wanted):
    y, _ = layer.forward({}, np.array([[-2.0]]), Pass().context())
    assert y[0, 0] == pytest.approx(wanted, rel=1e-15)
