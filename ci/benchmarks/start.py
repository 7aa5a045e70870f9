"""Costs of xpnet beside its steps: start, import, a prediction, memory, and a busy machine.

    python ci/benchmarks/start.py [--json FILE] [--quick]

Every measurement is in fresh processes, interleaved with what it is compared with; medians. See README.md.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "workers"))

from contest import figures, kernel, processes, rounds
from contest.processes import Contestant, GoneError, Worker
from task import TASKS

STARTS = {
    "python": "pass",
    "numpy": "import numpy",
    "xpnet": "import xpnet",
    "model": "import xpnet; xpnet.Model",
}
PROMISED = "import numpy + 0.35 s"
TRAIN = ("-m", "xpnet", "train", "digits", "--epochs", "1", "-q", "--json", "--no-save")
CROWDED = {
    "xpnet numpy": Contestant("xpnet numpy", "peer_xpnet.py", "numpy", ours=True),
    "scikit-learn": Contestant("scikit-learn", "peer_sklearn.py"),
}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--seconds", type=float, default=0.5, help="at least, of each measurement (default: 0.5)"
    )
    parser.add_argument("--repeats", type=int, default=11, help="of which the medians count (default: 11)")
    parser.add_argument("--json", metavar="FILE", help="also write everything as JSON")
    parser.add_argument("--quick", action="store_true", help="an instant: shows that it runs, no more")
    args = parser.parse_args()
    if args.quick:
        args.seconds, args.repeats = 0.02, 2
    if args.seconds <= 0 or args.repeats < 2:
        parser.error("--seconds must be positive, and --repeats 2 at least")
    return args


def main() -> int:
    args = options()
    contest = rounds.Contest()
    core = {processes.quietest(processes.all_cores())}
    floor = contest.entries["floor"] = rounds.Entry("floor", "floor", Worker(kernel.FLOOR, core, 1, None))
    try:
        floor.worker.learn(TASKS["small"])
        rounds.mark(contest, args.seconds)
        rows = start(args.repeats)
        rounds.mark(contest, args.seconds)
        rows += predictions(args, core) + single(args, core)
        rounds.mark(contest, args.seconds)
        rows += memory(args) + crowd(args)
        rounds.mark(contest, args.seconds)
    finally:
        floor.worker.close()
    print("# What xpnet costs beside its steps\n")
    if args.quick:
        print("**A quick run: it shows that everything runs, and its times prove nothing.**\n")
    noisy = contest.noisy
    print(table(rows, noisy))
    print(f"\n- {figures.verdict(contest.marks)}")
    if args.json:
        result = {"quick": args.quick, "noisy": noisy, "floor_marks": contest.marks, "rows": rows}
        Path(args.json).write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    return 0


def row(what, found, unit, against, other, ratio=None, *, limit=None, times=()) -> dict:
    """A line of the table: found, what it is held against, and their ratio (or difference) with its limit."""
    return {
        "what": what,
        "found": found,
        "unit": unit,
        "against": against,
        "other": other,
        "ratio": found / other if ratio is None and other else ratio,
        "limit": limit,
        "spread": figures.spread(times),
    }


def start(repeats) -> list[dict]:
    """Cold starts: seconds of whole processes, as the system starts them."""
    taken = {name: [] for name in (*STARTS, "train", "epoch")}
    for number in range(repeats + 1):
        rounds.say(f"starts: {number} of {repeats}")
        for name, code in STARTS.items():
            taken[name].append(wall("-c", code)[0])
        seconds, said = wall(*TRAIN)
        result = json.loads(said)
        taken["train"].append(seconds)
        taken["epoch"].append(result["first_epoch_seconds"])
    taken = {name: times[1:] for name, times in taken.items()}  # the first round reads the disk
    median = {name: statistics.median(times) for name, times in taken.items()}
    numpy, backend = median["numpy"], result["backend"]
    epoch = f"start of the process to the end of the first epoch of digits ({backend})"
    return [
        row("python -c pass", median["python"], "s", "", None, times=taken["python"]),
        row("import numpy", numpy, "s", "", None, times=taken["numpy"]),
        row("import xpnet", median["xpnet"], "s", "import numpy", numpy, limit=1.2, times=taken["xpnet"]),
        row("import xpnet; xpnet.Model", median["model"], "s", "import numpy", numpy, times=taken["model"]),
        row(epoch, median["epoch"], "s", PROMISED, numpy + 0.35, limit=1.0, times=taken["epoch"]),
        row("the whole command", median["train"], "s", "import numpy", numpy, times=taken["train"]),
    ]


def wall(*arguments) -> tuple[float, str]:
    """(seconds, standard output) of a Python process."""
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return time.perf_counter() - begun, done.stdout


def alone(what, size, seconds, cores) -> dict:
    """The output of workers/alone.py, pinned to cores and on one thread."""
    done = subprocess.run(
        [sys.executable, str(processes.WORKERS / "alone.py"), what, size, str(seconds)],
        stdout=subprocess.PIPE,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=lambda: processes.pin(cores),
        check=True,
    )
    return json.loads(done.stdout)


def predictions(args, core) -> list[dict]:
    """One-row predictions against the bare NumPy expression."""
    rows = []
    for size in ("small",) if args.quick else ("small", "medium"):
        rounds.say(f"predictions: {TASKS[size].name}")
        us = alone("predict", size, args.seconds, core)
        what, beside = f"predict one row, {TASKS[size].name}", ("the bare NumPy expression", us["bare_us"])
        rows.append(row(what, us["predict_us"], "us", *beside, limit=2.0))
        rows.append(row(f"{what}, trained without natives", us["portable_us"], "us", *beside))
    return rows


def single(args, core) -> list[dict]:
    """A step of a tiny network."""
    rounds.say("one sample at a time")
    times = [alone("one", "small", args.seconds, core)["us"] for _ in range(2 if args.quick else 5)]
    found = statistics.median(times)
    return [row("a step of 2-3-1, one sample", found, "us", "30 us", 30.0, limit=1.0, times=times)]


def memory(args) -> list[dict]:
    """Peak memory of a training."""
    size = "small" if args.quick else "large"
    rounds.say("memory")
    found = alone("peak", size, 0, processes.all_cores())
    peak, needed, kept = (found[name] / 2**20 for name in ("peak", "needed", "kept"))
    name, against = TASKS[size].name, "parameters, gradients, slots, activations"
    return [
        row(f"peak memory of fit, {name}", peak, "MiB", against, needed),
        row("... without the state an epoch goes back to", peak - kept, "MiB", against, needed, limit=1.2),
    ]


def crowd(args) -> list[dict]:
    """Steps while every core is kept busy by other processes, against quiet time; threads by the library's choice."""
    given, cores, rows = TASKS["small" if args.quick else "medium"], processes.all_cores(), []
    for title, contestant in CROWDED.items():
        rounds.say(f"a busy machine: {title}")
        worker, quiet, busy = Worker(contestant, cores, None, None), [], []
        try:
            worker.learn(given)
            for _ in range(1 if args.quick else 3):
                quiet.append(worker.time(args.seconds)[0])
                others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in cores]
                try:
                    time.sleep(0.2)
                    busy.append(worker.time(args.seconds)[0])
                finally:
                    for other in others:
                        other.kill()
                        other.wait()
        except GoneError as gone:
            if contestant.ours:
                raise
            rounds.say(f"{title} is absent: {gone}")
            continue
        finally:
            worker.close()
        found, other = statistics.median(busy), statistics.median(quiet)
        limit = 3.0 if contestant.ours else None
        what = f"a step of {title}, every core busy, {given.name}"
        rows.append(row(what, found, "us", "the same in quiet", other, limit=limit, times=busy))
    return rows


def table(rows, noisy) -> str:
    """The rows as Markdown."""
    lines = []
    for one in rows:
        ratio, limit = one["ratio"], one["limit"]
        held = ""
        if limit is not None:
            held = "too noisy" if noisy and one["unit"] != "MiB" else "met" if ratio <= limit else "missed"
            held = f"<= {limit:g}, {held}"
        lines.append(
            (
                one["what"],
                amount(one["found"], one["unit"]),
                f"{one['spread']:.0%}" if one["spread"] else "",
                one["against"],
                "" if one["other"] is None else amount(one["other"], one["unit"]),
                "" if ratio is None else f"{ratio:.2f}",
                held,
            )
        )
    return figures.table(("what", "found", "spread", "against", "that", "ratio", "target"), lines)


def amount(value, unit) -> str:
    """A number with its unit."""
    return f"{figures.us(value)} us" if unit == "us" else f"{value:.{3 if unit == 's' else 1}f} {unit}"


if __name__ == "__main__":
    sys.exit(main())
