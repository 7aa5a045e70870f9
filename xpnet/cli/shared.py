"""Parts shared by several commands: options, printing, the model and the data."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any


def options_of_answers(parser: argparse.ArgumentParser) -> None:
    """Adds MODEL, DATA, --backend and --device."""
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model file, or the folder of a run")
    add("data", metavar="DATA", help="a CSV file, .npz, a folder of IDX files, or a data set by name")
    add("--backend", metavar="NAME", default="auto", help="numpy, cupy, torch, jax... (default: %(default)s)")
    add("--device", metavar="NAME", help="such as cpu or cuda:1 (default: the backend's own)")


def say(args: argparse.Namespace, *lines: str) -> None:
    """Prints lines on standard error, unless quiet."""
    if not args.quiet and lines:
        print(*lines, sep="\n", file=sys.stderr, flush=True)


def show(args: argparse.Namespace, result: Any, text: Callable[[], str]) -> None:
    """Prints the result on standard output: one line of JSON, or text."""
    print(json.dumps(result, allow_nan=False) if args.json else text())


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignores Ctrl-C while the block runs, a second or two."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can set a handler, and only it gets the signal
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


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


def settle(*, dtype: str = "float32") -> None:
    """Sets the variables that libraries read when they load: one thread for NumPy's BLAS, float64 for JAX."""
    if "OMP_NUM_THREADS" not in os.environ:
        # on products this small OpenBLAS's threads gain nothing, and cost a factor of 40 on a busy machine
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if dtype == "float64":
        os.environ["JAX_ENABLE_X64"] = "1"  # JAX has no float64 without it


def model_of(args: argparse.Namespace) -> Any:
    """The model of a command's arguments, on the backend that they name."""
    settle()

    from ..runs import predict

    return predict.load_model(args.model, backend=args.backend, device=args.device)
