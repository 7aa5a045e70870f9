"""Every snippet and every command of README and of the guides is run, each page in a session of its own."""

import contextlib
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from xpnet.backends import registry

ROOT = Path(__file__).parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *ROOT.glob("xpnet/*/README.md"))
}
NEEDS = {
    "docs/command-line.md": ("pandas", "array_api_strict"),  # the last walk moves a model to strict
    "docs/tables.md": ("pandas",),
    "xpnet/compiler/README.md": ("numba",),
}
OPTIONAL = ("array_api_strict", "dask", "jax", "matplotlib", "mlx", "ndonnx", "onnxruntime", "scipy", "torch")
"""A snippet that names one of these is left out where it is not installed."""
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SESSIONS = [
    page for page, text in PAGES.items() if {"python", "console"} & {kind for kind, _ in BLOCK.findall(text)}
]
INLINE = sorted(
    {found for text in PAGES.values() for found in re.findall(r"`((?:python3?|uv run|xpnet) [^`]+)`", text)}
)
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]


def installed(name):
    return importlib.util.find_spec(name) is not None


def commands(block):
    """(command, the lines shown below it), of a console block."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        yield command.partition("  #")[0].strip(), [row for row in shown if row != "..."]


def as_run_here(words, monkeypatch):
    """The command as an argument list for this interpreter; what ci/dev.py would start, without its installing."""
    if words[:2] == ["uv", "run"]:
        words = words[2:]
    if words[:2] == ["python3", "ci/dev.py"]:
        spec = importlib.util.spec_from_file_location("dev", ROOT / "ci" / "dev.py")
        dev = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(dev)
        started = []
        monkeypatch.setattr(dev, "prepare", lambda *what: None)
        monkeypatch.setattr(dev, "become", lambda words, *environment: started.append(words))
        monkeypatch.setattr(dev.subprocess, "call", lambda words, **options: started.append(words) or 0)
        with contextlib.chdir(ROOT), contextlib.suppress(SystemExit):  # `test` changes the folder
            dev.main(words[2:])
        words = started[0]
    for module, extra in (("ruff", "lint"), ("sphinx", "docs")):
        if words[1:3] == ["-m", module] and not installed(module):
            pytest.skip(f"{module} is not installed: pip install 'xpnet[{extra}]'")
    program = Path(words[0]).name
    if program == "xpnet":
        return [sys.executable, "-m", "xpnet", *words[1:]]
    if program == "pytest":
        return [sys.executable, "-m", "pytest", *words[1:]]
    return [sys.executable, *words[1:]]


def run(command, folder, monkeypatch):
    """A console command as a reader would run it in the project's folder; the tests only collect themselves."""
    words, environment = shlex.split(command), dict(os.environ)
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        environment[name] = value
    words = ["sh", "-c", command] if words[0] == "printf" else as_run_here(words, monkeypatch)
    if "pytest" in words:
        words, folder = [*words, "--collect-only", "-q", "tests/test_tree.py"], ROOT
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def check_installs(command):
    """`pip install '.[cli,data]'` names extras that there are."""
    named = {extra for extras in re.findall(r"\[([\w,]+)\]", command) for extra in extras.split(",")}
    assert named <= set(EXTRAS), f"{command}: there are no extras {sorted(named - set(EXTRAS))}"


def check_printed(command, done, shown):
    """The command ran, and printed lines that begin as those of the page do."""
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    printed = (done.stderr + done.stdout).splitlines()
    for line in shown:
        start = re.match(r"\s*[^\s,]+", line)[0]
        assert any(row.startswith(start) for row in printed), f"no line begins like {line!r}:\n{printed}"


def first_steps(names, printed, folder):
    accuracy = float(printed.split()[0])
    assert accuracy > 0.95
    assert names["dw"].tolist() == [[4.0, 4.0]] * 3
    assert (folder / "digits.xpnet").exists()


CHECKS = {"README.md": first_steps}
"""More than that nothing fails: of a page's names, what it printed, and the files in its folder."""


@pytest.mark.parametrize("page", SESSIONS)
def test_a_pages_snippets_and_commands_in_order(page, tmp_path, monkeypatch, capsys):
    """Each snippet may use what those before it made."""
    for name in NEEDS.get(page, ()):
        pytest.importorskip(name, reason=f"{page} uses {name}, which is not installed")
    for name in ("xpnet", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setattr(registry, "_known", dict(registry._known))
    session = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", session)  # dataclasses look their module up
    for kind, block in BLOCK.findall(PAGES[page]):
        if kind == "python" and all(map(installed, (name for name in OPTIONAL if name in block))):
            exec(compile(block, page, "exec"), vars(session))
        elif kind == "console":
            for command, shown in commands(block):
                if command.startswith("pip "):
                    check_installs(command)
                else:
                    check_printed(command, run(command, tmp_path, monkeypatch), shown)
    if "matplotlib.pyplot" in sys.modules:  # matplotlib alone may be loaded
        sys.modules["matplotlib.pyplot"].close("all")
    if page in CHECKS:
        CHECKS[page](vars(session), capsys.readouterr().out, tmp_path)


@pytest.mark.parametrize("command", INLINE)
def test_command_in_a_sentence(command, monkeypatch):
    """Its program is there, and knows the words."""
    words = as_run_here(shlex.split(command), monkeypatch)
    if words[-1] in ("NAME", "mine"):
        words = words[:-1]
    extra = ["--help"]
    if "pytest" in words:  # its options, on one file in the place of all
        words = [word for word in words if not word.startswith("tests/")]
        extra = ["--collect-only", "-q", "tests/test_tree.py", "-k", ""]
    done = subprocess.run([*words, *extra], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_the_pages_are_seen():
    """Blocks of two kinds, in more pages than README; an inline command."""
    kinds = [kind for text in PAGES.values() for kind, _ in BLOCK.findall(text)]
    assert kinds.count("python") > 20
    assert kinds.count("console") > 5
    assert "xpnet doctor" in INLINE
    assert len(SESSIONS) >= 10
