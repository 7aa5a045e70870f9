"""`xpnet doctor`: what this machine computes with, how fast, and what would make it faster."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import textwrap
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

from . import cpu as cpus

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
SIDE, SECONDS, ROUNDS = 1024, 0.25, 3
"""Rows and columns of the matrices; seconds that each child multiplies them; children for each setting."""
WORTH = 1.15
"""How many times as fast another setting must be, to be named: less is within the noise."""
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


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the facts as one JSON object")


def run(args: argparse.Namespace) -> int:
    if not args.json:
        print("measuring for about 5 seconds...", file=sys.stderr, flush=True)
    found = facts()
    found["mend"] = verdicts(found)
    print(json.dumps(found, allow_nan=False) if args.json else report(found))
    return 0


def facts() -> dict[str, Any]:
    """All that is found and measured; the measurements first, while nothing else runs in here."""
    from ..backends import machine

    cpu, cores = cpus.read(), machine.cores()
    given = os.environ.get("OPENBLAS_CORETYPE")
    libraries = _libraries()
    blas = libraries[0] if libraries else _configured()
    threads = blas["threads"] or min(cores, _given_threads() or cores)
    speeds = _speeds(cpu, given, threads)
    kernel = blas["kernel"] or speeds["one"].kernel
    return {
        "python": platform.python_version(),
        "xpnet": _version("xpnet"),
        "numpy": _version("numpy"),
        "cpu": {"name": cpu.name, "width": cpu.width, "best_kernel": cpu.kernel},
        "cores": {"usable": cores, "present": os.cpu_count(), "quota": machine.quota()},
        "blas": {**blas, "kernel": kernel, "threads": threads, "coretype": given},
        "threads_set": {name: os.environ[name] for name in THREADS if os.environ.get(name)},
        "matmul": {name: speed._asdict() for name, speed in speeds.items()},
        "numba": _version("numba"),
        "threadpoolctl": _version("threadpoolctl"),
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


def _given_threads() -> int | None:
    from ..backends import blas

    return blas.given()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _backends() -> dict[str, dict[str, Any]]:
    from .. import backends

    return {
        name: {"ok": bool(state), "reason": state.reason}
        for name, state in backends.available(probe=True).items()
    }


# What to do


def verdicts(found: dict[str, Any]) -> list[dict[str, str]]:
    """What is worth mending: in words, and the line to type where there is one."""
    mend = [*_kernel(found), *_threads(found)]
    for package, gain in (
        ("numba", "long trainings on NumPy run compiled loops with it"),
        ("threadpoolctl", "a training can keep BLAS to one thread with it, whatever other programs do"),
    ):
        if found[package] is None:
            mend.append({"say": f"{package} is not installed: {gain}", "type": "pip install 'xpnet[fast]'"})
    cuda = found["backends"].get("cupy", {"ok": True})
    if found["cuda_device"] and not cuda["ok"]:
        mend.append({"say": f"there is a CUDA device, and CuPy cannot use it: {cuda['reason']}", "type": ""})
    return mend


def _kernel(found: dict[str, Any]) -> list[dict[str, str]]:
    """Whether another OpenBLAS kernel was measured to be faster."""
    matmul, given = found["matmul"], found["blas"]["coretype"]
    kernel, one = found["blas"]["kernel"], matmul["one"]["gflops"]
    offers = [
        (matmul[name]["gflops"] / one, matmul[name]["kernel"], line)
        for name, line in (
            ("free", "unset OPENBLAS_CORETYPE"),
            ("best", f"export OPENBLAS_CORETYPE={found['cpu']['best_kernel']}"),
        )
        if one and name in matmul and matmul[name]["gflops"]
    ]
    gain, better, line = max(offers, default=(0.0, None, ""))
    if gain < WORTH:
        return []
    if line.startswith("unset"):
        say = f"OPENBLAS_CORETYPE={given} is set, and without it NumPy takes kernel {better}, which is faster"
    else:
        say = f"NumPy's OpenBLAS uses kernel {kernel}, and this CPU runs {better}, which is faster"
    return [{"say": say, "type": f"{line}   # matmul {gain:.1f} times as fast, measured"}]


def _threads(found: dict[str, Any]) -> list[dict[str, str]]:
    """Whether BLAS's threads are more than the cores, or lose against one."""
    cores, threads = found["cores"]["usable"], found["blas"]["threads"]
    one, every = (found["matmul"].get(name, {"gflops": None})["gflops"] for name in ("one", "all"))
    mend = []
    if threads > cores:
        mend.append(
            {
                "say": f"BLAS has {threads} threads, and this process may use {cores} of the cores",
                "type": f"export OPENBLAS_NUM_THREADS={cores}",
            }
        )
    if one and every and every < one:
        mend.append(
            {
                "say": f"BLAS is slower on {threads} threads than on one: other programs seem to use the cores",
                "type": f"export OPENBLAS_NUM_THREADS=1   # matmul {one / every:.1f} times as fast, measured",
            }
        )
    return mend


