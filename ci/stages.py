"""Everything a change must pass, stage by stage, each beside its budget: `python3 ci/stages.py`.

A stage first installs what it needs, which is not counted. The budgets are minutes on two cores. A stage over its
budget is named; one that takes three times its budget fails. Exit status 1 where a stage fails.
"""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COVERED = "build/covered.txt"
"""Written by the first run of the tests: what passed there and needs no second run with more libraries."""
TOO_LONG = 3
"""Times its budget, after which a stage fails."""
TOTAL_MINUTES = 28


@dataclass(frozen=True)
class Stage:
    """Commands of ci/dev.py with a budget.

    installs: what is installed first. minutes: the budget. commands: each runs, also after one that failed.
    environment: variables of the commands.
    """

    name: str
    minutes: float
    installs: tuple[str, ...]
    commands: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


STAGES = (
    Stage("lint and docs", 2, ("lint", "docs"), ("lint", "docs")),
    Stage("NumPy", 4, ("test",), ("test",), {"PYTEST_ADDOPTS": f"--save-covered={COVERED}"}),
    Stage(
        "other libraries",
        9,
        ("torch", "jax", "numba"),
        (
            f"test --backends all --not-covered={COVERED} --ignore=tests/examples --ignore=tests/test_readme.py",
        ),
    ),
    Stage(
        "snippets and examples",
        3,
        (),
        (f"test --backends all --not-covered={COVERED} tests/examples tests/test_readme.py",),
    ),
)
"""The first run of the tests is README's command, word for word."""


@dataclass
class Ran:
    """A stage that ended: its seconds, whether its commands passed, and pytest's closing line if there is one."""

    stage: Stage
    seconds: float
    passed: bool
    closing: str

    @property
    def verdict(self) -> str:
        times = self.seconds / (60 * self.stage.minutes)
        if not self.passed:
            return "FAILED"
        if times > TOO_LONG:
            return f"FAILED: {times:.1f} times its budget, {TOO_LONG} at most"
        return f"over its budget by {times - 1:.0%}" if times > 1 else "passed"

    @property
    def failed(self) -> bool:
        return self.verdict.startswith("FAILED")


def run(stage: Stage) -> Ran:
    """Install, then the commands on the clock; what they print goes through."""
    dev = [sys.executable, str(ROOT / "ci" / "dev.py")]
    passed = not stage.installs or subprocess.call([*dev, "install", *stage.installs], cwd=ROOT) == 0
    began, closing = time.monotonic(), ""
    for command in stage.commands if passed else ():
        print(f"-- {stage.name}: python3 ci/dev.py {command}", flush=True)
        status, last = through([*dev, *command.split()], {**os.environ, **stage.environment})
        passed, closing = passed and status == 0, last or closing
    return Ran(stage, time.monotonic() - began, passed, closing)


def through(command, environment) -> tuple[int, str]:
    """(exit status, pytest's closing line) of a command whose standard output is passed on line by line."""
    closing = ""
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            if re.match(r"=+ .* in [\d.]+s.* =+$", line):
                closing = line.strip()
    return process.returncode, closing


def table(ran: list[Ran]) -> str:
    """The stages with their seconds and budgets, and pytest's closing lines last."""
    rows = [("stage", "seconds", "budget", "")]
    rows += [(r.stage.name, f"{r.seconds:.0f}", f"{60 * r.stage.minutes:.0f}", r.verdict) for r in ran]
    rows.append(
        ("in all, without installing", f"{sum(r.seconds for r in ran):.0f}", f"{60 * TOTAL_MINUTES}", "")
    )
    lines = [
        f"{name:28}{seconds:>8}{budget:>8}  {verdict}".rstrip() for name, seconds, budget, verdict in rows
    ]
    return "\n".join([*lines, *(f"{r.stage.name}: {r.closing.strip('= ')}" for r in ran if r.closing)])


def main() -> int:
    (ROOT / COVERED).parent.mkdir(exist_ok=True)
    (ROOT / COVERED).write_text("")
    os.environ.setdefault("XPNET_SAMPLE_SEED", date.today().isoformat())  # the same after midnight
    ran = [run(stage) for stage in STAGES]
    print(table(ran), flush=True)
    return int(any(r.failed for r in ran))


if __name__ == "__main__":
    sys.exit(main())
