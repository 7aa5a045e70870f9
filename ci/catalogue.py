"""Runs the oracle on the backends that are here, and writes what passed and docs/catalogue.md: python ci/catalogue.py

The results of the run are `ci/results/oracle.json`. The page's tables are made of these results and of the code, and
a name has a tick only where the results prove it.
"""

import argparse
import json
import os
import platform
import re
import sys
import warnings
from collections.abc import Iterator
from datetime import date
from functools import cache
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path

from xpnet import __version__, backends, installed
from xpnet.testing import DTYPES, Entry, catalogue, run_check, table
from xpnet.testing.catalogue import PROVED

ROOT = Path(__file__).resolve().parents[1]
PAGE, RESULTS = ROOT / "docs" / "catalogue.md", ROOT / "ci" / "results" / "oracle.json"
BETWEEN = re.compile(r"(?<=<!-- catalogue -->\n).*(?=<!-- end of the catalogue -->)", re.DOTALL)
REPEAT = "python3 ci/dev.py catalogue"
SHOWN = ("numpy", "strict", "torch", "jax", "cupy")
REQUIRED = SHOWN[:-1]
SLOWEST_FIRST = ("jax", "cupy", "torch", "strict", "numpy")  # or the last ones would run alone

OTHERWISE = {  # what stands for the oracle where it has no rows
    "initialisers": "Compared with their distributions, and with PyTorch's, in `tests/layers/test_initial_values.py`",
    "metrics": "Compared with scikit-learn's, and run on every backend, in `tests/metrics`",
}


@cache
def rows() -> dict[str, list]:
    """(case, check) of each row that a catalogue's entry has, by the row's name."""
    wanted = {row for entry in catalogue() for row in entry.rows}
    found: dict[str, list] = {}
    for row, case, check in table():
        if row in wanted:
            found.setdefault(row, []).append((case, check))
    return found


def prove(task: tuple[str, str]) -> tuple[dict[str, list[int]], list[str]]:
    """(how many checks of a row passed and failed on a backend, by dtype; what the failures say)."""
    row, name = task
    counts, said = {dtype: [0, 0] for dtype in DTYPES}, []
    for case, check in rows()[row]:
        for dtype in DTYPES:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                outcome = run_check(row, case, check, backends.get(name), dtype)
            if outcome.status == "failed":
                said.append(f"{row} on {name}, {outcome.check}, {dtype}: {outcome.message}")
            if outcome.status != "absent":
                counts[dtype][outcome.status == "failed"] += 1
    return counts, said


def run(names: list[str], workers: int, before: dict) -> tuple[dict, list[str]]:
    """(the results with those of these backends made anew, what failed)."""
    for name in names:
        there = backends.find(name).available(probe=True)
        if not there:
            sys.exit(f"catalogue.py: the catalogue says what passed on {name}, and {there.reason}")
    tasks = [(row, name) for name in SLOWEST_FIRST if name in names for row in rows()]
    old = before.get("rows", {})
    found = {row: {name: old.get(row, {}).get(name) for name in SHOWN} for row in rows()}
    failed = []
    # a worker keeps what JAX compiled, gigabytes of it in the end, and so makes way for another
    with get_context("spawn").Pool(workers, maxtasksperchild=10) as pool:
        for (row, name), (counts, said) in zip(tasks, pool.imap(prove, tasks, chunksize=4), strict=True):
            found[row][name] = counts
            failed += said
            print(f"{name:8} {row}", *said, sep="\n  ", flush=True)
    runs = before.get("backends", {}) | {name: as_it_is_here(name) for name in names}
    results = {"backends": {name: runs[name] for name in SHOWN if name in runs}}
    counted = {row: {name: counts for name, counts in each.items() if counts} for row, each in found.items()}
    return {**results, "rows": counted}, failed


def as_it_is_here(name: str) -> dict[str, str]:
    """The versions that a backend was run with, and the date."""
    return {
        "date": date.today().isoformat(),
        "version": installed.version(*installed.BACKENDS[name].distributions) or "",
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "xpnet": __version__,
    }


