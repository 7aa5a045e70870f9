"""The `xpnet` command: a thin skin over the library, which parses its arguments before any heavy import."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from signal import SIGINT
from typing import Any, NoReturn

from ..errors import UnknownNameError, unknown
from .signals import interrupting

LOADED = time.perf_counter()

COMMANDS = {
    "train": "train a network on a data set or a file, and score it on samples held out",
    "predict": "predict labels or values of new rows with a trained model",
    "evaluate": "score a trained model on data whose answers are known",
    "inspect": "show a model: its layers, its parameters, and what it expects",
    "datasets": "list the data sets known by name",
    "backends": "list the array libraries, and what is installed of them",
    "test-backend": "check every op, layer, loss and optimizer on a backend",
    "bench": "time training steps and predictions on each installed backend",
    "doctor": "look for what slows this machine's training: kernels, threads, missing packages",
}
"""Each command is a module of this room, with `options(parser)` and `run(args) -> int`."""
NUMPY_FREE = (None, "backends", "doctor")
"""Commands that load no NumPy, or look at the machine as it is."""

TRY = """\
xpnet train digits                               a small network learns handwritten digits
xpnet train table.csv --target column            the same from a table of your own
xpnet predict runs/table-1 new.csv -o out.csv    its predictions for new rows
xpnet backends --probe                           which array libraries compute here
xpnet --help                                     all commands; xpnet train --help: options"""


class UsageError(Exception):
    """A command line that cannot be understood: exit status 2."""


class Parser(argparse.ArgumentParser):
    """Raises UsageError, and takes no shortened names: a new option could change what one means."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **given})

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\ntry {self.prog} --help")


class ShowVersion(argparse.Action):
    """Prints the version; argparse's own action would look it up at every start, which takes 30 ms."""

    def __init__(self, **given: Any) -> None:
        super().__init__(nargs=0, **given)

    def __call__(self, parser: argparse.ArgumentParser, *parsed: Any) -> None:
        from .. import __version__

        print(f"xpnet {__version__}")
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line; the exit status: 0, 1 for an error, 2 for a wrong command line, 128 + n for signal n."""
    with interrupting() as heard:
        return _main(argv, heard)


def _main(argv: Sequence[str] | None, heard: list[int]) -> int:
    verbose = False
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed when Python began: print(file=None) would write to the other
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - for as long as the process lives
    try:
        args = parse(sys.argv[1:] if argv is None else argv)
        verbose = args.verbose
        if args.command is None:
            print(TRY)
        if args.command not in NUMPY_FREE:
            _choose_kernel(quiet=args.quiet)
        status = 0 if args.command is None else int(_module(args.command).run(args))
        print(end="", flush=True)  # a broken pipe shows here and not when Python ends
        return status
    except SystemExit as done:  # --help and --version
        return int(done.code or 0)
    except KeyboardInterrupt as stopped:
        return _say(str(stopped) or "stopped", 128 + (heard or [SIGINT])[0])
    except BrokenPipeError:
        return 141  # as if SIGPIPE had ended it
    except UsageError as error:
        return _say(str(error), 2)
    except Exception as error:
        # an error of the command line, not of the computation
        wrong = isinstance(error, UnknownNameError | FileExistsError)
        # any exception of a library is one line for the user; -v shows its traceback
        if verbose:
            import traceback

            traceback.print_exc()
        return _say(_sentence(error), 2 if wrong else 1)
    finally:
        _flush()


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The parsed arguments; UsageError, with the nearest known name, for an unknown argument."""
    common = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("-q", "--quiet", action="store_true", help="print the result only")
    common.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="show also why the backend was chosen, and the traceback of an error",
    )
    common.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser = Parser(prog="xpnet", parents=[common], description="Neural networks on any array library.")
    parser.add_argument("--version", action=ShowVersion, help="print the version and exit")
    parser.set_defaults(parser=parser)
    commands = parser.add_subparsers(dest="command", metavar="command")
    word = next((word for word in argv if not word.startswith("-")), None)
    if word is not None and word not in COMMANDS:
        raise unknown("command", word, COMMANDS)
    for name, about in COMMANDS.items():
        sub = commands.add_parser(name, help=about, description=about, parents=[common])
        sub.set_defaults(parser=sub)
        if name == word:
            _module(name).options(sub)
    args, rest = parser.parse_known_args(argv)
    if rest and rest[0].startswith("-") and "--" not in argv:  # after -- there are no options
        if os.path.exists(rest[0]):
            raise UsageError(f"{rest[0]!r} looks like an option: write ./{rest[0]} for the file")
        known = (name for name in args.parser._option_string_actions if name.startswith("--"))
        raise unknown("option", rest[0].partition("=")[0], known)
    if rest:
        raise UsageError(f"{rest[0]!r} is one argument too many\ntry {args.parser.prog} --help")
    return argparse.Namespace(**{"quiet": False, "verbose": False, "json": False, **vars(args)})


def _module(command: str) -> Any:
    return import_module(f".{command.replace('-', '_')}", __name__)


def _choose_kernel(*, quiet: bool) -> None:
    """Sets the kernel that NumPy's OpenBLAS would miss on this CPU, before NumPy loads, and prints it."""
    from ..machine import cpu

    kernel = cpu.choose_kernel()
    if kernel is not None and not quiet:
        line = f"OPENBLAS_CORETYPE={kernel}: NumPy's OpenBLAS is too old to know this CPU's vectors"
        print(line, file=sys.stderr, flush=True)


def _sentence(error: Exception) -> str:
    """An error's first line, after its type unless the message was written for users."""
    text = next(iter(str(error).splitlines()), "")
    if isinstance(error, UnicodeEncodeError):
        lacking = error.object[error.start : error.end]
        return f"the output's encoding, {error.encoding}, has no {lacking!a}: set PYTHONIOENCODING=utf-8"
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    ours = isinstance(error, ValueError | TypeError | OSError) or type(error).__module__.startswith("xpnet")
    return text if text and ours else f"{type(error).__name__}: {text}"


def _say(message: str, status: int) -> int:
    with suppress(OSError):
        print(f"xpnet: {message}", file=sys.stderr, flush=True)
    return status


def _flush() -> None:
    """Flushes both streams, so that Python's last flush does not report a closed pipe or a full disk."""
    for stream in (sys.stdout, sys.stderr):
        try:
            print(end="", file=stream, flush=True)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
