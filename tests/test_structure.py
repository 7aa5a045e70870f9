"""The structure of the package: allowed imports between rooms, names, file lengths, and the cost of an import."""

import ast
import inspect
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

import xpnet

ROOT = Path(xpnet.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
TREES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in FILES}

BASE = {
    "typing",
    "errors",
    "synonyms",
    "calls",
    "namespace",
    "dtypes",
    "describe",
    "installed",
    "loading",
    "tree",
    "formulas",
}
ROOMS = {
    "ops",
    "init",
    "optim",
    "calculus",
    "metrics",
    "data",
    "layers",
    "train",
    "compiler",
    "backends",
    "io",
}
EDGES = {"testing", "sklearn", "plots", "machine"}
"""They import whatever is below them, and of ours `cli` alone and `runs` import them."""

MAY_IMPORT = {
    **dict.fromkeys((*BASE, "ops", "init", "optim", "data"), BASE),
    **dict.fromkeys(("calculus", "metrics"), BASE | {"data"}),  # the checks of what users give
    "layers": BASE | {"ops", "init"},
    "train": BASE | {"ops", "init", "layers", "optim", "data", "metrics"},
    "compiler": {"typing", "errors", "namespace", "loading", "tree"},
    "formulas": {"typing", "errors"},
    "backends": BASE | {"ops", "optim", "compiler"},  # the portable update loop is optim's
    "io": BASE | {"layers"},
    "spec": BASE | ROOMS,
    "placement": BASE | ROOMS | {"spec"},
    "predictions": BASE | ROOMS | {"spec", "placement"},
    "model_state": BASE | ROOMS | {"spec", "placement"},
    "model": BASE | ROOMS | {"spec", "placement", "predictions", "model_state", "saving"},
    "lbfgs": BASE | ROOMS | {"model"},
    "saving": BASE | ROOMS,
    **{room: BASE | ROOMS | {"model", "placement", "saving"} for room in EDGES},
    "runs": BASE | ROOMS | {"model", "placement", "saving", "plots"},
    "cli": BASE | ROOMS | EDGES | {"runs", "model", "placement", "saving", "__init__"},
    "__init__": {"synonyms"},  # in an error; its names are loaded at their first use
    "__main__": {"cli"},
}

LIBRARIES = {
    "torch",
    "jax",
    "jaxlib",
    "cupy",
    "numba",
    "array_api_strict",
    "array_api_compat",
    "dask",
    "pandas",
}


def room(path):
    """The room that a file is in: `ops/losses/mse.py` is in ops, `model.py` is model."""
    return path.partition("/")[0].removesuffix(".py")


def own_imports(path):
    """The rooms that a file imports from, wherever in it."""
    package = ["xpnet", *path.split("/")[:-1]]
    for node in ast.walk(TREES[path]):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else []
            module = [*start, *(node.module.split(".") if node.module else [])]
            names = [[*module, alias.name] for alias in node.names]
        for name in names:
            if name[0] == "xpnet":
                found = name[1] if len(name) > 1 else "__init__"
                yield found if found in MAY_IMPORT else "__init__"  # `from .. import __version__`


def other_imports(path):
    """The top-level packages that a file imports, other than ours."""
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]


def in_rooms(*rooms):
    return [path for path in TREES if room(path) in rooms]


@pytest.mark.parametrize("path", TREES)
def test_imports_go_downward(path):
    here = room(path)
    assert here in MAY_IMPORT, f"{here} is a new room: say in MAY_IMPORT whom it may import"
    beyond = set(own_imports(path)) - MAY_IMPORT[here] - {here}
    assert not beyond, f"{path} imports {sorted(beyond)}"


def test_the_reader_of_imports_sees_them():
    """Each form of import that the files use, or could."""
    assert {"ops", "init"} <= set(own_imports("layers/dense.py"))  # from .. import ops; from ..init import x
    assert "namespace" in set(own_imports("ops/losses/mae.py"))  # from ...namespace import x
    assert set(own_imports("__main__.py")) == {"cli"}
    assert "testing" in set(own_imports("cli/test_backend.py"))
    TREES["ops/planted.py"] = ast.parse(
        "import xpnet.cli\nfrom xpnet import optim\nfrom xpnet.io import read"
    )
    assert set(own_imports("ops/planted.py")) == {"cli", "optim", "io"}
    del TREES["ops/planted.py"]


def test_modules_are_imported_by_name_in_few_places_only():
    """`import_module` would slip past the test above."""
    found = {
        path
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
        and (getattr(node, "id", "") or getattr(node, "attr", "")) in ("import_module", "__import__")
    }
    assert found <= {
        "__init__.py",
        "optim/__init__.py",
        "backends/registry.py",
        "cli/__init__.py",
        "loading.py",
    }


