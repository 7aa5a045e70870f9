"""Advice: settings and packages that would make training on this machine faster, from its `facts`."""

from __future__ import annotations

from typing import Any

MIN_GAIN = 1.15
"""The least speed-up by another setting that is reported: a smaller one is within the noise."""


def advice(found: dict[str, Any]) -> list[dict[str, str]]:
    """The pieces of advice: "say" is a sentence, "type" a command line, empty if none would help."""
    fix = [*_kernel(found), *_threads(found)]
    for package, gain in (
        ("numba", "long trainings on NumPy run compiled loops with it"),
        ("threadpoolctl", "a training can keep BLAS to one thread with it, whatever other programs do"),
    ):
        if found[package] is None:
            fix.append({"say": f"{package} is not installed: {gain}", "type": "pip install 'xpnet[fast]'"})
    cuda = found["backends"].get("cupy", {"ok": True})
    if found["cuda_device"] and not cuda["ok"]:
        fix.append({"say": f"there is a CUDA device, and CuPy cannot use it: {cuda['reason']}", "type": ""})
    return fix


def _kernel(found: dict[str, Any]) -> list[dict[str, str]]:
    """Advice on OPENBLAS_CORETYPE, if another kernel was measured to be faster."""
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
    if gain < MIN_GAIN:
        return []
    if line.startswith("unset"):
        say = f"OPENBLAS_CORETYPE={given} is set, and without it NumPy takes kernel {better}, which is faster"
    else:
        say = f"NumPy's OpenBLAS uses kernel {kernel}, and this CPU runs {better}, which is faster"
    return [{"say": say, "type": f"{line}   # matmul {gain:.1f} times as fast, measured"}]


def _threads(found: dict[str, Any]) -> list[dict[str, str]]:
    """Advice on the number of BLAS threads, if it exceeds the cores or if one thread is faster."""
    cores, threads = found["cores"]["usable"], found["blas"]["threads"]
    one, every = (found["matmul"].get(name, {"gflops": None})["gflops"] for name in ("one", "all"))
    fix = []
    if threads > cores:
        fix.append(
            {
                "say": f"BLAS has {threads} threads, and this process may use {cores} of the cores",
                "type": f"export OPENBLAS_NUM_THREADS={cores}",
            }
        )
    if one and every and every < one:
        fix.append(
            {
                "say": f"BLAS is slower on {threads} threads than on one: other programs seem to use the cores",
                "type": f"export OPENBLAS_NUM_THREADS=1   # matmul {one / every:.1f} times as fast, measured",
            }
        )
    return fix
