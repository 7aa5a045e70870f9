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
COMMANDS = [
    (line[2:], [row for row in block.splitlines()[1:] if row != "..."])
    for kind, block in BLOCKS
    if kind == "console"
    for line in block.splitlines()
    if line.startswith("$ ")
]
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


@pytest.mark.parametrize(("command", "shown"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_command(command, shown, monkeypatch):
    """It runs, and prints lines that begin as README's do."""
    run = as_run_here(command, monkeypatch)
    if "pytest" in run:
        run += ["--collect-only", "-q", "tests/test_oracle.py"]  # all of it would run itself
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    printed = (done.stderr + done.stdout).splitlines()
    for line in shown:
        start = line[: len(line) - len(line.lstrip())] + line.split()[0]
        assert any(row.startswith(start) for row in printed), f"no line begins like {line!r}:\n{printed}"


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
    named = set(re.findall(r"`(\w+)/?`", "".join(re.findall(r"^\| (`[^|]*) \|", README, re.MULTILINE))))
    rooms = {path.stem for path in (ROOT / "xpnet").iterdir() if not path.name.startswith(("_", "py.typed"))}
    assert rooms <= named, f"README's table of rooms leaves out {sorted(rooms - named)}"
