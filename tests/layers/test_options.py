"""The fields of a layer reach its op."""

import numpy as np
import pytest

from xpnet import ops
from xpnet.layers import ELU, AveragePool2D, LeakyReLU, MaxPool2D, Pass


@pytest.mark.parametrize(("layer", "wanted"), [(LeakyReLU(0.25), -0.5), (ELU(3.0), 3.0 * np.expm1(-2.0))])
def test_alpha_counts(layer, wanted):
    y, _ = layer.forward({}, np.array([[-2.0]]), Pass().context())
    assert y[0, 0] == pytest.approx(wanted, rel=1e-15)


@pytest.mark.parametrize(
    "options", [{"padding": (1, 0)}, {"stride": (2, 1), "padding": [0, 1]}, {"kernel_size": (3, 2)}]
)
@pytest.mark.parametrize(("layer", "op"), [(MaxPool2D, ops.max_pool), (AveragePool2D, ops.average_pool)])
def test_pooling_takes_an_option_for_each_axis(layer, op, options):
    """In the layer as in the op, whose default is one integer."""
    options = {"kernel_size": 3, **options}
    x = np.random.default_rng(0).normal(size=(2, 7, 6, 3))
    y, _ = layer(**options).forward({}, x, Pass().context())
    np.testing.assert_array_equal(y, op(x, **options)[0])
    assert layer(**options).output_shape((7, 6, 3)) == y.shape[1:]
