"""`xpnet bench`: microseconds of a training step and of a prediction, on each backend that is here."""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from . import UsageError

SIZES: dict[str, tuple[tuple[int, ...], int]] = {
    "small": ((64, 64, 10), 32),
    "medium": ((784, 256, 128, 10), 128),
    "large": ((784, 1024, 1024, 10), 256),
}
"""Units from the inputs to the outputs, and samples in a batch."""
STEPS, REPEATS = 64, 5
"""Steps in an epoch; measurements, of which the median counts."""
NOISY = 0.15
"""A spread above which a time says nothing."""


def options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--backend",
        action="append",
        metavar="NAME",
        help="numpy, cupy, torch, jax...; may be given again (default: all that are here)",
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
        help=f"at least, of each of {REPEATS} measurements (default: %(default)s)",
    )
    add("--json", action="store_true", help="print the result as one JSON object")


def seconds(text: str) -> float:
    """A positive number of seconds."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number of seconds")
    return found


def run(args: argparse.Namespace) -> int:
    if "OMP_NUM_THREADS" not in os.environ:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `xpnet train` does

    from .. import backends

    absent = {}
    for name in args.backend or ():
        try:
            backends.find(name)
        except ValueError as error:
            raise UsageError(str(error)) from None
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
            print(f"{name} on {backend.place}: {_name(size)}", file=sys.stderr, flush=True)
            rows.append(measure(backend, *SIZES[size], at_least=args.seconds))
    result = {"seconds": args.seconds, "repeats": REPEATS, "rows": rows, "absent": absent}
    print(json.dumps(result, allow_nan=False) if args.json else table(result))
    return 0


def measure(backend: Any, sizes: tuple[int, ...], batch: int, *, at_least: float) -> dict[str, Any]:
    """A row of the result: times in microseconds, medians with their spread (interquartile range / median)."""
    import xpnet as xn

    x, y = samples(sizes[0], sizes[-1], STEPS * batch)
    model = xn.Model(
        xn.Sequential(*(xn.Dense(units, "relu") for units in sizes[1:-1]), xn.Dense(sizes[-1])),
        loss="softmax_cross_entropy",
        optimizer=xn.adam(1e-3),
        backend=backend,
    )
    clock = Clock(at_least)
    model.fit(x, y, epochs=10**6, batch_size=batch, callbacks=[clock])
    predicts = list(timed(lambda: model.predict(x[:1]), at_least))
    return {
        "backend": backend.name,
        "device": backend.place,
        "network": "-".join(map(str, sizes)),
        "batch": batch,
        "step_us": statistics.median(clock.times),
        "step_spread": spread(clock.times),
        "predict_us": statistics.median(predicts),
        "predict_spread": spread(predicts),
        "losses": [model.history["loss"][0], model.history["loss"][-1]],
        "natives": natives(model),
    }


def samples(inputs: int, classes: int, n: int) -> tuple[Any, Any]:
    """(x, y): classes that overlap a little, so that there is something to learn."""
    import numpy as np

    rng = np.random.default_rng(0)
    y = rng.integers(0, classes, n)
    x = rng.standard_normal((classes, inputs))[y] * 0.3 + rng.standard_normal((n, inputs))
    return x.astype("float32"), y


class Clock:
    """A callback: microseconds a step of each measurement; ends the training after the last.

    A measurement is as many whole epochs as take `at_least` seconds; the first epoch, which may compile,
    belongs to none.
    """

    def __init__(self, at_least: float) -> None:
        self.at_least, self.times = at_least, list[float]()
        self.begun, self.epochs = 0.0, -1

    def __call__(self, model: Any, record: dict[str, Any]) -> bool:
        model.backend.synchronize()
        now = time.perf_counter()
        self.epochs += 1
        if self.epochs and now - self.begun >= self.at_least:
            self.times.append((now - self.begun) / (self.epochs * STEPS) * 1e6)
            self.epochs = 0
        if not self.epochs:
            self.begun = time.perf_counter()
        return len(self.times) == REPEATS


def timed(call: Callable[[], Any], at_least: float) -> Iterator[float]:
    """Microseconds of a call: medians of `at_least` seconds of calls each."""
    call()
    for _ in range(REPEATS):
        times, begun = list[float](), time.perf_counter()
        while not times or time.perf_counter() - begun < at_least:
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        yield statistics.median(times) * 1e6


def natives(model: Any) -> str:
    """What a model's training ran on, in a word: "portable", or what compiled its natives."""
    return str(model.updates)


def spread(times: list[float]) -> float:
    """The interquartile range over the median."""
    low, middle, high = statistics.quantiles(times, n=4, method="inclusive")
    return (high - low) / middle


def table(result: dict[str, Any]) -> str:
    """The result for people to read."""
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
    wide = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    shown = []
    for line in (head, *lines):
        cells = [
            f"{cell:>{width}}" if 2 <= i < 6 else f"{cell:<{width}}"
            for i, (cell, width) in enumerate(zip(line, wide, strict=True))
        ]
        shown.append("  ".join(cells).rstrip())
    if any(max(row["step_spread"], row["predict_spread"]) > NOISY for row in result["rows"]):
        shown.append(f"the machine was too noisy to conclude where the spread is above {NOISY:.0%}")
    shown += [f"absent: {name} ({reason})" for name, reason in result["absent"].items()]
    return "\n".join(shown)


def _name(size: str) -> str:
    sizes, batch = SIZES[size]
    return f"{size} {'-'.join(map(str, sizes))}, batch {batch}"
