"""Microseconds a training step of xpnet and of its peers, side by side, and the ratios between them.

    python ci/benchmarks/peers.py [--cores all] [--size medium] [--build PATH] [--json FILE] [--quick]

Each contestant is a process of its own, pinned, with the same samples in the same order, the same initial
weights and the same number of steps; one runs at a time. See README.md beside this file. Exit status 1: one
of xpnet's failed, or a contestant did not learn.
"""

import argparse
import json
import os
import platform
import re
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "workers"))

from contest import builds, figures, kernel, processes, rounds
from contest.processes import Contestant
from task import TASKS, Task

CPU = {"JAX_PLATFORMS": "cpu"}
CONTESTANTS = {
    "floor": kernel.FLOOR,
    "numpy": Contestant("xpnet numpy", "peer_xpnet.py", "numpy", ours=True),
    "numpy-portable": Contestant("xpnet numpy, no Numba", "peer_xpnet.py", "portable", ours=True),
    "jax": Contestant("xpnet jax", "peer_xpnet.py", "jax", ours=True, environment=CPU),
    "torch": Contestant("xpnet torch", "peer_xpnet.py", "torch", ours=True, tuned=True),
    "cupy": Contestant("xpnet cupy", "peer_xpnet.py", "cupy", ours=True),
    "jax-scan": Contestant("JAX scan", "peer_jax.py", "scan", environment=CPU),
    "jax-jit": Contestant("JAX jit", "peer_jax.py", "jit", environment=CPU),
    "torch-eager": Contestant("PyTorch eager", "peer_torch.py", "eager", tuned=True),
    "torch-compile": Contestant("torch.compile", "peer_torch.py", "compile", tuned=True),
    "torch-cuda": Contestant("PyTorch eager, CUDA", "peer_torch.py", "cuda"),
    "sklearn": Contestant("scikit-learn", "peer_sklearn.py", tuned=True),
}
SLOW = ("torch-compile",)
"""Takes too long to start for --quick."""

LEARNING = ("small", "medium", "large")
"""The tasks that targets are set for."""
PLAIN = ("jax-jit", "torch-eager", "torch-compile", "sklearn")
TARGETS = (
    ("numpy", PLAIN, {"small": 0.8, "medium": 0.95, "large": 1.0}),
    ("numpy", ("jax-scan",), {"medium": 1.0, "large": 1.05}),
    ("numpy", ("floor",), {"small": 3.0, "medium": 1.3, "large": 1.2}),
    ("numpy-portable", ("sklearn",), dict.fromkeys(LEARNING, 1.0)),
    ("numpy-portable", ("torch-eager",), dict.fromkeys(LEARNING, 1.0)),
    ("jax", ("jax-scan",), dict.fromkeys(LEARNING, 1.05)),
    ("torch", ("torch-eager",), dict.fromkeys(LEARNING, 1.0)),
    ("cupy", ("torch-cuda",), dict.fromkeys(LEARNING, 1.0)),
)
"""(whose time, over the best of whose, at most what by size); the one to the floor holds on one core."""


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--cores", choices=("one", "all"), default="one", help="that each is pinned to (default: one)")
    add(
        "--size",
        type=size,
        default="all",
        help=f"{', '.join(TASKS)}, or units and batch such as 784-512-512-10:128 (default: all)",
    )
    add("--seconds", type=float, default=0.5, help="at least, of each measurement (default: 0.5)")
    add("--repeats", type=int, help="rounds, of which the medians count (default: 7, with --build 15)")
    add(
        "--build",
        type=checkout,
        metavar="PATH",
        help="another checkout of xpnet, beside each of ours that --only names (default: numpy), and no peer",
    )
    add(
        "--only", action="append", choices=CONTESTANTS, metavar="NAME", help="some: " + ", ".join(CONTESTANTS)
    )
    add("--json", metavar="FILE", help="also write everything as JSON")
    add(
        "--quick",
        action="store_true",
        help="for an instant, the small network unless --size: shows that it runs",
    )
    args = parser.parse_args()
    if args.build and not args.only:
        args.only = ["numpy"]
    if args.repeats is None:
        args.repeats = 15 if args.build else 7
    if args.quick:
        args.size, args.seconds, args.repeats = "small" if args.size == "all" else args.size, 0.02, 3
    if args.seconds <= 0 or args.repeats < 1:
        parser.error("--seconds and --repeats must be positive")
    return args


