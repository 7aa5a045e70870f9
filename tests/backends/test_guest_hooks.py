"""Hooks for a library that the defaults do not fit: the copy to the host, the namespace, and what a backend shows."""

from types import ModuleType

import numpy as np
import pytest

from xpnet.backends import Backend, get
from xpnet.errors import BackendError
from xpnet.namespace import namespace, register


class Guest:
    """An array whose ways to the host are set by a test."""

    def __init__(self, **ways):
        self.ways = ways


class ByArray(Guest):
    def __array__(self, dtype=None, copy=None):
        return answer(self.ways["array"])


class ByDLPack(Guest):
    def __dlpack__(self, **options):
        return answer(self.ways["dlpack"]).__dlpack__()

    def __dlpack_device__(self):
        return np.ones(1).__dlpack_device__()


class Both(ByArray, ByDLPack):
    pass


def answer(way):
    if isinstance(way, Exception):
        raise way
    return way


class GuestBackend(Backend):
    name = "guest"

    @property
    def xp(self):
        return ModuleType("guest")


HOST = np.asarray([1.0, 2.0])


@pytest.mark.parametrize(
    "x",
    [
        ByArray(array=HOST),
        ByDLPack(dlpack=HOST),
        Both(array=TypeError("implicit conversion is not allowed"), dlpack=HOST),
        Both(array=np.asarray([None, 1], dtype=object), dlpack=HOST),
        Both(array=HOST, dlpack=RuntimeError("Unsupported device")),
    ],
    ids=["array", "dlpack", "array raises", "array gives objects", "dlpack raises"],
)
def test_the_next_way_to_the_host_is_tried(x):
    found = GuestBackend().to_numpy(x)
    assert found.tolist() == [1.0, 2.0]
    assert not np.shares_memory(found, HOST)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (Guest(), ("there is no __array__", "there is no __dlpack__")),
        (
            Both(array=TypeError("not allowed\nsecond line"), dlpack=BufferError("Unsupported device")),
            ("__array__ raises TypeError: not allowed;", "__dlpack__ raises BufferError: Unsupported device"),
        ),
        (ByArray(array=np.asarray([None])), ("leads to an array of objects", "no __dlpack__")),
    ],
    ids=["neither", "both raise", "objects"],
)
def test_an_array_that_offers_no_way_names_the_method_to_override(x, words):
    with pytest.raises(
        BackendError, match=r"backend 'guest' cannot copy .*: override its to_numpy"
    ) as raised:
        GuestBackend().to_numpy(x)
    for word in words:
        assert word in str(raised.value)


def test_memory_that_is_full_is_no_missing_method():
    with pytest.raises(MemoryError):
        GuestBackend().to_numpy(Both(array=MemoryError("full"), dlpack=HOST))


def test_a_registered_namespace_stands_before_the_arrays_own():
    class Own(Guest):
        def __array_namespace__(self, api_version=None):
            raise AssertionError("asked for")

    xp = ModuleType("wrapped")
    register(Own, xp)
    assert namespace(Own()) is xp
    with pytest.raises(TypeError, match=r"kind must be a class of arrays, .* came"):
        register(Own(), xp)


def test_a_backend_shows_its_library_and_device():
    assert repr(get("numpy")) == "<numpy on cpu>"
    assert repr(get("strict", "device1")) == "<strict on device1>"
