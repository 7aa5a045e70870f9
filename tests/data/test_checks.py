"""Checks of x and y run where the arrays lie: the first bad value is found on every backend."""

import numpy as np
import pytest

import xpnet as xn
from xpnet.data.checks import check_finite

X = np.random.default_rng(0).standard_normal((6, 2, 3))


@pytest.mark.parametrize(("value", "shown"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
def test_the_first_value_that_is_not_finite_is_named(xpnet_backend, value, shown):
    if not xpnet_backend.capabilities.computes:
        pytest.skip(f"{xpnet_backend.name} holds no values")
    x = X.copy()
    x[2, 1, 0] = value
    x[4, 0, 0] = 7 * value
    model = xn.Model(xn.Dense(3), loss="mse", optimizer="sgd", backend=xpnet_backend, dtype="float64")
    for given in (x, xpnet_backend.asarray(x)):
        with pytest.raises(
            ValueError, match=rf"x holds {shown} at row 2, column 1, column 0.*float64 \(2 such"
        ):
            model.fit(given, X, epochs=1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 3, 2000])
def test_small_and_large_arrays_must_be_finite(n, dtype):
    """Their squares are summed first: where these overflow or vanish, nothing is refused for it."""
    x = np.ones((n, 6), dtype)
    for fine in (np.finfo(dtype).max, -np.finfo(dtype).max, np.finfo(dtype).tiny, 0.0):
        x[n // 2, 3] = fine
        check_finite(x)
        check_finite(x[:, ::-2])
    for bad in (np.nan, np.inf, -np.inf):
        x[n // 2, 3] = bad
        with pytest.raises(ValueError, match=f"x holds {bad} at row {n // 2}, column 3"):
            check_finite(x)


def test_a_tensor_that_has_gradients_is_data_like_any_other():
    torch = pytest.importorskip("torch")
    x = torch.tensor(X, requires_grad=True)
    model = xn.Model(xn.Dense(3), loss="mse", optimizer="sgd", dtype="float64")
    model.fit(x, x, epochs=1)
    assert not model.forward(x).requires_grad
    assert x.grad is None
    bad = torch.tensor(X * np.nan, requires_grad=True)
    with pytest.raises(ValueError, match="x holds nan at row 0"):
        model.fit(bad, X, epochs=1)


def test_inputs_are_never_written_to(xpnet_backend):
    if not xpnet_backend.capabilities.computes:
        pytest.skip(f"{xpnet_backend.name} holds no values")
    x, y, w = (xpnet_backend.asarray(a) for a in (X, 2 * X, np.ones(6)))
    net = xn.Sequential(xn.BatchNorm(), xn.Dropout(0.5), xn.Dense(3))
    model = xn.Model(net, loss="mse", optimizer="adam", backend=xpnet_backend, dtype="float64")
    model.fit(x, y, epochs=2, batch_size=6, sample_weight=w)
    model.predict(x)
    for array, wanted in ((x, X), (y, 2 * X), (w, np.ones(6))):
        np.testing.assert_array_equal(xpnet_backend.to_numpy(array), wanted)
