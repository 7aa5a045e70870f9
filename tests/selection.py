"""Selection and order of the tests: a dated sample of the costly families, a random order, an estimate of the time.

A family is a parametrized test function, or the tests that give one name as `of`. `@pytest.mark.sample(n, by=("row",
"library"))` keeps n of its tests for each combination of the parameters that `by` names; `library` is the backend's,
numpy's for numpy-readonly, and `numpy` is true for it and false for all others. A seed alone chooses them: the date, or
XPNET_SAMPLE_SEED. The tests that are left out count as deselected. `--full`, `-k`, `--lf` and node ids run everything
they name.
"""

import datetime
import hashlib
import json
import os
import re
from collections import Counter, defaultdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from xpnet.testing import plugin

SEED = "XPNET_SAMPLE_SEED"
DURATIONS = "ci/results/durations.json"
START_SECONDS = 15
"""Start and collection of one process."""
UNKNOWN_SECONDS = 0.02
"""Assumed of a test whose family is not in the file of durations."""

INDEPENDENT = (
    "tests/data/",
    "tests/plots/",
    "tests/calculus/",
    "tests/metrics/",
    "tests/test_structure.py",
    "tests/examples/test_examples.py::test_pictures",
)
"""Where tests neither compute on a backend nor start anything that chooses one."""

left_out: dict = {}
"""Why tests are left out of this run: their node ids."""
passed: list = []
spent: Counter = Counter()
"""Seconds by node id."""


def pytest_addoption(parser):
    group = parser.getgroup("selection")
    group.addoption("--full", action="store_true", help="run every test of the sampled families")
    group.addoption("--random-order", metavar="SEED", help="shuffle the tests by this seed")
    group.addoption(
        "--save-covered", metavar="FILE", help="write which tests need no run with more libraries"
    )
    group.addoption(
        "--not-covered", metavar="FILE", help="leave out the tests that an earlier run wrote to FILE"
    )
    group.addoption("--save-durations", metavar="FILE", help="write the mean seconds of each family, as JSON")


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "sample(n, by, of): keep n tests for each combination of the parameters"
    )
    os.environ.setdefault(SEED, datetime.date.today().isoformat())  # the workers of a run inherit it


def pytest_report_header(config):
    if samples(config):
        return f"sample: {SEED}={os.environ[SEED]} chooses it again, --full runs every test"
    return "sample: none, every test that is named runs"


def samples(config):
    """True where the costly families are sampled."""
    options = config.option
    named = options.keyword or getattr(options, "lf", False) or any("::" in str(arg) for arg in config.args)
    return not (options.full or named)


def pytest_collection_modifyitems(config, items):
    covered, seed = config.option.not_covered, os.environ[SEED]
    if samples(config):  # first, so that what is covered does not change the sample
        reason = f"outside the sample of {SEED}={seed}; --full runs them"
        leave_out(reason, outside_the_sample(items, seed), config, items)
    if covered:
        leave_out(f"{covered} covers them", set(Path(covered).read_text().splitlines()), config, items)
    if config.option.random_order is not None:
        items.sort(key=lambda item: rank(config.option.random_order, item.nodeid))


def leave_out(reason, nodeids, config, items):
    """Deselects the items with these node ids."""
    deselected = [item for item in items if item.nodeid in nodeids]
    if deselected:
        items[:] = [item for item in items if item.nodeid not in nodeids]
        left_out[reason] = [item.nodeid for item in deselected]
        config.hook.pytest_deselected(items=deselected)


def outside_the_sample(items, seed):
    """The node ids of the items that a seed leaves out."""
    groups = defaultdict(list)
    for item in items:
        mark = item.get_closest_marker("sample")
        if mark:
            of = mark.kwargs.get("of", family(item.nodeid))
            values = tuple(str(parameter(item, name)) for name in mark.kwargs.get("by", ()))
            groups[of, mark.args[0], values].append(item.nodeid)
    return {
        nodeid
        for (_, n, _), nodeids in groups.items()
        for nodeid in sorted(nodeids, key=lambda nodeid: rank(seed, nodeid))[n:]
    }


