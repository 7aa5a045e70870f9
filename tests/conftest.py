"""Settings of the numeric libraries, made before any of them loads."""

import os
import sys
from itertools import count
from pathlib import Path

import pytest

from . import selection

# many small arrays on shared cores: threads cost more than they bring, and a reduction's order stays the same
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ["JAX_ENABLE_X64"] = "1"
# recent GPUs multiply float32 as TF32 otherwise
os.environ.setdefault("JAX_DEFAULT_MATMUL_PRECISION", "highest")
# JAX compiles a program once for all tests, processes and runs, which is most of the time that its tests take
for variable, value in {
    "JAX_COMPILATION_CACHE_DIR": str(Path(__file__).resolve().parents[1] / "build" / "jax"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}.items():
    os.environ.setdefault(variable, value)


_tests = count(1)


@pytest.fixture(autouse=True)
def a_process_of_its_own(monkeypatch):
    """Each test chooses natives as if nothing had been trained or loaded before it."""
    if "xpnet.backends.numpy.backend" in sys.modules:
        monkeypatch.setattr("xpnet.backends.numpy.backend.loading_seconds", lambda: 0.5)
    if "xpnet.train.cost" in sys.modules:
        monkeypatch.setattr("xpnet.train.cost.PROCESS.seconds", {})


JAX_CACHE = {
    "JAX_COMPILATION_CACHE_DIR": str(Path(__file__).resolve().parents[1] / "build" / "jax"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
"""JAX compiles a program once for all tests, processes and runs: four fifths of the time of its tests."""
for _name, _value in JAX_CACHE.items():
    os.environ.setdefault(_name, _value)


def pytest_addoption(parser, pluginmanager):
    pluginmanager.register(selection, "selection")


def pytest_runtest_teardown(item, nextitem):
    """JAX keeps what it has compiled for as long as a process lives, which for thousands of tests takes gigabytes."""
    jax = sys.modules.get("jax")  # None where a test makes it one that is not installed
    if next(_tests) % 100 == 0 and jax is not None:
        jax.clear_caches()


@pytest.fixture(autouse=True)
def no_figure_is_left_open():
    """pyplot keeps each figure until it is closed, and warns of the 21st: an error here, in some later test."""
    yield
    plt = sys.modules.get("matplotlib.pyplot")
    left = plt.get_fignums() if plt else []
    if left:
        plt.close("all")
    assert not left, f"the test leaves figures open: {left}"


@pytest.fixture
def backend(xpnet_backend):
    """Each backend that computes, in turn."""
    if not xpnet_backend.capabilities.computes:
        pytest.skip(f"{xpnet_backend.name} holds no values")
    return xpnet_backend
