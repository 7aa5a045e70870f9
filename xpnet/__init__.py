"""Neural networks on any array library that follows the Python Array API standard.

Public names are loaded at their first use: `import xpnet` imports nothing, NumPy included, so that the
command line can choose NumPy's settings first.
"""

from __future__ import annotations

from importlib import import_module
from sys import modules
from typing import Any

_PLACES = {
    "model": ("Model", "load"),
    "layers": ("Layer",),
    "ops": ("Loss",),
    "optim": ("schedules",),
    "train": ("Callback", "EarlyStopping", "History", "ReduceLROnPlateau", "make_step"),
    "lbfgs": ("fit_lbfgs",),
    "calculus": (
        "check_gradient",
        "derivative",
        "gradient_ascent",
        "gradient_descent",
        "numerical_gradient",
        "tangent",
    ),
    "errors": (
        "BackendError",
        "DivergedError",
        "GradientError",
        "LabelError",
        "MissingExtraError",
        "ModelFileError",
        "PullbackSpentError",
        "UnknownNameError",
    ),
}
_TABLES = {"layers": "LAYERS", "optim": "OPTIMIZERS"}
"""Tables by room: all their names are public in `xpnet`."""
_ROOMS = (
    "backends",
    "calculus",
    "data",
    "init",
    "io",
    "layers",
    "metrics",
    "ops",
    "optim",
    "plots",
    "testing",
    "train",
)
_HOME = {name: module for module, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> Any:
    value: Any
    if name in _HOME:
        value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    elif name in _ROOMS:
        value = import_module(f".{name}", __name__)
    elif name == "__version__":
        value = _version()
    elif name == "__all__":
        value = ["__version__", *_HOME, *_listed(), *(room for room in _ROOMS if room not in _HOME)]
    elif not _is_module(name) and name in _listed():
        value = _listed()[name]
    else:
        hint = "" if _is_module(name) else _hint(name)
        # from `name` and `obj` Python's traceback suggests the nearest name
        text = f"module 'xpnet' has no attribute {name!r}{hint}"
        raise AttributeError(text, name=name, obj=modules[__name__])
    globals()[name] = value
    return value


def _hint(name: str) -> str:
    """The name that this package has for the same thing, as the end of a sentence; "" for none."""
    from .synonyms import same

    found = same(name, __dir__())
    return f": did you mean {found[0]!r}?" if found else ""


def __dir__() -> list[str]:
    return sorted(__getattr__("__all__"))


def _version() -> str:
    """The version that pyproject.toml states: from the file itself in a checkout, else from the package's metadata."""
    from pathlib import Path

    project = Path(__file__).parents[1] / "pyproject.toml"
    if project.is_file():
        from tomllib import loads

        stated = loads(project.read_text(encoding="utf-8")).get("project", {})
        if stated.get("name") == __name__:
            return str(stated["version"])
    from importlib.metadata import version

    return version(__name__)


def _is_module(name: str) -> bool:
    """True for Python's own names and for submodules: `import xpnet.x` asks here first, then loads the submodule."""
    from importlib.util import find_spec

    return name.startswith("_") or find_spec(f"{__name__}.{name}") is not None


def _listed() -> dict[str, Any]:
    """All entries of the tables, by name."""
    tables = (getattr(import_module(f".{room}", __name__), table) for room, table in _TABLES.items())
    return {name: value for table in tables for name, value in table.items()}
