"""The cores that the process may use, and glibc's malloc thresholds."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from xpnet.backends import cores as machine
from xpnet.backends import malloc as memory

# The cores

SELF = {
    "v2": "0::/app/job\n",
    "v1": "9:name=systemd:/\n4:cpu,cpuacct:/app/job\n3:memory:/x\n",
    "none": "4:memory:/x\n",
}


@pytest.mark.parametrize(
    ("kind", "files", "granted"),
    [
        ("v2", {"app/job/cpu.max": "150000 100000\n"}, 1.5),
        ("v2", {"app/job/cpu.max": "max 100000\n", "app/cpu.max": "200000 100000\n"}, 2.0),
        ("v2", {"app/job/cpu.max": "400000 100000\n", "cpu.max": "100000 100000\n"}, 1.0),
        ("v2", {"cpu.max": "max 100000\n"}, None),
        ("v2", {"unified/app/job/cpu.max": "300000 100000\n"}, 3.0),
        ("v2", {"app/job/cpu.max": "rubbish\n"}, None),
        ("v2", {}, None),
        ("v1", {"cpu,cpuacct/app/job/cpu.cfs_quota_us": "50000\n"}, None),
        ("v1", {f"cpu,cpuacct/app/job/cpu.cfs_{n}_us": "50000\n" for n in ("quota", "period")}, 1.0),
        ("v1", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ("v1", {"cpu/cpu.cfs_quota_us": "250000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2.5),
        ("none", {"cpu.max": "100000 100000\n", "memory/x/cpu.max": "100000 100000\n"}, None),
    ],
)
def test_the_quota_is_the_least_of_the_groups(kind, files, granted, tmp_path):
    written = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    for name, text in {"proc/self/cgroup": SELF[kind], **written}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert machine.quota(tmp_path) == granted


def test_without_groups_there_is_no_quota(tmp_path):
    assert machine.quota(tmp_path) is None


@pytest.mark.parametrize(
    ("here", "granted", "cores"), [(8, None, 8), (8, 2.5, 2), (2, 4.0, 2), (4, 0.5, 1), (1, None, 1)]
)
def test_affinity_and_quota_bound_the_cores(here, granted, cores, monkeypatch):
    monkeypatch.setattr(machine, "affinity", lambda: here)
    monkeypatch.setattr(machine, "quota", lambda: granted)
    assert machine.cores() == cores


def test_affinity_is_read_from_the_system(monkeypatch):
    if hasattr(os, "sched_getaffinity"):
        assert machine.affinity() == len(os.sched_getaffinity(0))
        monkeypatch.delattr(os, "sched_getaffinity")
    assert machine.affinity() == os.cpu_count()


# Pages kept

FAULTS = """
import resource, sys
import numpy as np
from xpnet import backends
if sys.argv[1] == "keep":
    assert backends.keep_pages()
def turn():
    for _ in range(20):
        held = [np.ones(500_000, np.float32) for _ in range(32)]
        del held
turn()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
turn()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is Linux's")
def test_freed_pages_stay_in_the_process():
    """In child processes, since the setting cannot be undone."""
    probe = "import ctypes, sys; sys.exit(not hasattr(ctypes.CDLL(None), 'gnu_get_libc_version'))"
    if subprocess.run([sys.executable, "-c", probe], check=False).returncode:
        pytest.skip("the C library is not glibc")
    faults = {
        word: int(
            subprocess.run([sys.executable, "-c", FAULTS, word], capture_output=True, check=True).stdout
        )
        for word in ("keep", "let go")
    }
    assert faults["keep"] < 20 < faults["let go"]


@pytest.mark.parametrize("lacks", ["linux", "glibc", "libc", "success"])
def test_keep_pages_is_false_without_glibc(lacks, monkeypatch):
    set_to = []
    libc = SimpleNamespace(
        gnu_get_libc_version=None, mallopt=lambda *given: set_to.append(given) or lacks != "success"
    )
    if lacks == "linux":
        monkeypatch.setattr(sys, "platform", "darwin")
    if lacks == "glibc":
        del libc.gnu_get_libc_version

    def load(name):
        if lacks == "libc":
            raise OSError
        return libc

    monkeypatch.setattr(memory.ctypes, "CDLL", load)
    assert memory.keep_pages() is False
    assert set_to == ([(-3, 32 * 2**20)] if lacks == "success" else [])
