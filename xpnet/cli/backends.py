"""`xpnet backends`: the array libraries, from the installed packages, or with --probe by computing on them."""

from __future__ import annotations

import argparse
import os
from typing import Any

from .. import errors, installed
from . import shared


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--probe", nargs="?", const="", metavar="NAME", help="run a computation, on one of them or on all"
    )


def run(args: argparse.Namespace) -> int:
    rows = installed.backends()
    if args.probe is None:
        shared.show(args, rows, lambda: shared.table([listed(row) for row in rows]))
        return 0
    os.environ.setdefault("JAX_ENABLE_X64", "1")  # JAX reads it when it loads, and has no float64 without it
    names = [row["name"] for row in rows]
    if args.probe:
        errors.choose("backend", args.probe, names)

    from .. import backends

    rows = [{**row, **backends.probe(row["name"])} for row in rows if args.probe in ("", row["name"])]
    head = ("backend", "installed", "computes", "float64", "devices")
    shared.show(args, rows, lambda: shared.table([head, *map(probed, rows)]))
    return 0 if all(row["computes"] for row in rows) or not args.probe else 1


def listed(row: dict[str, Any]) -> tuple[str, str]:
    """A row: a backend's name, and its version or the command that installs it."""
    absent = f"not installed: {row['install']}"
    return row["name"], (row["version"] or "yes") if row["installed"] else absent


def probed(row: dict[str, Any]) -> tuple[str, ...]:
    """A row of --probe: name, version, and the result of computing on the backend."""
    if not row["computes"]:
        return row["name"], row["version"] or "", "no", "", row["reason"]
    return (
        row["name"],
        row["version"] or "yes",
        "yes",
        "yes" if row["float64"] else "no",
        ", ".join(row["devices"]),
    )
