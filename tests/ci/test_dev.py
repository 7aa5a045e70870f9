"""ci/dev.py without a network: nothing here makes an environment or installs anything."""

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

DEV = Path(__file__).parents[2] / "ci" / "dev.py"


class ReplacedError(Exception):
    """Raised where dev.py would give its place to another program."""


@pytest.fixture
def dev(tmp_path, monkeypatch) -> ModuleType:
    """The script, with an empty repository of its own; `calls` holds what it would have run."""
    spec = importlib.util.spec_from_file_location("dev", DEV)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    calls: list = []

    def become(command, environment=None):
        calls.append((command[1:] if command[0] == module.PYTHON else command, environment))
        raise ReplacedError

    def run(command):
        calls.append([str(part) for part in command])
        return True

    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / ".venv").mkdir()
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "ROOT": tmp_path,
        "VENV": tmp_path / ".venv",
        "STAMP": tmp_path / ".venv" / "stamp",
        "become": become,
        "run": run,
        "usable": lambda: True,
        "calls": calls,
    }.items():
        monkeypatch.setattr(module, name, value, raising=False)
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    return module


def refusal(capsys) -> str:
    """The one sentence on standard error."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("dev.py: ")
    assert err.count("\n") == 1
    return err


def test_parses_on_an_old_python():
    ast.parse(DEV.read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("version", [(3, 6, 15, "final", 0), (3, 10, 13, "final", 0)])
def test_an_old_python_is_told_what_to_do(dev, capsys, version):
    with pytest.raises(SystemExit) as stop:
        dev.refuse_old_python(version, ["train", "digits"])
    assert stop.value.code == 2
    assert f"this is 3.{version[1]}: run `python3.11 ci/dev.py train digits` instead." in refusal(capsys)


def test_a_new_python_is_not_refused(dev):
    dev.refuse_old_python((3, 11, 0, "final", 0), [])
    dev.refuse_old_python((4, 0, 0, "final", 0), [])


def test_the_oldest_python_is_the_projects(dev):
    oldest = ".".join(map(str, dev.OLDEST))
    assert f'requires-python = ">={oldest}"' in (DEV.parents[1] / "pyproject.toml").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_without_venv_it_says_what_to_install_and_leaves_the_old_one(dev, capsys, monkeypatch, module):
    monkeypatch.setattr(dev.importlib.util, "find_spec", lambda name: None if name == module else object())
    with pytest.raises(SystemExit) as stop:
        dev.make(None)
    assert stop.value.code == 2
    assert "apt install python3-venv" in refusal(capsys)
    assert dev.VENV.exists()
    assert dev.calls == []


@pytest.mark.parametrize("ending", [False, KeyboardInterrupt])
def test_a_half_made_environment_is_removed(dev, capsys, monkeypatch, ending):
    def run(command):
        dev.VENV.mkdir(exist_ok=True)
        if ending:
            raise ending
        return False

    monkeypatch.setattr(dev, "run", run)
    with pytest.raises(ending or SystemExit):
        dev.make("uv")
    assert not dev.VENV.exists()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "backends", "others"),
    [
        ([], [], []),
        (["-x", "tests/ops"], [], ["-x", "tests/ops"]),
        (["--backends", "torch,jax", "-n", "4"], ["torch", "jax"], ["-n", "4"]),
        (["-k", "relu", "--backends=jax", "-x"], ["jax"], ["-k", "relu", "-x"]),
        (["--backends", "all"], ["numpy", "strict", "torch", "jax", "numba"], []),
    ],
)
def test_backends_are_split_from_pytests_arguments(dev, arguments, backends, others):
    assert dev.split_backends(arguments) == (backends, others)


@pytest.mark.parametrize("arguments", [["--backends"], ["--backends="], ["--backends", "torch,cupy"]])
def test_backends_it_cannot_install_are_refused(dev, capsys, arguments):
    with pytest.raises(SystemExit) as stop:
        dev.split_backends(arguments)
    assert stop.value.code == 2
    assert "numpy,strict,torch,jax,numba" in refusal(capsys)


@pytest.mark.parametrize(
    ("arguments", "addopts", "count"),
    [
        ([], "", 3),
        (["tests/ops", "-x", "-k", "relu"], "", 3),
        (["-k", "no:xdistant"], "", 3),
        (["-n", "2"], "", 0),
        (["-n4"], "", 0),
        (["--numprocesses=2"], "", 0),
        ([], "-n 2", 0),
        (["-p", "no:xdist"], "", 0),
        (["--pdb"], "", 0),
        (["tests/test_tree.py::test_it"], "", 0),
    ],
)
def test_one_worker_for_each_core_unless_an_argument_rules_it_out(
    dev, monkeypatch, arguments, addopts, count
):
    monkeypatch.setattr(dev, "cores", lambda: 3)
    monkeypatch.setenv("PYTEST_ADDOPTS", addopts)
    assert dev.workers(arguments) == (["-n", "3", "--dist", "worksteal"] if count else [])


@pytest.mark.parametrize(("cores", "count"), [(1, 0), (64, 8)])
def test_workers_are_as_many_as_pay(dev, monkeypatch, cores, count):
    monkeypatch.setattr(dev, "cores", lambda: cores)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    assert dev.workers([])[1:2] == ([str(count)] if count else [])


def test_what_is_not_installed_is_said_before_the_tests(dev, capsys):
    dev.install(".[test]", None)
    dev.install("jax", None)
    capsys.readouterr()
    with pytest.raises(ReplacedError):
        dev.main(["test"])
    assert "not installed here, so their tests are skipped: torch and numba" in refusal(capsys)


def test_it_only_installs(dev):
    dev.main(["install", "lint", "jax"])
    assert [call[-1] for call in dev.calls] == [".[lint]", "jax"]


@pytest.mark.parametrize("names", [[], ["cupy"], ["numpy"]])
def test_what_it_cannot_install_is_refused(dev, capsys, names):
    with pytest.raises(SystemExit) as stop:
        dev.main(["install", *names])
    assert stop.value.code == 2
    assert "test, lint, docs, torch, jax, numba" in refusal(capsys)


@pytest.mark.parametrize("folder", [None, "site"])
def test_docs_are_built_into_a_folder_and_warnings_are_errors(dev, monkeypatch, folder):
    ran = []
    monkeypatch.setattr(dev.subprocess, "call", lambda command, cwd: ran.append(command) or 0)
    with pytest.raises(SystemExit) as stop:
        dev.main(["docs", *([folder] if folder else [])])
    assert stop.value.code == 0
    assert {"--fail-on-warning", "--nitpicky"} <= set(ran[0])
    assert Path(ran[0][-1]) == (Path.cwd() / folder if folder else dev.ROOT / "build" / "docs")


def test_pip_installs_the_project_where_uv_cannot(dev, monkeypatch):
    ran = []
    monkeypatch.setattr(dev, "run", lambda command: ran.append(command[0]) or command[0] != "uv")
    dev.install(".", "uv")
    assert ran == ["uv", dev.PYTHON]
    assert dev.missing(["."]) == []


def test_installed_packages_are_remembered(dev):
    assert dev.missing([".[test]", "jax"]) == [".[test]", "jax"]
    dev.install(".[test]", None)
    assert dev.missing([".[test]", "jax"]) == ["jax"]
    assert dev.missing(["."]) == []
    dev.install("jax", None)
    assert dev.missing([".[test]", "jax"]) == []
    assert dev.missing([".[lint]"]) == [".[lint]"]


@pytest.mark.parametrize("change", ["pyproject.toml", "python", "place"])
def test_a_change_makes_it_outdated(dev, monkeypatch, change):
    dev.install(".", None)
    if change == "pyproject.toml":
        (dev.ROOT / change).write_text("[project]\nname = 'other'\n")
    elif change == "python":
        monkeypatch.setattr(dev.sys, "version_info", (3, 99, 0))
    else:
        (dev.ROOT / "moved").mkdir()
        (dev.ROOT / "moved" / "pyproject.toml").write_text("[project]\n")
        monkeypatch.setattr(dev, "ROOT", dev.ROOT / "moved")
    assert dev.missing(["."]) == ["."]


def test_a_failed_installation_is_not_remembered(dev, capsys, monkeypatch):
    monkeypatch.setattr(dev, "run", lambda command: False)
    with pytest.raises(SystemExit) as stop:
        dev.install("jax", None)
    assert stop.value.code == 2
    assert not dev.STAMP.exists()
    assert capsys.readouterr().out == ""


def test_nothing_is_said_or_run_where_all_is_there(dev, capsys):
    dev.install(".", None)
    dev.calls.clear()
    capsys.readouterr()
    with pytest.raises(ReplacedError):
        dev.main(["train", "digits", "--json", "--help"])
    assert dev.calls == [([dev.XPNET, "train", "digits", "--json", "--help"], None)]
    assert capsys.readouterr() == ("", "")


def test_backends_are_installed_by_pip_even_beside_uv(dev, monkeypatch):
    monkeypatch.setattr(dev.shutil, "which", lambda name: "/somewhere/uv")
    with pytest.raises(ReplacedError):
        dev.main(["test", "--backends", "all", "-n", "4"])
    project, torch, jax, numba, (pytest_command, environment) = dev.calls
    assert project == [
        "/somewhere/uv",
        "pip",
        "install",
        "--python",
        dev.PYTHON,
        "--quiet",
        "--editable",
        ".[test]",
    ]
    assert torch == [dev.PYTHON, "-m", "pip", "install", "torch==2.13.0"]
    assert jax == [dev.PYTHON, "-m", "pip", "install", "jax"]
    assert numba == [dev.PYTHON, "-m", "pip", "install", "--quiet", "--editable", ".[fast]"]
    assert pytest_command == ["-m", "pytest", "-n", "4"]
    assert environment["XPNET_REQUIRE_BACKENDS"] == "numpy,strict,torch,jax"


@pytest.mark.parametrize("arguments", [[], ["--backends", "jax"]])
def test_only_all_requires_every_backend(dev, monkeypatch, arguments):
    monkeypatch.delenv("XPNET_REQUIRE_BACKENDS", raising=False)
    with pytest.raises(ReplacedError):
        dev.main(["test", *arguments])
    assert "XPNET_REQUIRE_BACKENDS" not in dev.calls[-1][1]


def test_the_catalogue_needs_every_backend_that_can_be_installed(dev):
    with pytest.raises(ReplacedError):
        dev.main(["catalogue", "-n", "2"])
    *installed, (command, _) = dev.calls
    assert [call[-1] for call in installed] == [".[test]", "torch==2.13.0", "jax"]
    assert command == [str(dev.ROOT / "ci" / "catalogue.py"), "-n", "2"]


@pytest.mark.parametrize("failing", [None, "ruff", "mypy"])
def test_lint_runs_every_check_and_fails_if_one_does(dev, monkeypatch, failing):
    ran = []

    def call(command, cwd):
        ran.append(command[2:])
        return int(command[2] == failing)

    monkeypatch.setattr(dev.subprocess, "call", call)
    with pytest.raises(SystemExit) as stop:
        dev.main(["lint"])
    assert stop.value.code == (0 if failing is None else 1)
    assert ran == [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]]


def test_installers_print_to_standard_error(tmp_path):
    code = f"""
import sys; sys.path.insert(0, {str(DEV.parent)!r})
import dev
dev.run([sys.executable, "-c", "print('from pip')"])
"""
    done = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == ""
    assert done.stderr.strip() == "from pip"


@pytest.mark.parametrize(("arguments", "status"), [([], 2), (["-h"], 0), (["--help"], 0)])
def test_usage(arguments, status):
    done = subprocess.run([sys.executable, DEV, *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith("usage: python3 ci/dev.py")
    assert 5 <= len(done.stderr.splitlines()) <= 12


@pytest.mark.skipif(os.name == "nt", reason="an environment is laid out otherwise there")
def test_an_environment_whose_python_is_gone_is_not_usable(tmp_path):
    code = f"""
import sys; sys.path.insert(0, {str(DEV.parent)!r})
import dev
for dev.PYTHON in sys.argv[1:]:
    print(dev.usable())
"""
    gone = tmp_path / "python"
    gone.symlink_to(tmp_path / "nowhere")
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    done = subprocess.run([sys.executable, "-B", "-c", code, gone, broken], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"]
