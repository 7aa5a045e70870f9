"""Devices, dtypes and arrays that a backend cannot have, on every backend."""

from importlib.util import find_spec

import numpy as np
import pytest

import xpnet as xn
from xpnet import backends

from .rows import ONES, X, Y, built, check, fit, fitted, model, table, wrong

LIBRARIES = {"torch": "torch", "jax": "jax", "strict": "array_api_strict"}
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
needs_strict = pytest.mark.skipif(find_spec("array_api_strict") is None, reason="strict is not installed")
blame = {"error": xn.BackendError}


@table(
    wrong(lambda: model(device="cuda:0"), "device 'cuda:0'", "'numpy'", "cpu", **blame),
    wrong(lambda: fitted().to("numpy", "gpu"), "device 'gpu'", "'numpy'", "cpu", **blame),
    wrong(lambda: model(device=[]), "device []", "'numpy'", **blame),
    wrong(lambda: backends.get("numpy").asarray(X, device="gpu"), "device 'gpu'", **blame),
    wrong(lambda: fitted().to(backends.get("numpy"), "cpu"), "device 'cpu'", "leave device out"),
    wrong(lambda: backends.get("numpy").dtype("float3"), "dtype 'float3'", "'float32'", **blame),
    wrong(lambda: backends.get("numpy").dtype("sum"), "dtype 'sum'", "'float32'", **blame),
    wrong(lambda: backends.get("numpy").dtype(5), "dtype 5", "'float32'", **blame),
    wrong(lambda: backends.get("numpy").asarray(X, dtype="flaot32"), "dtype 'flaot32'", **blame),
    wrong(lambda: backends.of(5), "an array was wanted", "numpy.asarray", error=TypeError),
)
def test_the_error_names_argument_and_remedy(call, error, fragments, trains):
    check(call, error, fragments, trains)


def test_an_unknown_device_of_every_backend(xpnet_backend):
    if xpnet_backend.name == "torch-meta":
        pytest.skip("its only device is its default")
    for device in ("nowhere", 77, []):
        wanted = (f"device {device!r}", xpnet_backend.name.partition("-")[0])
        if xpnet_backend.name == "torch":
            wanted = (f"device {device!r}", "cpu")  # a build for CUDA takes 77 for 'cuda:77'
        check(lambda device=device: backends.get(xpnet_backend.name, device), xn.BackendError, wanted)
        check(lambda device=device: fitted().to(xpnet_backend.name, device), xn.BackendError, wanted)


@pytest.mark.parametrize("variable", ["XPNET_BACKEND", "XPNET_DEVICE"])
def test_environment_variables_are_checked_too(variable, monkeypatch):
    monkeypatch.setenv(variable, "nunpy")
    made = model(backend=None)
    error, wanted = (
        (ValueError, "did you mean 'numpy'")
        if variable.endswith("D")
        else (xn.BackendError, "device 'nunpy'")
    )
    check(lambda: fit(of=made), error, (wanted,))
    assert made.backend is None


@needs_strict
def test_float64_asked_of_a_device_without_it():
    wanted = ("'strict' has no float64", "no_float64", "dtype='float32'")
    check(lambda: model(backend="strict", device="no_float64", dtype="float64"), xn.BackendError, wanted)
    check(lambda: fitted(dtype="float64").to("strict", "no_float64"), xn.BackendError, wanted)
    fit(of=model(backend="strict", device="no_float64"))


def test_float64_asked_of_jax_before_it_is_switched_on(monkeypatch):
    jax = pytest.importorskip("jax", reason="jax is not installed")
    with jax.enable_x64(False):
        wanted = ("no float64", "jax_enable_x64", "dtype='float32'")
        check(lambda: model(backend="jax", dtype="float64"), xn.BackendError, wanted)


def arrays_of(name):
    pytest.importorskip(LIBRARIES[name], reason=f"{name} is not installed")
    return backends.get(name).asarray


@pytest.mark.parametrize("other", LIBRARIES)
@pytest.mark.parametrize("place", ["x", "y", "sample_weight", "validation_data", "params"])
def test_an_array_of_another_library_names_both(place, other, backend):
    if backend.name.partition("-")[0] == other:
        pytest.skip("its own arrays")
    made, array = built(backend=backend), arrays_of(other)
    given = {"x": X, "y": Y, "sample_weight": ONES}
    if place == "params":
        name = "params['0.bias']"
        calls = lambda: setattr(made, "params", {**made.params, "0.bias": array(ONES[:4])})  # noqa: E731
    else:
        name = "validation_data: x" if place == "validation_data" else place
        given[place] = (array(X), Y) if place == "validation_data" else array(given[place])
        calls = lambda: fit(of=made, **given)  # noqa: E731
    library = LIBRARIES[other]
    check(calls, TypeError, (f"{name} is an array of {library}", repr(backend.name), "model.to("))


@pytest.mark.parametrize(("first", "second"), [("torch", "jax"), ("jax", "strict"), ("strict", "torch")])
def test_x_and_y_of_two_libraries_settle_nowhere(first, second):
    made, x, y = model(backend=None), arrays_of(first)(X), arrays_of(second)(Y)
    check(lambda: fit(x, y, of=made), TypeError, (f"y is an array of {LIBRARIES[second]}", repr(first)))
    assert made.backend is None
    fit(x, Y, of=made)


@needs_torch
def test_tensors_without_plain_values_are_told_what_they_are():
    import torch

    tensor = torch.tensor(X)
    sparse, meta = tensor.to_sparse(), tensor.to("meta")
    made = built(backend="torch")
    check(
        lambda: made.predict(sparse), TypeError, ("x is a tensor of layout torch.sparse_coo", "x.to_dense()")
    )
    check(lambda: made.predict(meta), TypeError, ("x is a tensor on PyTorch's meta device", "no values"))
    check(
        lambda: fit(tensor, torch.tensor(Y).to_sparse(), of=made),
        TypeError,
        ("y is a tensor", "y.to_dense()"),
    )
    weight = torch.ones(12, device="meta")
    check(lambda: fit(sample_weight=weight, of=made), TypeError, ("sample_weight is a tensor on", "meta"))
    for fine in (tensor.flip(0), tensor.T.contiguous().T, torch.nn.Parameter(tensor), tensor.bfloat16()):
        made.predict(fine)


@needs_strict
def test_arrays_on_another_device_of_the_same_library_are_moved():
    """Devices of one library are no mistake: the model keeps its own."""
    import array_api_strict as strict

    made = built(backend="strict")
    there = strict.asarray(X, device=strict.Device("device1"))
    outputs = made.forward(there)
    assert outputs.device == there.device
    np.testing.assert_array_equal(backends.get("strict").to_numpy(outputs), made.forward(X))
