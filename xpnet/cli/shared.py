"""Parts shared by several commands: options, printing, the model and the data."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

LARGE_FILE_BYTES = 1_000_000
"""A file of at least this size takes a second or more to read."""


def options_of_answers(parser: argparse.ArgumentParser) -> None:
    """Adds MODEL, DATA, --backend and --device."""
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model file, or the folder of a run")
    add("data", metavar="DATA", help="a CSV file, .npz, a folder of IDX files, or a data set by name")
    add("--backend", metavar="NAME", default="auto", help="numpy, cupy, torch, jax... (default: %(default)s)")
    add("--device", metavar="NAME", help="such as cpu or cuda:1 (default: the backend's own)")


def say(args: argparse.Namespace, *lines: str) -> None:
    """Prints lines on standard error, unless quiet or where nothing reads it any more."""
    if not args.quiet and lines:
        with suppress(OSError):
            print(*lines, sep="\n", file=sys.stderr, flush=True)


def reading(args: argparse.Namespace, path: str) -> None:
    """Says at once that a large file is read, which may take a while."""
    size = os.path.getsize(path) if os.path.isfile(path) else 0
    if size >= LARGE_FILE_BYTES:
        say(args, f"reading {path}, {size / 1e6:,.0f} MB...")


def show(args: argparse.Namespace, result: Any, text: Callable[[], str], *, exact: bool = False) -> None:
    """Prints the result on standard output: one line of JSON, or text.

    Characters that the output's encoding lacks are escaped; UnicodeEncodeError instead with `exact`.
    """
    said = json.dumps(result, allow_nan=False) if args.json else text()
    encoding = sys.stdout.encoding or "utf-8"
    print(said if exact else said.encode(encoding, "backslashreplace").decode(encoding))


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Rows as aligned columns; `right` numbers those aligned to the right."""
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [f"{cell:>{wide[i]}}" if i in right else f"{cell:<{wide[i]}}" for i, cell in enumerate(row)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def scores(parts: dict[str, dict[str, float] | None], baseline: float | None, says: Any) -> str:
    """The scores of some parts of the data as a table, and the baseline's below."""
    found = {name: part for name, part in parts.items() if part is not None}
    labels = any("accuracy" in part for part in found.values())
    names = ("loss", "accuracy") if labels else ("loss", "rmse", "mae", "r2")
    numbers = says if isinstance(says, list) else [says] if isinstance(says, float) else []
    told = ", ".join(_number("", each) for each in numbers) or says
    rows = [["", *names]]
    rows += [[name, *(_number(each, part.get(each)) for each in names)] for name, part in found.items()]
    rows += [["baseline", "", _number(names[1], baseline), *[""] * (len(names) - 2)]]
    return f"{table(rows, range(1, len(names) + 1))}  always predicting {told}"


def _number(name: str, value: float | None) -> str:
    if value is None:
        return ""
    if name == "accuracy":
        return f"{value:.2%}"
    if name in ("loss", "r2"):
        return f"{value:.4f}"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e12 else f"{value:.4g}"


def complete(args: argparse.Namespace, folder: Path) -> None:
    """Completes the replacement of a run that a kill cut short, and says so."""
    from ..io.whole import settle

    if said := settle(folder):
        say(args, said)


def settle(*, dtype: str = "float32") -> None:
    """Sets the variables that libraries read when they load: one thread for NumPy's BLAS, float64 for JAX."""
    if "OMP_NUM_THREADS" not in os.environ:
        # on products this small OpenBLAS's threads gain nothing, and cost a factor of 40 on a busy machine
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if dtype == "float64":
        os.environ["JAX_ENABLE_X64"] = "1"  # JAX has no float64 without it


def model_of(args: argparse.Namespace) -> Any:
    """The model of a command's arguments, on the backend that they name; `inspect` names none, and takes NumPy."""
    settle()

    from ..runs import predict

    place = Path(args.model)
    complete(args, place if place.is_dir() else place.parent)
    given = vars(args)
    return predict.load_model(args.model, backend=given.get("backend", "numpy"), device=given.get("device"))
