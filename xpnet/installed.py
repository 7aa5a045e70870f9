"""Installed packages and backends, from metadata alone: nothing is imported, NumPy included."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, NamedTuple

GROUP = "xpnet.backends"
"""The entry-point group in which an installed package names its backend class."""


class Place(NamedTuple):
    """The location of a backend that comes with xpnet, and its requirements.

    cls: its module and class.
    package: the module that must be importable, None for one that always is.
    install: the command that installs it.
    distributions: the names under which the package is installed.
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
    "numpy": Place("numpy.backend:NumpyBackend", None, "", ("numpy",)),
    "cupy": Place(
        "cupy.backend:CupyBackend",
        "cupy",
        "pip install 'xpnet[cuda13]', or 'xpnet[cuda12]' for CUDA 12",
        ("cupy-cuda13x", "cupy-cuda12x", "cupy"),
    ),
    "torch": Place("torch.backend:TorchBackend", "torch", "pip install 'xpnet[torch]'", ("torch",)),
    "jax": Place("jax.backend:JaxBackend", "jax", "pip install 'xpnet[jax]'", ("jax",)),
    "strict": Place(
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
    for name, place in BACKENDS.items():
        there = place.package is None or find_spec(place.package) is not None
        known = version(*place.distributions) if there else None
        found.append({"name": name, "installed": there, "version": known, "install": place.install})
    for point in entry_points():
        if point.name not in BACKENDS:
            known = point.dist and f"{point.dist.name} {point.dist.version}"
            found.append({"name": point.name, "installed": True, "version": known, "install": ""})
    return found
