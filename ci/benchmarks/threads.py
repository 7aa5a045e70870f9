"""BLAS threads: their gain on a quiet machine, their cost on a busy one, and their effect on the bits.

    python ci/benchmarks/threads.py [--json FILE] [--only quiet busy bits]

`xpnet.backends.numpy.blas` has its rule from here. The products are those of one training step: forward, the
derivative by the weights, and by the input of every layer but the first. Two minutes; needs threadpoolctl, and Numba
for the last figure in quiet: xpnet's own threads on all cores, each with one of BLAS (`xpnet.compiler.threadpool`).
"""

import argparse
import hashlib
import itertools
import json
import multiprocessing
import os
import statistics
import sys
import time

import numpy as np

from xpnet.compiler.loading import available
from xpnet.compiler.partition import partition
from xpnet.compiler.threadpool import Parallelism

try:
    from threadpoolctl import threadpool_info, threadpool_limits
except ImportError:
    sys.exit(print("absent: threadpoolctl is not installed: pip install 'xpnet[fast]'"))

NETWORKS = {
    "64-64-10, 32": ((64, 64, 10), 32),
    "784-256-128-10, 128": ((784, 256, 128, 10), 128),
    "784-1024-1024-10, 256": ((784, 1024, 1024, 10), 256),
}
SQUARES = (32, 64, 96, 128, 192, 256, 512, 1024)
ODD = [(127, 255, 63), (129, 785, 257), (1, 784, 1024), (1000, 1000, 1), (17, 100003, 5), (100, 4000, 7)]
ODD += [(511, 513, 515), (33, 2049, 1025), (1437, 784, 10), (2000, 50, 3000), (3, 5, 7), (200, 200, 1)]


def shapes(sizes, batch):
    """(m, k, n) of every product of a step, in order."""
    layers = list(itertools.pairwise(sizes))
    yield from ((batch, inputs, units) for inputs, units in layers)
    for index, (inputs, units) in reversed(list(enumerate(layers))):
        yield inputs, batch, units
        if index:
            yield batch, units, inputs


def products(listed, dtype="float32", parallelism=None):
    """A function that computes every product once, into arrays of its own; with parallelism, partitioned."""
    rng = np.random.default_rng(0)
    work = [
        (rng.random((m, k)).astype(dtype), rng.random((k, n)).astype(dtype), np.empty((m, n), dtype))
        for m, k, n in listed
    ]

    calls = partition([(np.matmul, args) for args in work], parallelism or Parallelism())

    def step():
        for call in calls:
            call()

    return step


def timed(step, seconds):
    """(median, mean) of one step, in microseconds."""
    step()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        step()
        times.append((time.perf_counter() - start) * 1e6)
    return statistics.median(times), statistics.fmean(times)


def quiet(counts, seconds=0.2, rounds=5):
    """Microseconds by name and number of threads: the least of the medians of interleaved rounds."""
    cases = {name: list(shapes(*case)) for name, case in NETWORKS.items()}
    cases |= {f"{side} x {side} x {side}": [(side, side, side)] for side in SQUARES}
    found = {}
    for name, listed in cases.items():
        steps = {count: products(listed) for count in counts}
        if available():
            with threadpool_limits(1):
                steps["partitioned"] = products(listed, parallelism=Parallelism(max(counts), nogil=True))
        times = {count: [] for count in steps}
        for _ in range(rounds):
            for count, step in steps.items():
                with threadpool_limits(1 if count == "partitioned" else count):
                    times[count].append(timed(step, seconds)[0])
        found[name] = {count: min(values) for count, values in times.items()}
    return found


def spin(seconds):
    """A core kept busy."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def busy(counts, hogs, seconds=2.0):
    """Mean microseconds of a step by name and number of threads, beside busy processes that only count."""
    found = {}
    for name, case in NETWORKS.items():
        step = products(list(shapes(*case)))
        others = [
            multiprocessing.Process(target=spin, args=(len(counts) * seconds + 4,)) for _ in range(hogs)
        ]
        for other in others:
            other.start()
        time.sleep(0.5)
        found[name] = {}
        for count in counts:
            with threadpool_limits(count):
                found[name][count] = timed(step, seconds)[1]
        for other in others:
            other.terminate()
            other.join()
    return found


def bits(counts):
    """By dtype and product: the numbers of threads whose results are alike, bit by bit."""
    listed = list(dict.fromkeys([s for case in NETWORKS.values() for s in shapes(*case)] + ODD))
    found = {}
    for dtype in ("float32", "float64"):
        rng = np.random.default_rng(0)
        for m, k, n in listed:
            a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
            alike = {}
            for count in counts:
                with threadpool_limits(count):
                    seen = {hashlib.sha256((a @ b).tobytes()).hexdigest() for _ in range(5)}
                assert len(seen) == 1, f"{dtype} {m} x {k} x {n}: {count} threads do not repeat themselves"
                alike.setdefault(seen.pop(), []).append(count)
            found[f"{dtype} {m} x {k} x {n}"] = list(alike.values())
    return found


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--only", nargs="+", default=["quiet", "busy", "bits"])
    args = parser.parse_args(argv)
    cores = os.process_cpu_count() if hasattr(os, "process_cpu_count") else len(os.sched_getaffinity(0))
    counts = [count for count in (1, 2, 3, 4, 8, 16) if count <= cores]
    kernel = next(lib.get("architecture", "") for lib in threadpool_info() if lib["user_api"] == "blas")
    result = {"kernel": kernel, "cores": cores}
    print(f"kernel {kernel}, {cores} cores, NumPy {np.__version__}; microseconds")
    if "quiet" in args.only:
        result["quiet"] = quiet(counts)
    if "busy" in args.only:
        result["busy"] = busy(counts, cores)
    for state in ("quiet", "busy"):
        for name, times in result.get(state, {}).items():
            print(f"| {name} | {state} | " + " | ".join(f"{value:,.1f}" for value in times.values()) + " |")
    if "bits" in args.only:
        result["bits"] = bits(counts)
        for name, alike in result["bits"].items():
            if len(alike) > 1:
                print(f"| {name} | " + ", ".join("=".join(map(str, group)) for group in alike) + " |")
        print(f"{sum(len(alike) > 1 for alike in result['bits'].values())} of {len(result['bits'])} differ")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)


if __name__ == "__main__":
    main(sys.argv[1:])