def parameter(item, name):
    """A parameter of a test, or what `library` and `numpy` ask of its backend."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    if name in ("library", "numpy"):
        library = params["xpnet_backend"].removesuffix("-readonly").removesuffix("-device1")
        return library if name == "library" else library == "numpy"
    return getattr(params[name], "name", params[name])


def rank(seed, nodeid):
    """A number that the seed and the node id alone decide: a test added or removed moves no other."""
    return hashlib.sha256(f"{seed} {nodeid}".encode()).digest()


def family(nodeid):
    """The node id without its parameters."""
    return nodeid.partition("[")[0]


def estimate(nodeids, config):
    """The minutes that the tests take here, by the seconds that their families took when they were last saved."""
    file = config.rootpath / DURATIONS
    seconds = json.loads(file.read_text()) if file.exists() else {}
    absent = {name.partition("-")[0] for name in plugin.selected() if plugin.absence(name)}
    present = (nodeid for nodeid in nodeids if absent.isdisjoint(re.split(r"[-\[\]]", nodeid)))
    total = sum(seconds.get(family(nodeid), UNKNOWN_SECONDS) for nodeid in present)
    return (total / workers(config) + START_SECONDS) / 60


def workers(config):
    """The number of processes that run the tests."""
    return len(getattr(config.option, "tx", None) or [None])


def announcement(nodeids, config):
    minutes = estimate(nodeids, config)
    took = (
        f"about {minutes:.0f} minutes" if minutes >= 1.5 else "about a minute" if minutes > 0.6 else "seconds"
    )
    count = workers(config)
    return f"{took} for {len(nodeids)} tests in {count} process{'es' if count > 1 else ''}"


def pytest_report_collectionfinish(config, items):
    return announcement([item.nodeid for item in items], config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node, ids):
    """The controller collects nothing itself: it speaks once the first worker has collected."""
    if node.gateway.id == "gw0":
        config = node.config
        config.pluginmanager.get_plugin("terminalreporter").write_line(announcement(ids, config))


def pytest_sessionfinish(session):
    """A worker tells the controller what it left out; all workers leave out the same."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["left_out"] = left_out


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    told = (getattr(node, "workeroutput", None) or {}).get("left_out", {})
    if told and not left_out:
        left_out.update(told)
        reporter = node.config.pluginmanager.get_plugin("terminalreporter")
        each = [SimpleNamespace(nodeid=nodeid) for nodeids in told.values() for nodeid in nodeids]
        reporter.stats.setdefault("deselected", []).extend(each)  # the closing line counts them


def pytest_runtest_logreport(report):
    spent[report.nodeid] += report.duration
    if report.when == "call" and report.passed:
        passed.append(report.nodeid)


def pytest_terminal_summary(terminalreporter, config):
    for reason, nodeids in left_out.items():
        if nodeids:
            terminalreporter.write_line(f"{len(nodeids)} tests were not run: {reason}")
    if config.option.save_covered:
        Path(config.option.save_covered).write_text("\n".join(filter(needs_no_library, passed)) + "\n")
    if config.option.save_durations:
        Path(config.option.save_durations).write_text(json.dumps(mean_seconds(), indent=0) + "\n")


def needs_no_library(nodeid):
    """True where no installed library changes what a test does: by its folder, or by its backend."""
    backend = nodeid.rpartition("[")[2].rstrip("]").split("-")
    return nodeid.startswith(INDEPENDENT) or "strict" in backend or "readonly" in backend


def mean_seconds():
    """The mean seconds of a test by family, of those that take a second in all."""
    families = defaultdict(list)
    for nodeid, seconds in spent.items():
        families[family(nodeid)].append(seconds)
    means = {name: round(sum(each) / len(each), 2) for name, each in sorted(families.items())}
    return {
        name: mean
        for name, mean in means.items()
        if mean * len(families[name]) >= 1 and mean > UNKNOWN_SECONDS
    }
