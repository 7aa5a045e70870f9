"""Packages that are not installed: the error says which, for what, and the line to type."""

import sys

import pytest

import xpnet as xn
from xpnet import backends

from .rows import X, Y, check, fit, fitted, model

PACKAGES = {
    "torch": ("torch", "pip install 'xpnet[torch]'"),
    "jax": ("jax", "pip install 'xpnet[jax]'"),
    "cupy": ("cupy", "pip install 'xpnet[cuda13]'"),
    "strict": ("array_api_strict", "pip install array-api-strict"),
}


@pytest.fixture
def without(monkeypatch):
    """Makes a package one that is not installed, wherever xpnet asks for it."""

    def remove(package):
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, package, None)

    return remove


@pytest.mark.parametrize("name", PACKAGES)
def test_a_backend_whose_library_is_absent(name, without, tmp_path):
    package, install = PACKAGES[name]
    made = fitted()
    made.save(tmp_path / "m")
    without(package)
    wanted = (f"backend {name!r} cannot be used", f"{package} is not installed", install)
    for call in (
        lambda: backends.get(name),
        lambda: model(backend=name),
        lambda: made.to(name),
        lambda: xn.load(tmp_path / "m", backend=name),
    ):
        check(call, xn.MissingExtraError, wanted)
    assert issubclass(xn.MissingExtraError, ImportError)
    assert not backends.available()[name]
    assert made.predict(X).shape == (12,)


def test_pictures_without_matplotlib(without):
    without("matplotlib")
    wanted = ("xpnet.plots cannot be used", "matplotlib is not installed", "pip install 'xpnet[plots]'")
    check(lambda: xn.plots.function(lambda x: x, (0, 1)), xn.MissingExtraError, wanted)
    check(lambda: xn.plots.learning_curves({"loss": [1, 2]}), xn.MissingExtraError, wanted)


def test_natives_without_numba(without):
    without("numba")
    wanted = ("natives=True on NumPy", "numba is not installed", "pip install 'xpnet[fast]'")
    check(lambda: fit(of=model(natives=True)), xn.MissingExtraError, wanted, trains=True)
    assert fit(X, Y, of=model(natives="auto"), epochs=2) == fit(X, Y, of=model(natives=False), epochs=2)