# What a person sees


def report(found: dict[str, Any]) -> str:
    """The facts as a table, and the verdicts below it."""
    blas, cores, matmul, cpu = found["blas"], found["cores"], found["matmul"], found["cpu"]
    quota = f", by a quota of {cores['quota']:g}" if cores["quota"] is not None else ""
    kernel = f"kernel {blas['kernel']}, " if blas["kernel"] else ""
    rows = [
        ("python", f"{found['python']}, xpnet {found['xpnet']}, NumPy {found['numpy']}"),
        ("cpu", f"{cpu['name']}, {cpu['width']}"),
        ("cores", f"{cores['usable']} of {cores['present']} for this process{quota}"),
        ("blas", f"{blas['library']} {blas['version']}, {kernel}{_count(blas['threads'], 'thread')}"),
        *(("", f"{name}={value} is set") for name, value in _settings(found)),
        ("matmul", f"{_speed(matmul['one'])} on one core"),
    ]
    if "all" in matmul:
        rows.append(("", f"{_speed(matmul['all'])} on {_count(blas['threads'], 'thread')}"))
    if "free" in matmul:
        rows.append(("", f"{_speed(matmul['free'])} on one core without OPENBLAS_CORETYPE"))
    if "best" in matmul:
        rows.append(("", f"{_speed(matmul['best'])} on one core with the best kernel for this CPU"))
    if not {"free", "best"} & set(matmul):
        rows.append(("", "no better kernel is known for this CPU"))
    for package in ("numba", "threadpoolctl"):
        rows.append((package, found[package] or "not installed: pip install 'xpnet[fast]'"))
    for index, (name, state) in enumerate(found["backends"].items()):
        rows.append(
            ("" if index else "backends", f"{name:<8}{'' if state['ok'] else 'no: '}{state['reason']}")
        )
    lines = [f"{name:<15}{value}" for name, value in rows]
    return "\n".join([*lines, "", *_advice(found["mend"])])


def _advice(mend: list[dict[str, str]]) -> list[str]:
    if not mend:
        return ["nothing to mend"]
    lines = ["1 thing to mend:" if len(mend) == 1 else f"{len(mend)} things to mend:"]
    for number, item in enumerate(mend, 1):
        lines += textwrap.wrap(item["say"], 96, initial_indent=f"{number}. ", subsequent_indent="   ")
        lines += [f"     {item['type']}"] if item["type"] else []
    return lines


def _settings(found: dict[str, Any]) -> list[tuple[str, str]]:
    coretype = found["blas"]["coretype"]
    return [("OPENBLAS_CORETYPE", coretype)] * (coretype is not None) + [*found["threads_set"].items()]


def _speed(speed: dict[str, Any]) -> str:
    if speed["gflops"] is None:
        return "could not be measured"
    return f"{speed['gflops']:.0f} GFLOP/s" + (f" ({speed['kernel']})" if speed["kernel"] else "")


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
