"""Costs of training on samples that stay in a file: seconds and memory, beside the same samples in memory.

    python ci/benchmarks/stream.py [--cores one] [--json FILE] [--quick]

784-256-128-10, batches of 128, float32, the numpy backend, each training in a process of its own. See README.md.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from contest import figures, processes

WAYS = {"memory": "in memory", "file": "mapped", "batches": "batches from a function"}
FEATURES = 784
WORKER = Path(__file__).parent / "workers" / "streamed.py"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--cores", choices=("one", "all"), default="all", help="that each is pinned to (default: all)")
    add(
        "--samples",
        type=int,
        default=50_000,
        help="in the smaller file, a quarter of the larger (default: 50000)",
    )
    add("--repeats", type=int, default=3, help="rounds, of which the medians count (default: 3)")
    add("--bound", type=int, default=96, metavar="MIB", help="of memory for the larger file (default: 96)")
    add("--json", metavar="FILE", help="also write everything as JSON")
    add("--quick", action="store_true", help="a few samples: shows that it runs, no more")
    args = parser.parse_args()
    if args.quick:
        args.samples, args.repeats = 1_000, 1
    if args.samples < 1_000 or args.repeats < 1 or args.bound < 1:
        parser.error("--samples must be 1000 or more, --repeats and --bound positive")
    return args


def main() -> int:
    args = options()
    everywhere = processes.all_cores()
    cores = everywhere if args.cores == "all" else {processes.quietest(everywhere)}
    sizes = (args.samples, 4 * args.samples)
    with tempfile.TemporaryDirectory() as place:
        folders = {n: write(Path(place) / str(n), n) for n in sizes}
        found = {n: {way: [] for way in WAYS} for n in sizes}
        for number in range(args.repeats):
            for n, folder in folders.items():
                for way in WAYS:
                    say(f"round {number + 1} of {args.repeats}: {n:,} samples, {WAYS[way]}")
                    found[n][way].append(train(way, folder, cores))
        bounded = {way: train(way, folders[sizes[1]], cores, bound=args.bound) for way in WAYS}
    rows = [row(n, found[n]) for n in sizes]
    result = {"quick": args.quick, "cores": len(cores), "bound": args.bound, "rows": rows}
    result["refused"] = {way: one["refused"] for way, one in bounded.items()}
    print(shown(result))
    if args.json:
        Path(args.json).write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    return int(not all(one["same"] for one in rows))


def write(folder, n) -> Path:
    """n samples in a folder, written a few at a time."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    shape = (n, FEATURES)
    x = np.lib.format.open_memmap(folder / "x.npy", mode="w+", dtype="float32", shape=shape)
    for start in range(0, n, 1_000):
        x[start : start + 1_000] = rng.standard_normal((min(1_000, n - start), FEATURES), dtype="float32")
    x.flush()
    np.save(folder / "y.npy", rng.integers(0, 10, n))
    return folder


def train(way, folder, cores, *, bound=0) -> dict:
    """A training's seconds an epoch, digest, and MiB of its own memory at the peak, beyond what it began with."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(WORKER), way, str(folder), "2", str(bound)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=lambda: processes.pin(cores),
    ) as worker:
        if worker.stdout.readline() != "begins\n":
            sys.exit(f"{way}: the worker ended before it began")
        begun = reached = own(worker.pid)
        print("go", file=worker.stdin, flush=True)
        while worker.poll() is None:
            reached = max(reached, own(worker.pid))
            time.sleep(0.002)
        said = worker.stdout.read()
    if worker.returncode:
        sys.exit(f"{way}: the worker ended with status {worker.returncode}")
    return {**json.loads(said), "mib": (reached - begun) / 2**20}


def own(pid) -> int:
    """Bytes of memory that a process has to itself: without the pages of files, which the system can take back."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it has just ended, or this is not Linux
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon")), 0)


def row(n, found) -> dict:
    """A line of the table; of each training the quicker of its epochs counts."""
    times = {way: [min(one["seconds"]) for one in runs] for way, runs in found.items()}
    return {
        "samples": n,
        "file_mib": n * FEATURES * 4 / 2**20,
        "seconds": {way: statistics.median(taken) for way, taken in times.items()},
        "ratios": {way: figures.ratio(taken, times["memory"]) for way, taken in times.items()},
        "spreads": {way: figures.spread(taken) for way, taken in times.items()},
        "mib": {way: max(one["mib"] for one in runs) for way, runs in found.items()},
        "same": len({one["digest"] for way in ("memory", "file") for one in found[way]}) == 1,
    }


def shown(result) -> str:
    """Everything as Markdown."""
    small, large = result["rows"]
    head = ("way", "samples", "file, MiB", "s an epoch", "spread", "/ in memory", "own memory, MiB")
    lines = []
    for way, title in WAYS.items():
        for one in result["rows"]:
            numbers = f"{one['samples']:,}", f"{one['file_mib']:,.0f}", f"{one['seconds'][way]:.2f}"
            ratio, spread = f"{one['ratios'][way]:.2f}", f"{one['spreads'][way]:.0%}"
            lines.append((title, *numbers, spread, ratio, f"{one['mib'][way]:,.0f}"))
    grown = [f"{large['seconds'][way] / small['seconds'][way]:.2f} ({title})" for way, title in WAYS.items()]
    ends = [
        f"{WAYS[way]}: {'no memory' if refused else 'trains'}" for way, refused in result["refused"].items()
    ]
    quick = "**A quick run: it shows that everything runs, and its times prove nothing.**\n"
    more = f"where the process may have {result['bound']} MiB more than at its start"
    return "\n".join(
        [
            "# Larger than memory\n",
            *([quick] if result["quick"] else []),
            figures.table(head, lines),
            "",
            f"- the time for four times the samples, as a multiple: {', '.join(grown)}",
            f"- same bits in memory and mapped: {'yes' if small['same'] and large['same'] else '**NO**'}",
            f"- {large['file_mib']:,.0f} MiB of samples {more}: {', '.join(ends)}",
        ]
    )


def say(what) -> None:
    """Progress, on standard error."""
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
