"""Make .venv on first use and run xpnet, its tests or its linters in it: `python3 ci/dev.py train digits`.

Standard library only, and it parses on Python 3.6: an old Python gets a sentence instead of a SyntaxError.
Standard output belongs to the program that runs; everything said here goes to standard error.
"""

import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "xpnet-dev.txt"  # its first line is fingerprint(), the others say what is installed
WINDOWS = os.name == "nt"
PYTHON, XPNET = (
    str(VENV / (f"Scripts/{name}.exe" if WINDOWS else f"bin/{name}")) for name in ("python", "xpnet")
)

# NumPy and array-api-strict come with the project and its extra `test`.
INSTALLED_BY = {"numpy": None, "strict": None, "torch": "torch==2.13.0", "jax": "jax", "numba": ".[fast]"}
REQUIRED_BY_ALL = "numpy,strict,torch,jax"
EXTRAS = {"test": ".[test]", "lint": ".[lint]", "docs": ".[docs]"}

MOST_WORKERS = 8  # each collects all tests by itself
WITHOUT_WORKERS = {
    "--pdb",
    "--trace",
    "-s",
    "--capture=no",
    "--collect-only",
    "--co",
    "--fixtures",
    "--markers",
}
WITHOUT_WORKERS |= {
    "-h",
    "--help",
    "-V",
    "--version",
    "-n",
    "--numprocesses",
    "--dist",
    "-d",
    "--tx",
    "no:xdist",
}
"""Pytest's arguments with which workers would be in the way, or which choose them."""

USAGE = """\
usage: python3 ci/dev.py COMMAND [ARGUMENTS]
  train digits ...   or any other xpnet command, with its arguments as they are
  test [--backends all|NAME,...] [PYTEST ARGUMENTS]
                     the tests, from the repository root, in one process for each core;
                     the costly ones are sampled, --full runs them all; --backends installs
                     torch, jax or numba first, and `all` fails if one is absent
  lint               ruff check, ruff format --check and mypy
  docs [FOLDER]      the documentation and the API reference as a site, in build/docs
  install NAME ...   only install: test, lint, docs, torch, jax or numba
  catalogue          the oracle on every backend, and docs/catalogue.md, which says what passed
Everything runs in .venv, made on first use; delete it to start anew."""


def say(text):
    print("dev.py:", text, file=sys.stderr, flush=True)


def fail(text):
    say(text)
    sys.exit(2)


def refuse_old_python(version, arguments):
    if tuple(version[:2]) < OLDEST:
        this, oldest = (".".join(map(str, numbers[:2])) for numbers in (version, OLDEST))
        again = " ".join([f"python{oldest}", "ci/dev.py", *arguments])
        fail(f"xpnet needs Python {oldest} or newer and this is {this}: run `{again}` instead.")


def split_backends(arguments):
    """(the backends that --backends names, none without it; the other arguments, in order)."""
    chosen, others, rest = None, [], iter(arguments)
    for argument in rest:
        option, equals, value = argument.partition("=")
        if option == "--backends":
            chosen = value if equals else next(rest, "")
        else:
            others.append(argument)
    if chosen is None:
        return [], others
    names = list(INSTALLED_BY) if chosen == "all" else chosen.split(",")
    if not set(names) <= set(INSTALLED_BY):
        among = ",".join(INSTALLED_BY)
        fail(f"--backends got {chosen!r}: give `all`, or some of {among} (ci/gpu.sh tests CuPy).")
    return names, others


def fingerprint():
    """Changes where everything must be installed again: pyproject.toml, Python, the repository's place."""
    made_of = f"{ROOT}\n{sys.version_info[:2]}\n".encode() + (ROOT / "pyproject.toml").read_bytes()
    return hashlib.sha256(made_of).hexdigest()


def installed():
    lines = STAMP.read_text().splitlines() if STAMP.exists() else []
    return lines[1:] if lines[:1] == [fingerprint()] else []


def missing(wanted):
    done = installed()  # always with the project itself, "."
    return [item for item in wanted if item not in done and not (item == "." and done)]


def usable():
    """True if .venv's Python runs, is as new as this one, and has pip (a half-made environment does not)."""
    probe = "import sys, pip; print(*sys.version_info[:2])"
    try:
        found = subprocess.run([PYTHON, "-I", "-c", probe], capture_output=True, text=True).stdout
    except OSError:
        return False
    return found.split() == [str(number) for number in sys.version_info[:2]]


def run(command):
    """True if a set-up command succeeds; its output goes to standard error."""
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return subprocess.call(command, cwd=str(ROOT), env=environment, stdout=sys.stderr) == 0


def make(uv):
    # When dev.py runs on .venv's own Python, that one is about to go.
    python = getattr(sys, "_base_executable", None) or sys.executable
    makers = [[uv, "venv", "--quiet", "--seed", "--python", python, str(VENV)]] if uv else []
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        makers.append([python, "-m", "venv", "--clear", str(VENV)])
    if not makers:
        fail("this Python has no venv module: install it (`apt install python3-venv`) or uv, and try again.")
    if VENV.exists():
        say(".venv is unfinished, does not run, or is of another Python; it is made anew.")
        shutil.rmtree(str(VENV))
    say(f"making .venv (Python {'.'.join(map(str, sys.version_info[:3]))}).")
    try:
        if not any(map(run, makers)):
            fail("making .venv failed and it is removed: fix what is said above, and try again.")
    except BaseException:  # Ctrl-C among them
        shutil.rmtree(str(VENV), ignore_errors=True)
        raise


