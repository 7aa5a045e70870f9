"""`xpnet test-backend`: the whole table of checks on one backend."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from textwrap import indent

from . import shared

STATUSES = ("passed", "failed", "absent")


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="a backend: numpy, strict, torch, jax, cupy, or an installed package's")
    parser.add_argument("--device", metavar="NAME", help="such as cpu or cuda:1 (default: the backend's own)")


def run(args: argparse.Namespace) -> int:
    os.environ.setdefault("JAX_ENABLE_X64", "1")  # JAX reads it when it loads, and has no float64 without it

    from .. import backends, testing

    testing.register_doubles()
    backends.find(args.name)
    total: Counter[str] = Counter()
    absent: Counter[str] = Counter()
    rows = {}
    for row, group in groupby(testing.run_table(args.name, args.device), key=lambda outcome: outcome.row):
        outcomes = list(group)
        counts = Counter(outcome.status for outcome in outcomes)
        total += counts
        absent += Counter(outcome.message for outcome in outcomes if outcome.status == "absent")
        failures = [
            f"{each.check}, {each.dtype}: {each.message}" for each in outcomes if each.status == "failed"
        ]
        rows[row] = {**{status: counts[status] for status in STATUSES}, "failures": failures}
        if not args.json:
            shown = "".join(f"{counts[status]:>5} {status}" for status in STATUSES if counts[status])
            print(f"{row:<36}{shown}", *(indent(line, "    ") for line in failures), sep="\n", flush=True)
    result = {**{status: total[status] for status in STATUSES}, "reasons": absent, "rows": rows}
    shared.show(args, result, lambda: "\n".join(ends(total, absent)))
    return 1 if total["failed"] or not total["passed"] else 0


def ends(total: Counter[str], absent: Counter[str]) -> Iterator[str]:
    """The last lines: the reasons of absent checks, and the totals."""
    for reason, count in absent.items():
        yield f"{count} absent: {reason}"
    yield f"{total['passed']} passed, {total['failed']} failed"
