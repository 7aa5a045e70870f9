"""Facts about this machine: CPU, cores, BLAS and its threads, packages, backends, and the speed of a matrix product."""

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
from ..compiler import loading as numba
from ..installed import version
from ..loading import obstacle
from . import cpu as cpus

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""The environment variables that limit a BLAS's threads."""
SIDE = 1024
"""The rows and columns of the matrices that are multiplied."""
CHILD_SECONDS = 0.25
"""The time for which each child process multiplies them."""
ROUNDS = 3
"""The number of child processes for each setting."""
MEASURE = f"""
import sys, time, statistics
import numpy as np
a = np.random.default_rng(0).random(({SIDE}, {SIDE}), dtype=np.float32)
b, out = a.T.copy(), np.empty_like(a)
np.matmul(a, b, out=out)
times, end = [], time.perf_counter() + {CHILD_SECONDS}
while time.perf_counter() < end or len(times) < 3:
    start = time.perf_counter()
    np.matmul(a, b, out=out)
    times.append(time.perf_counter() - start)
print(2e-9 * {SIDE}**3 / statistics.median(times))
"""
"""The program of a child process; it prints GFLOP/s."""


class Speed(NamedTuple):
    """The speed of a float32 matrix product.

    gflops: GFLOP/s; None if the measurement failed. kernel: the OpenBLAS kernel; None if it is unknown.
    """

    gflops: float | None
    kernel: str | None


def facts() -> dict[str, Any]:
    """All facts, in a form that JSON can write. The speeds are measured before backends are probed."""
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
        "threads_set": {name: os.environ[name] for name in THREAD_VARIABLES if os.environ.get(name)},
        "matmul": {name: speed._asdict() for name, speed in speeds.items()},
        "numba": version("numba"),
        "threadpoolctl": version("threadpoolctl"),
        "unusable": {
            "numba": numba.absence(),
            "threadpoolctl": obstacle("threadpoolctl", numba.INSTALL),
        },
        "cuda_device": any(map(os.path.exists, ("/dev/nvidia0", "/dev/dxg"))),
        "backends": _backends(),
    }


def _speeds(cpu: cpus.Cpu, given: str | None, threads: int) -> dict[str, Speed]:
    """The speed in each setting, by the setting's name; measured in turn, so that noise affects all alike.

    one, all: on one thread and on all, in the present environment.
    free: on one thread without OPENBLAS_CORETYPE, if it is set.
    best: on one thread with the CPU's best kernel, if the others use narrower vectors.
    """
    runs: dict[str, list[Speed]] = {"one": [measure(1, given)]}
    if given is not None:
        runs["free"] = [measure(1, None)]
    if all(cpu.is_narrower(tried[0].kernel) for tried in runs.values()):
        runs["best"] = [measure(1, cpu.kernel)]
    if threads > 1:
        runs["all"] = [measure(threads, given)]
    settings = {"one": (1, given), "free": (1, None), "best": (1, cpu.kernel), "all": (threads, given)}
    for _ in range(ROUNDS - 1):
        for name, tried in runs.items():
            tried.append(measure(*settings[name]))
    return {name: _middle(tried) for name, tried in runs.items()}


def _middle(tried: list[Speed]) -> Speed:
    """The median of several measurements in one setting."""
    known = [speed.gflops for speed in tried if speed.gflops is not None]
    return Speed(round(statistics.median(known), 1) if known else None, tried[0].kernel)


def measure(threads: int, coretype: str | None) -> Speed:
    """The speed in a child process with `threads` BLAS threads and OPENBLAS_CORETYPE, unset for None."""
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    environment |= {name: str(threads) for name in THREAD_VARIABLES} | {"OPENBLAS_VERBOSE": "2"}
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
    """The loaded BLAS libraries, as threadpoolctl reports them; empty without threadpoolctl."""
    import numpy  # noqa: F401 - loads the BLAS that is asked for

    if obstacle("threadpoolctl", numba.INSTALL) is not None:
        return []
    from threadpoolctl import threadpool_info

    keys = {
        "library": "internal_api",
        "version": "version",
        "kernel": "architecture",
        "threads": "num_threads",
    }
    loaded = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return [{key: library.get(name) for key, name in keys.items()} for library in loaded]


def _configured() -> dict[str, Any]:
    """The BLAS that NumPy was built with; its threads and its kernel are unknown."""
    import numpy as np

    built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {"library": built.get("name"), "version": built.get("version"), "kernel": None, "threads": None}


def _backends() -> dict[str, dict[str, Any]]:
    """The availability of each backend, after a computation on it."""
    return {
        name: {"ok": bool(state), "reason": state.reason}
        for name, state in backends.available(probe=True).items()
    }
