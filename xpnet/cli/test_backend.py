"""`xpnet test-backend`: the whole table of checks on one backend."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from itertools import groupby
from textwrap import indent

from . import UsageError

STATUSES = ("passed", "failed", "absent")


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="a backend: numpy, strict, torch, jax, cupy, or an installed package's")
    parser.add_argument("--device", metavar="NAME", help="such as cpu or cuda:1 (default: the backend's own)")


def run(args: argparse.Namespace) -> int:
    os.environ.setdefault("JAX_ENABLE_X64", "1")  # JAX reads it when it loads, and has no float64 without it

    from .. import backends, testing

    testing.register_doubles()
    try:
        backends.find(args.name)
    except ValueError as error:
        raise UsageError(str(error)) from None

    total: Counter[str] = Counter()
    absent: Counter[str] = Counter()
    for row, group in groupby(testing.run_table(args.name, args.device), key=lambda outcome: outcome.row):
        outcomes = list(group)
        counts = Counter(outcome.status for outcome in outcomes)
        total += counts
        absent += Counter(outcome.message for outcome in outcomes if outcome.status == "absent")
        shown = "".join(f"{counts[status]:>5} {status}" for status in STATUSES if counts[status])
        print(f"{row:<36}{shown}", flush=True)
        for outcome in outcomes:
            if outcome.status == "failed":
                print(indent(f"{outcome.check}, {outcome.dtype}: {outcome.message}", "    "), flush=True)
    for reason, count in absent.items():
        print(f"{count} absent: {reason}")
    print(f"{total['passed']} passed, {total['failed']} failed")
    return 1 if total["failed"] or not total["passed"] else 0
