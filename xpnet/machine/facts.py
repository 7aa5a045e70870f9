"""What this machine computes with, and how fast."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
from typing import Any, NamedTuple

from .. import backends
from ..backends import cores as machine
from ..backends.numpy.blas import given as given_threads
from ..installed import version
from . import cpu as cpus

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
SIDE, SECONDS, ROUNDS = 1024, 0.25, 3
"""Rows and columns of the matrices; seconds that each child multiplies them; children for each setting."""
MEASURE = f"""
import sys, time, statistics
import numpy as np
a = np.random.default_rng(0).random(({SIDE}, {SIDE}), dtype=np.float32)
b, out = a.T.copy(), np.empty_like(a)
np.matmul(a, b, out=out)
times, end = [], time.perf_counter() + {SECONDS}
while time.perf_counter() < end or len(times) < 3:
    start = time.perf_counter()
    np.matmul(a, b, out=out)
    times.append(time.perf_counter() - start)
print(2e-9 * {SIDE}**3 / statistics.median(times))
"""


class Speed(NamedTuple):
    """GFLOP/s of a float32 matrix product, and the OpenBLAS kernel that made it; None where it could not be had."""

    gflops: float | None
    kernel: str | None


def facts() -> dict[str, Any]:
    """All that is found and measured; the measurements first, while nothing else runs in here."""
    cpu, cores = cpus.read(), machine.cores()
    given = os.environ.get("OPENBLAS_CORETYPE")
    libraries = _libraries()
    blas = libraries[0] if libraries else _configured()
    threads = blas["threads"] or min(cores, given_threads() or cores)
    speeds = _speeds(cpu, given, threads)
    kernel = blas["kernel"] or speeds["one"].kernel
    return {
        "python": platform.python_version(),
        "xpnet": version("xpnet"),
        "numpy": version("numpy"),
        "cpu": {"name": cpu.name, "width": cpu.width, "best_kernel": cpu.kernel},
        "cores": {"usable": cores, "present": os.cpu_count(), "quota": machine.quota()},
        "blas": {**blas, "kernel": kernel, "threads": threads, "coretype": given},
        "threads_set": {name: os.environ[name] for name in THREADS if os.environ.get(name)},
        "matmul": {name: speed._asdict() for name, speed in speeds.items()},
        "numba": version("numba"),
        "threadpoolctl": version("threadpoolctl"),
        "cuda_device": any(map(os.path.exists, ("/dev/nvidia0", "/dev/dxg"))),
        "backends": _backends(),
    }


def _speeds(cpu: cpus.Cpu, given: str | None, threads: int) -> dict[str, Speed]:
    """One core and all its threads as things are set; "free" where OPENBLAS_CORETYPE is set, without it; "best" with
    the kernel that the CPU deserves, where the others have a lesser one. In turn, so that noise meets all alike."""
    runs: dict[str, list[Speed]] = {"one": [measure(1, given)]}
    if given is not None:
        runs["free"] = [measure(1, None)]
    if all(cpu.less(tried[0].kernel) for tried in runs.values()):
        runs["best"] = [measure(1, cpu.kernel)]
    if threads > 1:
        runs["all"] = [measure(threads, given)]
    settings = {"one": (1, given), "free": (1, None), "best": (1, cpu.kernel), "all": (threads, given)}
    for _ in range(ROUNDS - 1):
        for name, tried in runs.items():
            tried.append(measure(*settings[name]))
    return {name: _middle(tried) for name, tried in runs.items()}


def _middle(tried: list[Speed]) -> Speed:
    known = [speed.gflops for speed in tried if speed.gflops is not None]
    return Speed(round(statistics.median(known), 1) if known else None, tried[0].kernel)


def measure(threads: int, coretype: str | None) -> Speed:
    """The speed in a child process with so many BLAS threads and OPENBLAS_CORETYPE set so, or not set."""
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    environment |= {name: str(threads) for name in THREADS} | {"OPENBLAS_VERBOSE": "2"}
    if coretype is not None:
        environment["OPENBLAS_CORETYPE"] = coretype
    try:
        done = subprocess.run(
            [sys.executable, "-c", MEASURE], env=environment, capture_output=True, text=True, timeout=20
        )
        gflops = float(done.stdout.split()[-1])
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError):
        return Speed(None, None)
    said = [line.partition(":")[2].strip() for line in done.stderr.splitlines() if line.startswith("Core: ")]
    return Speed(gflops, said[0] if said else None)


def _libraries() -> list[dict[str, Any]]:
    """NumPy's BLAS as threadpoolctl sees it; none without threadpoolctl."""
    import numpy  # noqa: F401 - loads the BLAS that is asked for

    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    keys = {
        "library": "internal_api",
        "version": "version",
        "kernel": "architecture",
        "threads": "num_threads",
    }
    loaded = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return [{key: library.get(name) for key, name in keys.items()} for library in loaded]


def _configured() -> dict[str, Any]:
    """What NumPy was built with; neither the threads nor the kernel that it chose."""
    import numpy as np

    built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {"library": built.get("name"), "version": built.get("version"), "kernel": None, "threads": None}


def _backends() -> dict[str, dict[str, Any]]:
    return {
        name: {"ok": bool(state), "reason": state.reason}
        for name, state in backends.available(probe=True).items()
    }
