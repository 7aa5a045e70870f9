"""Speed as a user reaches it: short fits beside a long one, what "auto" chooses, and two cores by BLAS's kernel.

    python ci/benchmarks/reached.py [--quick]

Each figure is the least of interleaved rounds, and the median in parentheses, in microseconds a step. A short fit is
one of `fit(epochs=1)` in a loop. Each kernel of OpenBLAS runs in a process of its own, for it is chosen as BLAS loads;
the processes with one core and with all are compared by the bits of their parameters too. Two minutes.
"""

import argparse
import hashlib
import os
import signal
import statistics
import subprocess
import sys
import time

import numpy as np

import xpnet as xn

KERNELS = ("Haswell", "Zen", "Sandybridge", "SkylakeX")
NETWORKS = {
    "64-64-10, 32": (lambda: xn.Sequential(xn.Dense(64, "relu"), xn.Dense(10)), (64,), 32),
    "300-400-200-20, 64": (
        lambda: xn.Sequential(xn.Dense(400, "relu"), xn.Dense(200, "relu"), xn.Dense(20)),
        (300,),
        64,
    ),
    "convolutions of 28 x 28, 32": (
        lambda: xn.Sequential(
            *(xn.Conv2D(8, 3, activation="relu"), xn.MaxPool2D(2), xn.Conv2D(16, 3, activation="relu")),
            *(xn.MaxPool2D(2), xn.Flatten(), xn.Dense(10)),
        ),
        (28, 28, 1),
        32,
    ),
}


def model(network, **options):
    parts = {"loss": "softmax_cross_entropy", "optimizer": "adam", "backend": "numpy"}
    return xn.Model(network, **parts, **options)


def samples(shape, count):
    rng = np.random.default_rng(0)
    return rng.standard_normal((count, *shape)).astype("float32"), np.arange(count) % 10


def microseconds(run, steps):
    began = time.perf_counter()
    run()
    return (time.perf_counter() - began) / steps * 1e6


def shown(times):
    return f"{min(times):,.0f} ({statistics.median(times):,.0f})"


def short(rounds, epochs=10, steps=20):
    """Rows of (network, a long fit, short ones, natives=True) once the process's work has loaded natives."""
    for name, (make, shape, size) in NETWORKS.items():
        x, y = samples(shape, size * steps)
        one, many, native = model(make()), model(make()), model(make(), natives=True)
        fits = 0
        while many.updates == "portable" and fits < 1000:
            many.fit(x, y, epochs=1, batch_size=size)
            fits += 1
        runs = {
            "one": lambda one=one, x=x, y=y, size=size: one.fit(x, y, epochs=epochs, batch_size=size),
            "many": lambda many=many, x=x, y=y, size=size: [
                many.fit(x, y, epochs=1, batch_size=size) for _ in range(epochs)
            ],
            "native": lambda native=native, x=x, y=y, size=size: native.fit(
                x, y, epochs=epochs, batch_size=size
            ),
        }
        times = {key: [] for key in runs}
        for _ in range(rounds + 1):
            for key, run in runs.items():
                times[key].append(microseconds(run, epochs * steps))
        yield name, fits, *(shown(found[1:]) for found in times.values())


def worker(steps, rounds, deterministic):
    """Prints the least and the median time of a step, and a hash of the parameters, of 784-1024-1024-10 at 256."""
    x, y = samples((784,), 256 * steps)
    layers = xn.Dense(1024, "relu"), xn.Dense(1024, "relu"), xn.Dense(10)
    net = model(xn.Sequential(*layers), natives=True, deterministic=deterministic)
    times = [microseconds(lambda: net.fit(x, y, epochs=1, batch_size=256), steps) for _ in range(rounds + 1)]
    bits = hashlib.sha256(b"".join(np.ascontiguousarray(p).tobytes() for p in net.params.values()))
    print(min(times[1:]), statistics.median(times[1:]), bits.hexdigest())


def cores(kernel, steps, rounds):
    """(one core, all, all with deterministic=False, True for the same bits) under a kernel of OpenBLAS, or why not."""
    found = []
    for pinned, deterministic in ((True, True), (False, True), (False, False)):
        command = [sys.executable, __file__, "--worker", str(steps), str(rounds), str(int(deterministic))]
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(before)} if pinned else before)
        env = os.environ | {"OPENBLAS_CORETYPE": kernel}
        told = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        os.sched_setaffinity(0, before)
        if told.returncode == -signal.SIGILL:
            return ("this CPU lacks its instructions",)
        told.check_returncode()
        found.append(told.stdout.split())
    return *(shown([float(least), float(mid)]) for least, mid, _ in found), found[0][2] == found[1][2]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one short round, whose times prove nothing")
    parser.add_argument("--worker", nargs=3, type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        steps, rounds, deterministic = given.worker
        worker(steps, rounds, bool(deterministic))
        return
    rounds = 1 if given.quick else 9
    print(
        "| network | fits before natives | one fit | fits of an epoch | natives=True |\n|---|---|---|---|---|"
    )
    for row in short(rounds):
        print("|", " | ".join(map(str, row)), "|")
    print("\n| kernel | one core | all cores | deterministic=False | same bits |\n|---|---|---|---|---|")
    for kernel in KERNELS[: 1 if given.quick else None]:
        print("|", kernel, "|", " | ".join(map(str, cores(kernel, 2 if given.quick else 10, rounds))), "|")


if __name__ == "__main__":
    main()
