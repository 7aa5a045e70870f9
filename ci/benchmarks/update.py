"""The speed-up of the NumPy backend's fused update over its portable twin.

    python ci/benchmarks/update.py [--json FILE]

For each optimizer and size: microseconds of one update of one array, medians of interleaved repeats in one
process on one core, their ratio, and whether the results have the same bits.
"""

import argparse
import json
import os
import statistics
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from xpnet import optim
from xpnet.backends import fused_update
from xpnet.compiler.loading import available

OPTIMIZERS = {
    "sgd, momentum": optim.sgd(0.1, momentum=0.9),
    "adam": optim.adam(),
    "adamw": optim.adamw(),
    "rmsprop": optim.rmsprop(),
}
SIZES = (640, 10_000, 100_000, 1_000_000)


def one(optimizer, size, dtype="float32", repeats=30):
    """(portable, fused) medians in microseconds, and whether one update gives the same bits."""
    rng = np.random.default_rng(0)
    grads = {"w": rng.standard_normal(size).astype(dtype)}
    part = optim.Part(optimizer)
    scalars = part.scalars(np, np.asarray(optimizer.peak, dtype), np.asarray(10, dtype))

    def fresh():
        drawn = np.random.default_rng(1)
        slots = {slot: {"w": drawn.random(size).astype(dtype)} for slot in part.slots}
        return {"w": drawn.standard_normal(size).astype(dtype)}, slots

    both = {"portable": optim.update_each, "fused": fused_update.update}
    results = {
        name: update(part.rule, fresh()[0], grads, fresh()[1], scalars) for name, update in both.items()
    }
    same = np.array_equal(results["portable"][0]["w"], results["fused"][0]["w"])
    count = max(1, int(2e6 / size / 20))
    times = {name: [] for name in both}
    for _ in range(repeats):
        for name, update in both.items():
            params, slots = results[name]
            start = time.perf_counter()
            for _ in range(count):
                params, slots = update(part.rule, params, grads, slots, scalars)
            times[name].append((time.perf_counter() - start) / count * 1e6)
            results[name] = params, slots
    return statistics.median(times["portable"]), statistics.median(times["fused"]), same


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", metavar="FILE", help="also write the rows as JSON")
    args = parser.parse_args()
    if not available():
        print("absent: numba is not installed: pip install 'xpnet[fast]'")
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows = []
    print("| optimizer | elements | portable, us | fused, us | ratio | same bits |")
    print("|---|---:|---:|---:|---:|---|")
    for name, optimizer in OPTIMIZERS.items():
        for size in SIZES:
            portable, quick, same = one(optimizer, size)
            rows.append(
                {"optimizer": name, "elements": size, "portable": portable, "fused": quick, "same": same}
            )
            ratio, shown = portable / quick, "yes" if same else "NO"
            print(f"| {name} | {size:,} | {portable:.1f} | {quick:.1f} | {ratio:.1f} | {shown} |", flush=True)
    if args.json:
        with open(args.json, "w") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
