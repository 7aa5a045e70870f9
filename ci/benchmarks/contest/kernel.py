"""The fastest kernel of OpenBLAS on this processor: OpenBLAS chooses by CPU model, and at times an older one."""

import os
import statistics
from pathlib import Path

from .processes import Contestant, GoneError, Worker

CANDIDATES = (None, "Haswell", "SkylakeX")
"""None is OpenBLAS's own choice; the others its code for AVX2 and for AVX-512."""
FLOOR = Contestant("matmuls alone", "peer_floor.py", ours=True, tuned=True)


def choose(task, cores, seconds) -> tuple[str | None, dict[str, float]]:
    """(the fastest, microseconds a step by candidate) of a task's matrix products on one thread.

    What OPENBLAS_CORETYPE says is one candidate more; without AVX-512 there is nothing to choose.
    """
    given = os.environ.get("OPENBLAS_CORETYPE") or None
    if not has_avx512():
        return given, {}
    workers, times = {}, {}
    try:
        for name in dict.fromkeys((*CANDIDATES, given)):
            workers[name] = Worker(FLOOR, {max(cores)}, 1, name)
            workers[name].learn(task)
        for _ in range(3):
            for name, worker in workers.items():
                times.setdefault(name, []).append(worker.time(seconds)[0])
    except GoneError:
        return None, {}
    finally:
        for worker in workers.values():
            worker.close()
    found = {name: statistics.median(each) for name, each in times.items()}
    best = min(found, key=found.__getitem__)
    if found[best] > 0.97 * found[None]:  # no gain beyond noise
        best = None
    return best, {name or "default": us for name, us in found.items()}


def has_avx512() -> bool:
    """True if the processor has the AVX-512 instructions of OpenBLAS's kernels."""
    try:
        return " avx512f" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
