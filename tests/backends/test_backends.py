"""Backends: selection, data movement, capabilities, and registration by third parties."""

import contextlib
import threading

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import Availability, Backend, available, base, find, get, names, of, register, registry
from xpnet.errors import BackendError
from xpnet.namespace import device, is_array, namespace
from xpnet.testing import watched


def test_auto_is_numpy_without_cuda_with_a_reason(monkeypatch):
    monkeypatch.delenv("XPNET_BACKEND", raising=False)
    monkeypatch.setattr(registry, "_cupy", lambda: Availability(False, "no driver"))
    backend = get()
    assert backend.name == "numpy"
    assert backend.why == "CuPy cannot be used: no driver"


def test_the_environment_sets_the_default_when_it_is_read(monkeypatch):
    monkeypatch.setenv("XPNET_BACKEND", "strict")
    monkeypatch.setenv("XPNET_DEVICE", "device1")
    if not find("strict").available():
        pytest.skip("strict: array-api-strict is not installed")
    assert (get().name, get().device_name) == ("strict", "device1")
    assert "XPNET_BACKEND" in get().why
    assert get("numpy").name == "numpy", "a name given is a name taken"


def test_available_lists_each_name_and_never_raises(monkeypatch):
    class Broken(Backend):
        name = "broken"

        @classmethod
        def available(cls, *, probe=False):
            raise RuntimeError("its library is half installed")

        @property
        def xp(self):
            raise AssertionError("never asked for")

    register("broken", Broken)
    try:
        found = available()
        assert set(found) == set(names())
        assert not found["broken"]
        assert "half installed" in found["broken"].reason
        assert found["numpy"]
    finally:
        registry._known.pop("broken")


def test_a_failing_probe_keeps_its_message():
    class NoDriver(type(get("numpy"))):
        name = "no-driver"

        def asarray(self, host, *, dtype=None, device=None):
            raise OSError("libcuda.so.1: cannot open shared object file")

    found = NoDriver.available(probe=True)
    assert not found
    assert "libcuda" in found.reason


def test_register_refuses_other_classes_and_names():
    with pytest.raises(TypeError, match=r"subclass of xpnet\.backends\.Backend"):
        register("thing", object)
    with pytest.raises(ValueError, match="automatic choice"):
        register("auto", type(get("numpy")))


def test_an_entry_point_is_loaded_by_name_alone(monkeypatch):
    loaded = []

    class Point:
        name = "elsewhere"

        def load(self):
            loaded.append(1)
            return type("Elsewhere", (type(get("numpy")),), {"name": "elsewhere"})

    monkeypatch.setattr(registry, "entry_points", lambda: [Point()])
    try:
        assert "elsewhere" in names()
        assert not loaded
        assert get("elsewhere").name == "elsewhere"
        assert loaded == [1]
    finally:
        registry._known.pop("elsewhere", None)


# Data


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "bool"])
def test_round_trip_to_the_device(xpnet_backend, dtype):
    host = np.array([[0, 1, 2], [3, 4, 5]]).astype(dtype)
    x = xpnet_backend.asarray(host)
    assert xpnet_backend.owns(x)
    assert namespace(x) is xpnet_backend.xp
    assert device(x) in (None, xpnet_backend.selected)
    if not xpnet_backend.capabilities.computes:
        pytest.skip(f"{xpnet_backend.name}: shapes without values")
    back = xpnet_backend.to_numpy(x)
    assert type(back) is np.ndarray
    assert back.dtype == dtype
    assert np.array_equal(back, host)


@pytest.mark.parametrize(
    "host",
    [
        np.arange(6.0)[::-1],
        np.arange(6.0).reshape(2, 3).T,
        np.arange(6.0).astype(">f8"),
        np.broadcast_to(1.0, (3, 2)),
        np.zeros((0, 3)),
        np.float64(2.0),
        [[1.0, 2.0]],
    ],
    ids=["negative stride", "transposed", "big-endian", "read-only", "empty", "scalar", "list"],
)
def test_asarray_is_always_a_copy(xpnet_backend, host):
    x = xpnet_backend.asarray(host)
    assert tuple(x.shape) == np.shape(host)
    if xpnet_backend.capabilities.computes:
        assert np.array_equal(xpnet_backend.to_numpy(x), host)
        if isinstance(host, np.ndarray):
            assert not np.shares_memory(xpnet_backend.to_numpy(x), host)


def test_asarray_shares_no_memory_with_its_source(xpnet_backend):
    if not xpnet_backend.capabilities.computes:
        pytest.skip(f"{xpnet_backend.name}: shapes without values")
    host = np.arange(100.0)
    x = xpnet_backend.asarray(host)
    host[:] = -1.0
    assert np.array_equal(xpnet_backend.to_numpy(x), np.arange(100.0))
    back = xpnet_backend.to_numpy(x)
    back[:] = -1.0
    assert np.array_equal(xpnet_backend.to_numpy(x), np.arange(100.0))
    assert np.array_equal(xpnet_backend.to_numpy(xpnet_backend.copy({"a": x})["a"]), np.arange(100.0))


