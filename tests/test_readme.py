"""Every command and every snippet in README is run."""

import contextlib
import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def commands(text):
    """(command, the lines shown below it), as the console blocks of a text have them."""
    for kind, block in re.findall(r"^```(\w+)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
        if kind == "console":
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, *shown = part.splitlines()
                yield command, [row for row in shown if row != "..."]


WALKS = README.partition("## On the command line")[2].partition("## In Python")[0]
COMMANDS = list(commands(README.replace(WALKS, "")))
INLINE = re.findall(r"`((?:python3?|uv run|xpnet) [^`]+)`", README)


def as_run_here(command, monkeypatch):
    """The command as an argument list for this interpreter; what ci/dev.py would start, without its installing."""
    words = shlex.split(command)
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
        with contextlib.suppress(SystemExit):
            dev.main(words[2:])
        words = started[0]
    if words[1:3] == ["-m", "ruff"] and importlib.util.find_spec("ruff") is None:
        pytest.skip("ruff is not installed: pip install 'xpnet[lint]'")
    program = Path(words[0]).name
    if program == "xpnet":
        return [sys.executable, "-m", "xpnet", *words[1:]]
    if program == "pytest":
        return [sys.executable, "-m", "pytest", *words[1:]]
    return [sys.executable, *words[1:]]


def check_printed(done, shown):
    """The command ran, and printed lines that begin as README's do."""
    assert done.returncode == 0, done.stderr
    printed = (done.stderr + done.stdout).splitlines()
    for line in shown:
        start = re.match(r"\s*[^\s,]+", line)[0]
        assert any(row.startswith(start) for row in printed), f"no line begins like {line!r}:\n{printed}"


@pytest.mark.parametrize(("command", "shown"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_command(command, shown, monkeypatch, tmp_path):
    run, folder = as_run_here(command, monkeypatch), tmp_path
    if "pytest" in run:
        run += ["--collect-only", "-q", "tests/test_oracle.py"]  # all of it would run itself
        folder = ROOT
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=120)
    check_printed(done, shown)


def test_the_walks_on_the_command_line_in_order(tmp_path, monkeypatch):
    """One reader's session, in a folder that has xpnet/ as the project's has."""
    pytest.importorskip("pandas", reason="the extra data is not installed")
    pytest.importorskip("array_api_strict", reason="the last walk moves a model to it")
    (tmp_path / "xpnet").symlink_to(ROOT / "xpnet")
    walks = list(commands(WALKS))
    assert len(walks) >= 8
    for command, shown in walks:
        words = as_run_here(command, monkeypatch) if command.startswith("xpnet") else ["sh", "-c", command]
        check_printed(subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120), shown)


@pytest.mark.parametrize("command", sorted(set(INLINE)))
def test_command_in_a_sentence(command, monkeypatch):
    """Its program is there, and knows the words."""
    run = as_run_here(command, monkeypatch)
    if "NAME" in run or "mine" in run:
        run = run[:-1]
    extra = ["--collect-only", "-q", "tests/ci"] if "pytest" in run else ["--help"]
    done = subprocess.run([*run, *extra], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_snippets_in_order(tmp_path, monkeypatch, capsys):
    """One reader's session: each snippet may use what those before it made."""
    from xpnet.backends import registry

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "_known", dict(registry._known))
    names: dict = {"__name__": "readme"}
    monkeypatch.setitem(sys.modules, "readme", type(sys)("readme"))  # dataclasses look their module up
    snippets = [block for kind, block in BLOCKS if kind == "python"]
    assert len(snippets) >= 5
    for snippet in snippets:
        exec(compile(snippet, "README.md", "exec"), names)
    accuracy = float(capsys.readouterr().out.split()[0])
    assert accuracy > 0.95
    assert names["dw"].tolist() == [[4.0, 4.0]] * 3
    assert (tmp_path / "digits.xpnet").exists()


def test_the_table_of_backends_is_complete():
    from xpnet.backends import registry

    rows = re.findall(
        r"^\| `([\w-]+)` \|.*\|$", README.partition("## Backends")[2].partition("## How")[0], re.MULTILINE
    )
    assert rows == [name for name, place in registry._known.items() if isinstance(place, str)]


def test_the_table_of_rooms_is_complete():
    house = README.partition("## How the house is built")[2]
    named = set(re.findall(r"`(\w+)/?`", "".join(re.findall(r"^\| (`[^|]*) \|", house, re.MULTILINE))))
    rooms = {path.stem for path in (ROOT / "xpnet").iterdir() if not path.name.startswith(("_", "py.typed"))}
    assert rooms <= named, f"README's table of rooms leaves out {sorted(rooms - named)}"
