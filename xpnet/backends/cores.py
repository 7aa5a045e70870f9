"""The cores that this process may use: the CPU affinity, and the CPU quota of the control groups."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def cores() -> int:
    """The number of cores that this process may keep busy at once; at least 1."""
    granted = quota()
    return affinity() if granted is None else max(1, min(affinity(), int(granted)))


def affinity() -> int:
    """The number of cores in the CPU affinity of this process."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # macOS and Windows have no such call
        return os.cpu_count() or 1


def quota(root: str | Path = "/") -> float | None:
    """The CPU quota of the control groups in cores, a fraction possibly; None without a limit.

    The quota is the least of those of the process's own group and of the groups above it. Version 2 writes `cpu.max`
    as "quota period" or "max period"; version 1 writes `cpu.cfs_quota_us`, -1 for no limit, and `cpu.cfs_period_us`.
    """
    found = [limit for group in _groups(Path(root)) for limit in _limits(group)]
    return min(found, default=None)


def _groups(root: Path) -> Iterator[Path]:
    """The folders of the process's groups and of the groups above them; a container may hide some."""
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
    """The quotas of one group, in cores."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        try:
            granted, period = " ".join((group / name).read_text() for name in names).split()
            if granted != "max" and int(granted) > 0:
                yield int(granted) / int(period)
        except (OSError, ValueError, ZeroDivisionError):
            continue  # the group is absent, or of the other version