@pytest.mark.parametrize("path", in_rooms("ops", "optim"))
def test_mathematics_imports_the_standard_library_only(path):
    assert set(other_imports(path)) <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", in_rooms("ops", "optim", "layers", "train"))
def test_mathematics_names_no_array_library(path):
    """NumPy draws initial values and checks what users give, on the host; no pass and no step sees it."""
    assert not set(other_imports(path)) & LIBRARIES
    tree = TREES[path]
    words = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    words |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    words |= {w for text in strings(tree) for w in text.replace(".", " ").split()}
    assert not words & LIBRARIES
    passes = [node for node in ast.walk(tree) if getattr(node, "name", "") in ("forward", "step", "gradient")]
    for node in passes if path != "train/trainer.py" else []:
        assert not any(
            isinstance(inner, ast.Name) and inner.id in ("np", "numpy") for inner in ast.walk(node)
        )


def strings(tree):
    """Text that is no docstring."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def test_the_step_does_not_import_numpy():
    assert "numpy" not in set(other_imports("train/step.py"))
    assert "numpy" in set(other_imports("train/trainer.py"))  # or the reader sees nothing


# Names with an underscore are their room's own


@cache
def private_names(here):
    """The names that begin with one underscore and are defined or assigned in a room."""
    nodes = [node for path in in_rooms(here) for node in ast.walk(TREES[path])]
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    names = {node.name for node in nodes if isinstance(node, defined)}
    names |= {x.id for x in nodes if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store)}
    names |= {x.attr for x in nodes if isinstance(x, ast.Attribute) and isinstance(x.ctx, ast.Store)}
    return {name for name in names if is_private(name)}


def is_private(name):
    return name.startswith("_") and not name.startswith("__") and name.strip("_")


def private_reaches(path):
    """(line, name) of each use of a name with an underscore that the file's room does not define.

    `self._x` and `cls._x` may come from a base class of another room, and `super()._x` too.
    """
    own = private_names(room(path))
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            of = node.value
            inherited = isinstance(of, ast.Name) and of.id in ("self", "cls")
            inherited |= isinstance(of, ast.Call) and getattr(of.func, "id", "") == "super"
            if not inherited and node.attr not in own | FIELDS_OF_OTHERS:
                yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom):
            beyond = not node.level or node.level >= len(path.split("/"))
            if beyond and room(path) not in (node.module or "").split("."):
                yield from ((node.lineno, alias.name) for alias in node.names if is_private(alias.name))


FIELDS_OF_OTHERS = {
    "_asdict",  # of a NamedTuple, which keeps its methods apart from its fields in this way
    "_replace",
    "_fields",
    "_device",  # array-api-strict's device has its name there alone
    "_dynamo",  # PyTorch's, without a public counterpart
    "_fused_adam_",
    "_option_string_actions",  # argparse's, for the nearest option in an error
}
"""Names with an underscore that belong to the standard library or to an array library."""


@pytest.mark.parametrize("path", TREES)
def test_no_room_reaches_into_another(path):
    assert list(private_reaches(path)) == []


def test_the_reader_of_private_names_sees_them():
    TREES["planted/one.py"] = ast.parse(
        "from ..model import _restored\nfrom .folder import _own\nfrom numpy import _core\n"
        "def f(self, model): return model._placement, self._fine, super()._fine, model._mine\n"
        "class A:\n    def g(self): self._mine = 0"
    )
    found = {name for _, name in private_reaches("planted/one.py")}
    del TREES["planted/one.py"]
    assert found == {"_restored", "_core", "_placement"}


# What an import costs


def loaded_after(code):
    """The modules of a fresh Python after some code."""
    code = f"{code}\nimport sys; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_xpnet_imports_nothing():
    loaded = loaded_after("import xpnet; xpnet.__version__")
    assert "xpnet" in loaded
    assert not loaded & {"numpy", *LIBRARIES}
    assert [name for name in loaded if name.startswith("xpnet.")] == []


def test_training_on_numpy_imports_numpy_alone():
    loaded = loaded_after(
        "import numpy as np, xpnet as xn\n"
        "net = xn.Sequential(xn.Dense(4, 'relu'), xn.Dropout(0.1), xn.BatchNorm(), xn.Dense(2))\n"
        "model = xn.Model(net, loss='softmax_cross_entropy', optimizer=xn.adam(0.01), backend='numpy')\n"
        "x, y = np.random.default_rng(0).standard_normal((20, 3)), np.arange(20) % 2\n"
        "model.fit(x, y, epochs=2, batch_size=8, validation_data=(x, y))\n"
        "model.predict(x), model.evaluate(x, y), model.summary()"
    )
    assert "numpy" in loaded
    assert not loaded & LIBRARIES
    assert not {name for name in loaded if name.startswith(("xpnet.testing", "xpnet.cli"))}


# Files and names


@pytest.mark.parametrize("path", TREES)
def test_files_are_short_and_finished(path):
    text = (ROOT / path).read_text()
    assert len(text.splitlines()) <= 330, "split it before it passes about 300 lines"
    for mark in ("TODO", "FIXME", "XXX"):
        assert mark not in text
    assert ast.get_docstring(TREES[path]), f"{path} does not say what it is"


def test_there_are_no_rooms_for_odds_and_ends():
    assert not [path for path in TREES if path.rpartition("/")[2] in ("utils.py", "helpers.py", "misc.py")]


def listing():
    """The modules that list their public names, and each room that `xpnet` names."""
    found = {
        "xpnet." + path.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".")
        for path, tree in TREES.items()
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    }
    rooms = (getattr(xpnet, name) for name in xpnet.__all__)
    return sorted(found | {"xpnet"} | {room.__name__ for room in rooms if inspect.ismodule(room)})


@pytest.mark.parametrize("name", listing())
def test_tab_completion_shows_public_names_alone(name):
    """What rlcompleter and IPython ask: `dir` of the module."""
    module = import_module(name)
    assert dir(module) == sorted(module.__all__)
    for public in module.__all__:
        assert hasattr(module, public), f"{name} lists {public}, which it does not have"


@pytest.mark.parametrize("name", xpnet.__all__)
def test_public_names_are_there(name):
    value = getattr(xpnet, name)
    assert name in dir(xpnet)
    if inspect.isfunction(value) or inspect.isclass(value) or inspect.ismodule(value):
        assert value.__doc__, f"{name} has no docstring"


@pytest.mark.parametrize("name", [name for name in xpnet.__all__ if inspect.ismodule(getattr(xpnet, name))])
def test_a_rooms_public_names_are_there_and_documented(name):
    module = getattr(xpnet, name)
    for public in getattr(module, "__all__", ()):
        value = getattr(module, public)
        ours = getattr(value, "__module__", "").startswith("xpnet")
        if ours and (inspect.isfunction(value) or inspect.isclass(value)):
            written = value.__doc__ or f"{public}("  # a dataclass without a docstring gets its signature
            assert not written.startswith(f"{public}("), f"{name}.{public} has no docstring"


@pytest.mark.parametrize("path", [path for path in TREES if room(path) not in ("cli", "__init__")])
def test_public_functions_and_classes_say_what_they_do(path):
    for node in TREES[path].body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            rule = room(path) == "optim" and node.name.endswith("_rule")  # its optimizer's docstring has it
            assert ast.get_docstring(node) or rule, f"{path}: {node.name} has no docstring"


# The engine


@pytest.mark.parametrize("path", in_rooms("compiler"))
def test_functions_carry_no_attributes(path):
    """Facts about a compiled function are fields of its `Kernel`, which a type checker and a reader can find."""
    functions = {node.name for node in ast.walk(TREES[path]) if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(TREES[path]):
        where = f"{path}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            named = len(node.args) > 1 and isinstance(node.args[1], ast.Constant)
            assert not (node.func.id in ("getattr", "setattr", "delattr") and named), where
        if isinstance(node, ast.Delete):
            assert not any(isinstance(target, ast.Attribute) for target in node.targets), where
        if isinstance(node, ast.Assign):
            for target in node.targets:
                owner = target.value if isinstance(target, ast.Attribute) else None
                assert not (isinstance(owner, ast.Name) and owner.id in functions), where


def test_attributes_of_functions_are_seen():
    for line in ("getattr(f, 'axes', ())", "del f.loop", "f.axes = 1", "setattr(f, 'axes', 1)"):
        TREES["planted.py"] = ast.parse(f"def f(): ...\n{line}")
        with pytest.raises(AssertionError, match=r"planted\.py:2"):
            test_functions_carry_no_attributes("planted.py")
        del TREES["planted.py"]


@pytest.mark.parametrize("path", in_rooms("compiler", "backends"))
def test_constants_are_defined_one_a_line(path):
    """`A, B = 1, 2` leaves one docstring, and one unit, for both."""
    for node in TREES[path].body:
        for target in node.targets if isinstance(node, ast.Assign) else ():
            names = [x.id for x in getattr(target, "elts", ()) if isinstance(x, ast.Name)]
            assert not any(name.isupper() for name in names), f"{path}:{node.lineno}: {', '.join(names)}"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'xpnet' has no attribute 'Desne'"):
        _ = xpnet.Desne
