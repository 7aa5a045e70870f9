"""How many cores this process may use: its affinity, and the quota of its control groups."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def cores() -> int:
    """How many cores this process may keep busy at once; at least 1."""
    granted = quota()
    return affinity() if granted is None else max(1, min(affinity(), int(granted)))


def affinity() -> int:
    """How many cores the system may run this process on."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # macOS and Windows have no such call
        return os.cpu_count() or 1


def quota(root: str | Path = "/") -> float | None:
    """How many cores' time the control groups grant, which may be a fraction; None where none limits it.

    Of the process's own group and all above it the least counts. Version 2 has `cpu.max`, "quota period" or
    "max period"; version 1 has `cpu.cfs_quota_us`, -1 for none, and `cpu.cfs_period_us`.
    """
    found = [limit for group in _groups(Path(root)) for limit in _limits(group)]
    return min(found, default=None)


def _groups(root: Path) -> Iterator[Path]:
    """The folders of the process's groups and of those above; in a container some are not to be seen."""
    mounted = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        tops = (mounted / controllers, mounted / "cpu") if controllers else (mounted, mounted / "unified")
        for top in tops:
            group = top / path.lstrip("/")
            yield group
            yield from (above for above in group.parents if above == top or top in above.parents)


def _limits(group: Path) -> Iterator[float]:
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        try:
            granted, period = " ".join((group / name).read_text() for name in names).split()
            if granted != "max" and int(granted) > 0:
                yield int(granted) / int(period)
        except (OSError, ValueError, ZeroDivisionError):
            continue  # no such group here, or not of this version