def checkout(text: str) -> Path:
    """The root of a checkout of xpnet."""
    if not (Path(text) / "xpnet" / "__init__.py").is_file():
        raise argparse.ArgumentTypeError(f"{text!r} is no checkout of xpnet: it has no xpnet/__init__.py")
    return Path(text).resolve()


def size(text: str) -> str:
    """A task's name, or "all"; one more task where it is units and a batch."""
    if text not in (*TASKS, "all"):
        if not re.fullmatch(r"[1-9]\d*(-[1-9]\d*)+:[1-9]\d*", text):
            names = ", ".join(map(repr, (*TASKS, "all")))
            raise argparse.ArgumentTypeError(f"{text!r} is none of {names} and no '784-512-512-10:128'")
        units, batch = text.split(":")
        sizes = tuple(map(int, units.split("-")))
        # a wide network learns soon, and later on the order of the samples tells
        TASKS[text] = Task(sizes, int(batch), learn=max(2, 256 // max(sizes)))
    return text


def main() -> int:
    args = options()
    everywhere = processes.all_cores()
    cores = everywhere if args.cores == "all" else {processes.quietest(everywhere)}
    best, kernels = kernel.choose(TASKS["small" if args.quick else "medium"], cores, args.seconds)
    result = {
        "machine": f"{platform.machine()}, {processor()}",
        "python": platform.python_version(),
        "cores": args.cores,
        "pinned": sorted(cores) if hasattr(os, "sched_setaffinity") else None,
        "quick": args.quick,
        "seconds": args.seconds,
        "repeats": args.repeats,
        "kernel": {"chosen": best or "default", "us": kernels},
        "networks": {},
    }
    print(heading(result), flush=True)
    chosen = {key: one for key, one in CONTESTANTS.items() if not args.only or key in (*args.only, "floor")}
    if args.quick and not args.only:
        chosen = {key: one for key, one in chosen.items() if key not in SLOW}
    if args.build:
        chosen = builds.beside(chosen, args.build)
    contests, status = {}, 0
    for size in TASKS if args.size == "all" else (args.size,):
        how = {"cores": cores, "kernel": best, "seconds": args.seconds, "repeats": args.repeats}
        contest = contests[size] = rounds.compete(chosen, TASKS[size], **how)
        result["networks"][size] = found(TASKS[size], contest)
        print(shown(TASKS[size], contest), flush=True)
        status |= bool(contest.failed or any(entry.strayed for entry in contest.entries.values()))
    result["targets"] = targets(contests, one_core=len(cores) == 1)
    print(against(result["targets"]))
    if args.build:
        commits = {"new": builds.commit(builds.OURS), "old": builds.commit(args.build)}
        result["build"] = {"commits": commits, "limit": builds.LIMIT, "rows": builds.ratios(contests)}
        print(builds.shown(result["build"]["rows"], TASKS))
        print("\nnew is {new}, old is {old}.".format(**commits))
    if args.json:
        Path(args.json).write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    return status


def processor() -> str:
    """The processor's name, where Linux tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "an unknown processor"


def heading(result) -> str:
    """The machine and the libraries of a measurement."""
    count = len(processes.all_cores())
    where = "One core" if result["cores"] == "one" else f"All {count} cores"
    rounds = f"{result['repeats']} rounds of at least {result['seconds']} s"
    us = ", ".join(f"{name} {figures.us(time)}" for name, time in result["kernel"]["us"].items())
    lines = [
        f"{where} of {result['machine']}; Python {result['python']}; float32, Adam, cross-entropy; {rounds}.",
        f"OpenBLAS kernel for everyone: {result['kernel']['chosen']}" + (f" (us: {us})." if us else "."),
    ]
    if result["quick"]:
        lines.append("**A quick run: it shows that everything runs, and its times prove nothing.**")
    return "\n".join(lines)


def found(task, contest) -> dict:
    """A contest for JSON."""
    return {
        "network": task.name,
        "batch": task.batch,
        "floor_marks": contest.marks,
        "noisy": contest.noisy,
        "rows": [entry.row() for entry in contest.entries.values()],
        "absent": contest.absent,
        "failed": contest.failed,
    }


def shown(task, contest) -> str:
    """A contest as Markdown."""
    entries = contest.entries
    ours, floor = entries.get("numpy"), entries.get("floor")
    rows = []
    for entry in entries.values():
        loss = "" if entry.loss is None else f"{entry.loss:.4f}"
        to_floor = f"{figures.ratio(entry.times, floor.times):.2f}" if floor else ""
        ours_to_it = f"{figures.ratio(ours.times, entry.times):.2f}" if ours else ""
        threads = entry.worker.threads or "its own"
        rows.append(
            (
                entry.title,
                figures.us(entry.us),
                f"{figures.spread(entry.times):.0%}",
                to_floor,
                ours_to_it,
                threads,
                loss,
            )
        )
    head = ("contestant", "us a step", "spread", "/ floor", "xpnet numpy / it", "threads", "loss")
    lines = [f"\n## {task.name}, batch {task.batch}\n", figures.table(head, rows), ""]
    lines += [f"- {figures.verdict(contest.marks, contest.floor)}"] if contest.marks else []
    lines += [f"- **{entry.title} {entry.strayed}**" for entry in entries.values() if entry.strayed]
    lines += [f"- **failed: {title}**" for title in contest.failed]
    lines += [f"- absent: {title} ({reason})" for title, reason in contest.absent.items()]
    lines += [f"- {entry.title}: {entry.about}" for entry in entries.values()]
    return "\n".join(lines)


def targets(contests, *, one_core) -> list[dict]:
    """Each target with the measured ratio, by size; None where a contestant was absent."""
    rows = []
    for ours, peers, limits in TARGETS:
        row = {"ours": ours, "peers": list(peers), "ratios": {}}
        for size, contest in contests.items():
            limit = limits.get(size) if one_core or peers != ("floor",) else None
            mine = contest.entries.get(ours)
            others = [contest.entries[peer] for peer in peers if peer in contest.entries]
            if not mine or not others:
                continue
            best = min(others, key=lambda entry: entry.us)
            ratio = figures.ratio(mine.times, best.times)
            verdict = "printed" if limit is None else "met" if ratio <= limit else "missed"
            row["ratios"][size] = {
                "ratio": ratio,
                "to": best.key,
                "limit": limit,
                "verdict": "too noisy" if contest.noisy and limit is not None else verdict,
            }
        if row["ratios"]:
            rows.append(row)
    return rows


def against(rows) -> str:
    """The targets as Markdown."""
    title = {key: contestant.title for key, contestant in CONTESTANTS.items()}
    sizes = [size for size in TASKS if any(size in row["ratios"] for row in rows)]
    lines = []
    for row in rows:
        cells = []
        for size in sizes:
            one = row["ratios"].get(size)
            limit = "" if not one or one["limit"] is None else f" (<= {one['limit']}, {one['verdict']})"
            cells.append(f"{one['ratio']:.2f}{limit}" if one else "")
        many = "the best of " if len(row["peers"]) > 1 else ""
        lines.append((f"{title[row['ours']]} / {many}{', '.join(title[p] for p in row['peers'])}", *cells))
    return "\n## Ratios against their targets\n\n" + figures.table(
        ("times", *(TASKS[size].name for size in sizes)), lines
    )


if __name__ == "__main__":
    sys.exit(main())