def test_capabilities_match_behaviour(xpnet_backend):
    """float64: values keep double precision; traces: the step receives tracers."""
    can = xpnet_backend.capabilities
    if can.float64 and can.computes:
        x = xpnet_backend.asarray(np.asarray([1.0]), dtype="float64")
        assert xpnet_backend.to_numpy(x + 1e-12)[0] != 1.0
    seen = []
    compiled = xpnet_backend.compile(lambda x: (seen.append(type(x)), x + 1.0)[1])
    x = xpnet_backend.asarray(np.ones(3))
    compiled(x), compiled(x)
    assert (seen[0] is not type(x)) == can.traces
    assert len(seen) == (1 if can.traces else 2)


def test_the_error_of_an_unknown_device_names_the_known_ones():
    with pytest.raises(BackendError, match=r"device 'cuda:7' .*'cpu'"):
        get("numpy", "cuda:7")


def test_of_finds_the_backend_of_an_array(xpnet_backend):
    if xpnet_backend.name in ("numpy-readonly", "strict-device1", "torch-meta"):
        pytest.skip(f"{xpnet_backend.name}: a test double, whose arrays are another backend's")
    x = xpnet_backend.asarray(np.ones(2))
    assert of(x).name == xpnet_backend.name
    assert of(x).selected == xpnet_backend.selected


def test_objects_that_are_no_arrays():
    for thing in (1.0, [1.0], "text", None, object(), {"a": 1}):
        assert not is_array(thing)
    with pytest.raises(TypeError, match="masked"):
        namespace(np.ma.array([1.0]))
    assert namespace(np.float32(1.0)) is np


def test_the_spy_detects_arrays_of_another_library():
    if not find("strict").available():
        pytest.skip("strict: array-api-strict is not installed")
    strict = get("strict")
    with pytest.raises(AssertionError, match="numpy"), watched(strict):
        xn.ops.relu(np.ones(3))
    with watched(strict) as calls:
        xn.ops.relu(strict.asarray(np.ones(3)))
    assert "relu" in calls


# Joining from outside


class Tagged(np.ndarray):
    """An array library unknown to xpnet: NumPy's arrays with a type and a namespace of their own."""

    def __array_namespace__(self, api_version=None):
        return tagged

    __hash__ = None


class _TaggedNamespace:
    """The standard's functions from NumPy, with results of type Tagged."""

    __name__ = "tagged"
    float32, float64, int8, int32, int64 = np.float32, np.float64, np.int8, np.int32, np.int64

    def __getattr__(self, name):
        function = getattr(np, name)

        def call(*args, **kwargs):
            kwargs.pop("device", None)
            strangers = [a for a in args if isinstance(a, np.ndarray) and not isinstance(a, Tagged)]
            if strangers and name != "asarray":
                raise TypeError(f"tagged.{name} got a plain NumPy array")
            result = function(*args, **kwargs)
            return np.asarray(result).view(Tagged) if isinstance(result, np.ndarray | np.generic) else result

        return call if callable(function) else function


tagged = _TaggedNamespace()


class TaggedBackend(Backend):
    name = "tagged"

    @property
    def xp(self):
        return tagged

    def device_context(self, device=None):
        return np.errstate(all="ignore")

    def to_numpy(self, x):
        return np.array(x.view(np.ndarray))


@pytest.mark.parametrize("old", sorted(base.RENAMED))
def test_an_override_of_a_renamed_method_is_refused(old):
    new = base.RENAMED[old]
    assert hasattr(Backend, new)
    for bases, body in [((Backend,), {old: property(str)}), ((type("Mixin", (), {old: str}), Backend), {})]:
        with pytest.raises(TypeError, match=rf"Mine\.{old}: .* is called {new} now"):
            type("Mine", bases, body)


@pytest.fixture
def joined():
    register("tagged", TaggedBackend)
    yield
    registry._known.pop("tagged")


def test_a_registered_library_trains_as_numpy_does(joined):
    data = xn.data.digits()
    found = []
    for name in ("tagged", "numpy"):
        model = xn.Model(
            xn.Sequential(xn.Dense(16, "relu"), xn.Dropout(0.2), xn.Dense(10)),
            loss="softmax_cross_entropy",
            optimizer=xn.adam(1e-2),
            backend=name,
            dtype="float64",
        )
        model.fit(data.x_train[:200], data.y_train[:200], epochs=3)
        found.append(model.predict_proba(data.x_test))
        assert all(model.backend.owns(p) for p in model.params.values())
    assert np.abs(found[0] - found[1]).max() <= 1e-12


def test_two_threads_on_two_backends_are_independent(joined):
    results = {}

    def work(name):
        data = xn.data.digits()
        model = xn.Model(
            xn.Sequential(xn.Dense(8, "tanh"), xn.Dense(10)),
            loss="softmax_cross_entropy",
            optimizer="adam",
            backend=name,
        )
        model.fit(data.x_train[:100], data.y_train[:100], epochs=5)
        results.setdefault(name, []).append(model.predict_proba(data.x_test))

    threads = [threading.Thread(target=work, args=(name,)) for name in ("numpy", "tagged") * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for runs in results.values():
        assert len(runs) == 3
        assert all(np.array_equal(runs[0], run) for run in runs)


def test_cupy_without_a_driver_reports_it():
    with contextlib.suppress(ImportError):
        import cupy

        if cupy.cuda.is_available():
            pytest.skip("a CUDA device is here: the message is for where there is none")
    found = find("cupy").available(probe=True)
    assert not found
    assert "cupy" in found.reason.lower()
