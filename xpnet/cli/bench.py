"""`xpnet bench`: microseconds of a training step and of a prediction, on each backend that is here."""

from __future__ import annotations

import argparse
import math
from typing import Any

from . import shared

SIZES: dict[str, tuple[tuple[int, ...], int]] = {
    "small": ((64, 64, 10), 32),
    "medium": ((784, 256, 128, 10), 128),
    "large": ((784, 1024, 1024, 10), 256),
}
"""By name: the units of each layer from the inputs to the outputs, and the batch size."""
NOISY_SPREAD = 0.15
"""A relative spread above which a time proves nothing."""


def options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--backend",
        action="append",
        metavar="NAME",
        help="numpy, cupy, torch, jax...; may be repeated (default: all that are installed)",
    )
    add("--device", metavar="NAME", help="such as cpu or cuda:1 (default: each backend's own)")
    add(
        "--size",
        default="all",
        choices=(*SIZES, "all"),
        help="of the network: " + ", ".join(map(_name, SIZES)) + " (default: %(default)s)",
    )
    add(
        "--seconds",
        type=seconds,
        default=0.5,
        metavar="S",
        help="at least, of each of the measurements (default: %(default)s)",
    )


def seconds(text: str) -> float:
    """A positive number of seconds."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number of seconds")
    return found


def run(args: argparse.Namespace) -> int:
    shared.settle()

    from .. import backends
    from ..machine import timing

    for name in args.backend or ():
        backends.find(name)  # a wrong name is an error before the first measurement
    absent = {}
    if args.backend:
        chosen = list(dict.fromkeys(args.backend))
    else:
        found = backends.available(probe=True)
        chosen = [name for name, usable in found.items() if usable]
        absent = {name: usable.reason for name, usable in found.items() if not usable}
    rows = []
    for size in SIZES if args.size == "all" else (args.size,):
        for name in chosen:
            backend = backends.get(name, args.device)
            shared.say(args, f"{name} on {backend.device_name}: {_name(size)}")
            rows.append(timing.measure(backend, *SIZES[size], at_least=args.seconds))
    result = {"seconds": args.seconds, "repeats": timing.REPEATS, "rows": rows, "absent": absent}
    shared.show(args, result, lambda: table(result))
    return 0


def table(result: dict[str, Any]) -> str:
    """The result as text."""
    head = ("network, batch", "backend", "us/step", "spread", "us/predict", "spread", "natives")
    lines = [
        (
            f"{row['network']}, {row['batch']}",
            f"{row['backend']} {row['device']}",
            f"{row['step_us']:,.1f}",
            f"{row['step_spread']:.0%}",
            f"{row['predict_us']:,.1f}",
            f"{row['predict_spread']:.0%}",
            row["natives"],
        )
        for row in result["rows"]
    ]
    shown = [shared.table([head, *lines], right=range(2, 6))]
    if any(max(row["step_spread"], row["predict_spread"]) > NOISY_SPREAD for row in result["rows"]):
        shown.append(
            f"the machine was too noisy to conclude anything where the spread is above {NOISY_SPREAD:.0%}"
        )
    shown += [f"absent: {name} ({reason})" for name, reason in result["absent"].items()]
    return "\n".join(shown)


def _name(size: str) -> str:
    sizes, batch = SIZES[size]
    return f"{size} {'-'.join(map(str, sizes))}, batch {batch}"