def as_json(results: dict) -> str:
    """A line for each row, so that a difference is read as such."""
    head = json.dumps({**results, "rows": {}}, indent=1).removesuffix("{}\n}")
    lines = (f"  {json.dumps(row)}: {json.dumps(found)}" for row, found in results["rows"].items())
    return head + "{\n" + ",\n".join(lines) + "\n }\n}\n"


def tables(results: dict) -> Iterator[str]:
    """The page's tables, line by line."""
    ran = (f"{name} {run['version']} ({run['date']})" for name, run in results["backends"].items())
    yield f"Written by `{REPEAT}`, which runs the oracle's checks on the array libraries that are installed;"
    yield f"last on {', '.join(ran)}."
    yield ""
    yield "- ✓: all checks of the name passed on that backend, in float32 and in float64."
    yield "- A dtype: they passed in that one alone."
    yield "- A dash: not proven there."
    for name in SHOWN:
        if name not in results["backends"]:
            yield f"- On {name} the checks have not been run yet."
    groups = [
        (group, list(entries)) for group, entries in groupby(catalogue(), key=lambda entry: entry.group)
    ]
    links = (f"[{len(entries)} {group}](#{group.replace(' ', '-')})" for group, entries in groups)
    yield f"\n{', '.join(links)}."
    for group, entries in groups:
        yield from section(group, entries, results["rows"])


def section(group: str, entries: list[Entry], counts: dict) -> Iterator[str]:
    """One group: a table of names, with the backends on which each is proven."""
    yield f"\n## {group.capitalize()}\n"
    proved = SHOWN if group in PROVED else ()
    if not proved:
        yield f"{OTHERWISE[group]}.\n"
    yield "| name | what it is |" + "".join(f" {name} |" for name in proved)
    yield "|---|---|" + ":-:|" * len(proved)
    for entry in entries:
        cells = [f"`{entry.name}`", what(entry), *(mark(entry.proven(counts, name)) for name in proved)]
        yield f"| {' | '.join(cells)} |"


def what(entry: Entry) -> str:
    """Its line, without the reference to the op of the same name."""
    line = re.sub(r"[;.]? [Ss]ee `ops\.\w+`\.$", ".", entry.what)
    return line.replace("|", "&#124;")


def mark(dtypes: tuple[str, ...]) -> str:
    return "✓" if dtypes == DTYPES else " ".join(dtypes) or "-"


def page(results: dict) -> str:
    """docs/catalogue.md with the tables of these results."""
    text = "\n".join(tables(results)) + "\n\n"
    return BETWEEN.sub(lambda _: text, PAGE.read_text(encoding="utf-8"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python ci/catalogue.py", description=__doc__.partition("\n")[0])
    parser.add_argument("-n", type=int, default=4, metavar="N", help="how many processes run (default: 4)")
    parser.add_argument("--page", action="store_true", help="write the page from the results that are there")
    parser.add_argument(
        "--backends",
        default=",".join(REQUIRED),
        metavar="NAMES",
        help="which are run; the others keep what they have (default: %(default)s; cupy on a machine with CUDA)",
    )
    options = parser.parse_args()
    names, failed = options.backends.split(","), []
    if not set(names) <= set(SHOWN):
        parser.error(f"--backends got {options.backends}: give some of {','.join(SHOWN)}")
    if not options.page:
        # before JAX and BLAS load, as the tests have them
        os.environ.update(JAX_ENABLE_X64="1", JAX_DEFAULT_MATMUL_PRECISION="highest", OMP_NUM_THREADS="1")
        before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        results, failed = run(names, options.n, before)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(as_json(results), encoding="utf-8")
    PAGE.write_text(page(json.loads(RESULTS.read_text(encoding="utf-8"))), encoding="utf-8")
    if failed:
        sys.exit("\n".join([f"{len(failed)} checks failed, and the page has no tick there:", *failed]))


if __name__ == "__main__":
    main()
