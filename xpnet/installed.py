"""Installed packages and backends, from metadata alone: nothing is imported, NumPy included."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, NamedTuple

GROUP = "xpnet.backends"
"""The entry-point group in which an installed package names its backend class."""


class BackendSpec(NamedTuple):
    """The class of a backend that comes with xpnet, and the package that it needs.

    cls: its module, relative to `xpnet.backends`, and its class.
    package: the package that must be importable; None where NumPy is enough.
    install: the command that installs the package.
    distributions: the names under which the package may be installed.
    """

    cls: str
    package: str | None
    install: str
    distributions: tuple[str, ...]

    @property
    def needs(self) -> tuple[str | None, str]:
        """(the package, the command that installs it)."""
        return self.package, self.install


BACKENDS = {
    "numpy": BackendSpec("numpy.backend:NumpyBackend", None, "", ("numpy",)),
    "cupy": BackendSpec(
        "cupy.backend:CupyBackend",
        "cupy",
        "pip install 'xpnet[cuda13]', or 'xpnet[cuda12]' for CUDA 12",
        ("cupy-cuda13x", "cupy-cuda12x", "cupy"),
    ),
    "torch": BackendSpec("torch.backend:TorchBackend", "torch", "pip install 'xpnet[torch]'", ("torch",)),
    "jax": BackendSpec("jax.backend:JaxBackend", "jax", "pip install 'xpnet[jax]'", ("jax",)),
    "strict": BackendSpec(
        "strict:StrictBackend",
        "array_api_strict",
        "pip install array-api-strict",
        ("array-api-strict",),
    ),
}


def version(*distributions: str) -> str | None:
    """The version of the first of these distributions that is installed; None if none is."""
    from importlib import metadata  # 30 ms, which no start of the command line should pay

    for name in distributions:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def entry_points() -> Any:
    """The entry points by which installed packages name backends; none is loaded."""
    from importlib import metadata

    return metadata.entry_points(group=GROUP)


def backends() -> list[dict[str, Any]]:
    """Every known backend: name, installed, version, and the command that installs it.

    Only a probe tells if it computes: `xpnet.backends.available(probe=True)`.
    """
    found = []
    for name, spec in BACKENDS.items():
        there = spec.package is None or find_spec(spec.package) is not None
        known = version(*spec.distributions) if there else None
        found.append({"name": name, "installed": there, "version": known, "install": spec.install})
    for point in entry_points():
        if point.name not in BACKENDS:
            known = point.dist and f"{point.dist.name} {point.dist.version}"
            found.append({"name": point.name, "installed": True, "version": known, "install": ""})
    return found
