"""Another checkout of xpnet beside this one: its contestants, and the ratio of the two builds' times."""

import statistics
import subprocess
from dataclasses import replace
from pathlib import Path

from . import figures

OURS = Path(__file__).resolve().parents[3]
WORKER = "peer_xpnet.py"
LIMIT = 1.02
"""The interval of new / old must reach below it: two per cent are what rounds on a quiet machine can tell."""


def beside(chosen, build) -> dict:
    """The contestants, each of xpnet's followed by its twin, which imports the other checkout."""
    found = {}
    for key, one in chosen.items():
        found[key] = importing(one, OURS) if one.file == WORKER else one
        if one.file == WORKER:
            found[twin(key)] = replace(importing(one, build), title=f"{one.title}, the other build")
    return found


def twin(key) -> str:
    """The key of a contestant's twin."""
    return f"{key}-build"


def importing(contestant, root):
    """A contestant that imports xpnet from a checkout, and fails where Python finds another."""
    path = {"PYTHONPATH": str(root), "BENCHMARK_BUILD": str(root)}
    return replace(contestant, environment={**contestant.environment, **path})


def commit(root) -> str:
    """The checkout's commit, where git knows it."""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def ratios(contests) -> list[dict]:
    """New / old, round by round: its median, the median's 95 % interval, and whether that reaches below the limit."""
    rows = []
    for size, contest in contests.items():
        for key, entry in contest.entries.items():
            old = contest.entries.get(twin(key))
            if old:
                each = [a / b for a, b in zip(entry.times, old.times, strict=True)]
                low, high = figures.interval(each)
                row = {"network": size, "contestant": key, "ratio": statistics.median(each), "ratios": each}
                rows.append({**row, "low": low, "high": high, "below": low < LIMIT, "noisy": contest.noisy})
    return rows


def shown(rows, tasks) -> str:
    """The ratios as Markdown."""
    lines = [
        (
            f"{row['contestant']}, {tasks[row['network']].name}",
            f"{row['ratio']:.3f}",
            f"{row['low']:.3f} to {row['high']:.3f}",
            "yes" if row["below"] else "**no**",
            "yes" if row["noisy"] else "",
        )
        for row in rows
    ]
    head = (
        "contestant, network",
        "new / old",
        "95 % interval of the median",
        f"reaches below {LIMIT}",
        "noisy",
    )
    return "\n## This build against the other\n\n" + figures.table(head, lines)
