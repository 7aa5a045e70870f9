"""CuPy's backend for the tests of its kernels."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from xpnet.backends import find, get, register, registry

from .kernels_on_host import COMPILER, HostKernel, OnHost, define_all


@pytest.fixture(params=["c++", "cuda"])
def cupy_or_host(request, monkeypatch):
    """CuPy if a device computes, and its stand-in."""
    if request.param == "cuda":
        found = find("cupy").available(probe=True)
        return get("cupy") if found else pytest.skip(f"CuPy cannot be used: {found.reason}")
    if COMPILER is None:
        pytest.skip("there is no C++ compiler here: c++")
    fake = SimpleNamespace(ElementwiseKernel=HostKernel, ndarray=np.ndarray)
    monkeypatch.setitem(sys.modules, "cupy", fake)
    monkeypatch.setattr(registry, "_known", dict(registry._known))
    register("cupy-on-host", OnHost)
    define_all()
    return get("cupy-on-host")