def install(item, uv):
    """Install the project with an extra (".[test]"), editable, or a requirement ("jax")."""
    say(f"installing {'xpnet' + item[1:] if item.startswith('.') else item}.")
    tools = [[uv, "pip", "install", "--python", PYTHON]] if uv else []
    tools.append([PYTHON, "-m", "pip", "install"])
    # A library of a gigabyte is not quiet: it shows its progress.
    what = ["--quiet", "--editable", item] if item.startswith(".") else [item]
    if not any(run(tool + what) for tool in tools):
        fail(f"installing {item} failed: fix what is said above, and run the same command again.")
    STAMP.write_text("\n".join([fingerprint(), *installed(), item]) + "\n")


def prepare(project, *backends):
    """Let .venv hold the project with an extra, and backends.

    The project goes by uv where there is one, then by pip if that fails (pip may be configured for a registry
    that uv does not know); backends go by pip always.
    """
    wanted = [project, *backends]
    if usable() and not missing(wanted):
        return
    with open(__file__, "r+") as file:  # locked instead of a lock file, which a killed process would leave
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX)
        uv = shutil.which("uv")
        if not usable():
            make(uv)
        for item in missing(wanted):
            install(item, uv if item == project else None)


def become(command, environment=os.environ):
    """Run the command in this process's place: its signals and its exit status are its own."""
    if not WINDOWS:
        os.execve(command[0], command, environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # exec would return to the shell at once there
    sys.exit(subprocess.call(command, env=environment))


def cores():
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers(arguments):
    """Pytest's arguments for one process per core; none where an argument rules that out or names one test."""
    given = [*shlex.split(os.environ.get("PYTEST_ADDOPTS", "")), *arguments]
    for argument in given:
        word = argument.partition("=")[0] if argument.startswith("--") else argument
        if word in WITHOUT_WORKERS or argument in WITHOUT_WORKERS or "::" in argument:
            return []
        if re.match(r"-n(\d+|auto|logical)$|-p\s*no:xdist$", argument):
            return []
    count = min(cores(), MOST_WORKERS)
    return ["-n", str(count), "--dist", "worksteal"] if count > 1 else []


def say_what_is_absent():
    absent = [name for name, item in INSTALLED_BY.items() if item and item not in installed()]
    if absent:
        listed = ", ".join(absent[:-1]) + " and " + absent[-1] if len(absent) > 1 else absent[0]
        say(
            f"not installed here, so their tests are skipped: {listed} (`test --backends all` installs them)."
        )


def test(arguments):
    backends, arguments = split_backends(arguments)
    prepare(".[test]", *filter(None, map(INSTALLED_BY.get, backends)))
    say_what_is_absent()
    environment = dict(os.environ)
    if backends == list(INSTALLED_BY):
        environment["XPNET_REQUIRE_BACKENDS"] = REQUIRED_BY_ALL
    os.chdir(str(ROOT))
    become([PYTHON, "-m", "pytest", *workers(arguments), *arguments], environment)


def lint(arguments):
    if arguments:
        fail(f"lint got {' '.join(arguments)}: it takes no arguments.")
    prepare(".[lint]")
    checks = ["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]
    failed = [subprocess.call([PYTHON, "-m", *check], cwd=str(ROOT)) for check in checks]
    sys.exit(1 if any(failed) else 0)


def docs(arguments):
    if len(arguments) > 1 or "".join(arguments).startswith("-"):
        fail(f"docs got {' '.join(arguments)}: give the folder of the site, or nothing for build/docs.")
    folder = os.path.abspath(arguments[0]) if arguments else str(ROOT / "build" / "docs")
    prepare(".[docs]")
    strict = ["--fail-on-warning", "--keep-going", "--nitpicky", "--quiet"]
    sys.exit(subprocess.call([PYTHON, "-m", "sphinx", *strict, "-c", "docs", ".", folder], cwd=str(ROOT)))


def install_only(names):
    """Install what the names need, so that a later command downloads nothing."""
    known = dict(INSTALLED_BY, **EXTRAS)
    wrong = [name for name in names if not known.get(name)]
    if wrong or not names:
        fail(f"install got {' '.join(names) or 'nothing'}: give some of test, lint, docs, torch, jax, numba.")
    for name in names:
        prepare(known[name])


def catalogue(arguments):
    prepare(".[test]", INSTALLED_BY["torch"], INSTALLED_BY["jax"])
    become([PYTHON, str(ROOT / "ci" / "catalogue.py"), *arguments])


def main(arguments):
    refuse_old_python(sys.version_info, arguments)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, file=sys.stderr)
        sys.exit(0 if arguments else 2)
    if arguments[0] == "test":
        test(arguments[1:])
    elif arguments[0] == "lint":
        lint(arguments[1:])
    elif arguments[0] == "catalogue":
        catalogue(arguments[1:])
    elif arguments[0] == "docs":
        docs(arguments[1:])
    elif arguments[0] == "install":
        install_only(arguments[1:])
    else:
        prepare(".")
        become([XPNET, *arguments])


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        fail(f"{error}: fix that, and try again.")
