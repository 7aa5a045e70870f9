"""`xpnet doctor`: its facts, its advice, and the kernel that the command line chooses."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from xpnet import backends
from xpnet.backends import cores as machine
from xpnet.cli import doctor, main
from xpnet.machine import cpu, facts
from xpnet.machine.advice import advice as advise

INTEL = (
    "vendor_id\t: GenuineIntel\nmodel name\t: Xeon 8375C\nflags\t\t: sse2 avx avx2 fma {}\n\nprocessor : 1"
)
AMD = (
    "vendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC 9354\nflags\t\t: sse2 avx avx2 fma {}\n\nprocessor : 1"
)
ARM = "processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd evtstrm {}\nCPU part\t: 0xd40\n"
WIDE = "avx512f avx512dq avx512cd avx512bw avx512vl"
OPENBLAS = 'r"OpenBLAS {}  USE64BITINT DYNAMIC_ARCH NO_AFFINITY Haswell MAX_THREADS=64",'


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    for name in facts.THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def quick(monkeypatch):
    """No child process and no probe: the speeds are told. A dict from (threads, OPENBLAS_CORETYPE) to a Speed."""
    speeds = {(1, None): facts.Speed(200.0, "SkylakeX")}
    monkeypatch.setattr(
        facts, "measure", lambda threads, kind: speeds.get((threads, kind), facts.Speed(None, None))
    )
    monkeypatch.setattr(
        backends, "available", lambda probe: {"numpy": backends.Availability(True, "computes")}
    )
    monkeypatch.setattr(cpu, "read", lambda: cpu.Cpu("AMD EPYC", "AuthenticAMD", cpu.AVX512 | cpu.AVX2))
    monkeypatch.setattr(machine, "cores", lambda: 4)
    monkeypatch.setattr(facts, "_libraries", lambda: [{**LIBRARY}])
    monkeypatch.setattr(facts, "version", lambda package: "1.0")
    monkeypatch.setattr(facts.numba, "absence", lambda: None)
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    return speeds


LIBRARY = {"library": "openblas", "version": "0.3.31", "kernel": "SkylakeX", "threads": 1}


def mended():
    """The lines to type that the doctor found."""
    return [item["type"].partition("   #") for item in advise(facts.facts())]


# The facts


def test_the_facts_are_those_of_this_process(monkeypatch, capsys):
    if find_spec("threadpoolctl") is None:
        pytest.skip("threadpoolctl is not installed: pip install 'xpnet[fast]'")
    from threadpoolctl import threadpool_info

    monkeypatch.setattr(facts, "CHILD_SECONDS", 0.01)
    monkeypatch.setattr(facts, "ROUNDS", 1)
    assert main(["doctor", "--json"]) == 0
    out, err = capsys.readouterr()
    assert (out.count("\n"), err) == (1, "")
    found = json.loads(out)
    blas = next(library for library in threadpool_info() if library["user_api"] == "blas")
    assert found["blas"]["kernel"] == blas["architecture"]
    assert found["blas"]["threads"] == blas["num_threads"]
    assert found["blas"]["version"] == blas["version"]
    assert found["numpy"] == np.__version__
    assert found["cores"]["usable"] == machine.cores() <= machine.affinity()
    assert found["matmul"]["one"]["gflops"] > 0.1
    assert found["backends"]["numpy"] == {"ok": True, "reason": "computes on cpu"}
    assert list(found["backends"]) == list(backends.available())


def test_a_person_sees_every_fact(monkeypatch, quick, capsys):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert main(["doctor"]) == 0
    out, err = capsys.readouterr()
    assert err == "measuring for about 5 seconds...\n"
    for fact in (
        "AMD EPYC, 512-bit vectors (AVX-512)",
        f"4 of {os.cpu_count()} for this process",
        "openblas 0.3.31, kernel SkylakeX, 1 thread\n",
        "OMP_NUM_THREADS=3 is set",
        "200 GFLOP/s (SkylakeX) on one core",
        "no better kernel is known for this CPU",
        "backends       numpy   computes",
    ):
        assert fact in out
    assert out.endswith("\nnothing to fix\n")
    for decision in ("natives", "threads", "steps_per_call", "epoch_overlap", "cuts"):
        assert f"\n{decision}" in out


def test_the_plan_of_an_example_training_is_explained(capsys, quick):
    assert main(["doctor", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)["plan"]
    assert "64-64-10" in plan["training"]
    assert all(decision["why"] for decision in plan["decisions"].values())
    assert plan["decisions"]["cuts"]["value"] == "between steps"


def test_without_threadpoolctl_numpy_is_asked(monkeypatch, capsys):
    monkeypatch.setattr(facts, "measure", lambda threads, kind: facts.Speed(50.0, "Zen"))
    monkeypatch.setattr(backends, "available", lambda probe: {})
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    monkeypatch.setattr(facts, "version", lambda package: None if package == "threadpoolctl" else "1.0")
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert np.show_config(mode="dicts")["Build Dependencies"]["blas"]["version"] in out
    assert "kernel Zen, " in out  # which the measuring child told
    assert "threadpoolctl  not installed: pip install 'xpnet[fast]'" in out
    assert "threadpoolctl is not installed: a training" in out


@pytest.mark.skipif(sys.platform != "linux", reason="the kernels are those of OpenBLAS on x86")
def test_a_child_runs_on_the_kernel_it_is_told(monkeypatch):
    if cpu.read().kernel is None or measured(None).kernel is None:
        pytest.skip("no x86, or no OpenBLAS")
    assert measured("Nehalem").kernel == "Nehalem"
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Nehalem")
    assert measured(None).kernel != "Nehalem"  # the child's environment is not this one
    assert os.environ["OPENBLAS_CORETYPE"] == "Nehalem"


def measured(kind):
    return facts.measure(1, kind)


@pytest.mark.parametrize("script", ["raise SystemExit(1)", "print('no number')", ""])
def test_a_child_that_fails_is_no_speed(script, monkeypatch, capsys):
    monkeypatch.setattr(facts, "MEASURE", script)
    assert facts.measure(1, None) == (None, None)
    monkeypatch.setattr(backends, "available", lambda probe: {})
    assert main(["doctor"]) == 0
    assert "could not be measured on one core" in capsys.readouterr().out


# The advice


def test_a_setting_that_costs_is_named_and_left(monkeypatch, quick):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    quick[1, "Haswell"] = facts.Speed(100.0, "Haswell")
    found = facts.facts()
    (item,) = advise(found)
    assert item["say"].startswith(
        "OPENBLAS_CORETYPE=Haswell is set, and without it NumPy takes kernel SkylakeX"
    )
    assert item["type"] == "unset OPENBLAS_CORETYPE   # matmul 2.0 times as fast, measured"
    assert os.environ["OPENBLAS_CORETYPE"] == "Haswell"
    assert "OPENBLAS_CORETYPE=Haswell is set\n" in doctor.report({**found, "fix": []})


@pytest.mark.parametrize(
    ("fast", "says"),
    [(160.0, "matmul 1.6 times as fast, measured"), (110.0, None), (40.0, None), (None, None)],
)
def test_a_better_kernel_is_named_where_it_was_measured_to_be(fast, says, monkeypatch, quick):
    quick[1, None] = facts.Speed(100.0, "Haswell")
    quick[1, "SkylakeX"] = facts.Speed(fast, "SkylakeX")
    monkeypatch.setitem(LIBRARY, "kernel", "Haswell")
    expected = [("export OPENBLAS_CORETYPE=SkylakeX", "   #", f" {says}")] if says else []
    assert mended() == expected


def test_a_setting_as_good_as_none_is_nothing_to_mend(monkeypatch, quick):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "SkylakeX")
    quick[1, "SkylakeX"] = facts.Speed(190.0, "SkylakeX")
    assert mended() == []


def test_threads_that_lose_or_are_too_many_are_named(monkeypatch, quick):
    monkeypatch.setitem(LIBRARY, "threads", 8)
    quick[8, None] = facts.Speed(50.0, "SkylakeX")
    assert [line for line, _, _ in mended()] == [
        "export OPENBLAS_NUM_THREADS=4",
        "export OPENBLAS_NUM_THREADS=1",
    ]
    monkeypatch.setitem(LIBRARY, "threads", 4)
    quick[4, None] = facts.Speed(700.0, "SkylakeX")
    assert mended() == []


def test_missing_packages_and_an_idle_cuda_device_are_named(monkeypatch, quick):
    monkeypatch.setattr(facts, "version", lambda package: None)
    monkeypatch.setattr(os.path, "exists", lambda path: path == "/dev/nvidia0")
    absent = backends.Availability(False, "cupy is not installed: pip install 'xpnet[cuda13]'")
    monkeypatch.setattr(backends, "available", lambda probe: {"cupy": absent})
    items = advise(facts.facts())
    assert [item["type"] for item in items] == ["pip install 'xpnet[fast]'"] * 2 + [""]
    assert items[2]["say"].endswith(absent.reason)
    advice = doctor._advice(items)
    assert advice[0] == "3 things to fix:"
    assert [line[:3] for line in advice if line[0].isdigit()][1:] == ["1. ", "2. ", "3. "]
    assert max(map(len, advice)) <= 100


# The processor and its kernel


@pytest.mark.parametrize(
    ("text", "name", "width", "kernel"),
    [
        (INTEL.format(WIDE), "Xeon 8375C", "512-bit vectors (AVX-512)", "SkylakeX"),
        (INTEL.format(""), "Xeon 8375C", "256-bit vectors (AVX2)", "Haswell"),
        (INTEL.format("avx512f"), "Xeon 8375C", "256-bit vectors (AVX2)", "Haswell"),  # a Xeon Phi
        (AMD.format(WIDE), "AMD EPYC 9354", "512-bit vectors (AVX-512)", "SkylakeX"),
        (AMD.format(""), "AMD EPYC 9354", "256-bit vectors (AVX2)", "Haswell"),
        (ARM.format(""), None, "128-bit vectors (NEON)", None),
        (ARM.format("sve"), None, "vectors of 128 bits or more (SVE)", None),
        ("", None, "vectors of unknown width", None),
    ],
)
def test_a_processor_is_read(text, name, width, kernel):
    found = cpu.read(text)
    assert found.name == (name or os.uname().machine)
    assert (found.width, found.kernel) == (width, kernel)


def test_order_of_kernels():
    wide, narrow, arm = cpu.read(AMD.format(WIDE)), cpu.read(INTEL.format("")), cpu.read(ARM.format(""))
    assert wide.is_narrower("Haswell")
    assert wide.is_narrower("Zen")
    assert not wide.is_narrower("Cooperlake")
    assert not wide.is_narrower(None)
    assert narrow.is_narrower("Nehalem")
    assert not narrow.is_narrower("Haswell")
    assert not arm.is_narrower("neoversen1")


@pytest.mark.parametrize(
    ("text", "version", "kernel"),
    [
        (AMD.format(WIDE), "0.3.20", "SkylakeX"),
        (AMD.format(WIDE), "0.3.21", None),
        (AMD.format(WIDE), "0.3.31.188.0", None),
        (AMD.format(""), "0.3.20", None),
        (INTEL.format(WIDE), "0.3.20", None),
        (ARM.format(""), "0.3.20", None),
    ],
)
def test_only_a_kernel_that_openblas_would_miss_is_chosen(text, version, kernel):
    assert cpu.missed(OPENBLAS.format(version), cpu.read(text)) == kernel
    assert cpu.missed(OPENBLAS.format(version).replace("DYNAMIC_ARCH", ""), cpu.read(text)) is None
    assert cpu.missed('"name": "accelerate"', cpu.read(text)) is None


START = """
import os, sys
from xpnet.cli import main
from xpnet.machine import cpu
cpu.missed = lambda config: "Nehalem"
{}
status = main(sys.argv[1:])
print(os.environ.get("OPENBLAS_CORETYPE"), "numpy" in sys.modules)
"""
TRAIN = ["train", "digits", "--backend", "numpy", "--epochs", "1", "--hidden=", "--no-save"]


@pytest.mark.parametrize(
    ("before", "args", "kernel", "said"),
    [
        ("", TRAIN, "Nehalem", True),
        ("", [*TRAIN, "-q"], "Nehalem", False),
        ("os.environ['OPENBLAS_CORETYPE'] = 'Haswell'", TRAIN, "Haswell", False),  # the user's own
        ("import numpy", TRAIN, "None", False),  # too late
    ],
)
def test_the_command_line_chooses_before_numpy_loads(before, args, kernel, said):
    done = subprocess.run(
        [sys.executable, "-c", START.format(before), *args], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == f"{kernel} True"
    assert ("OPENBLAS_CORETYPE=Nehalem: NumPy's OpenBLAS is too old" in done.stderr) is said


def test_help_neither_chooses_nor_loads_numpy():
    for args in (["--help"], ["doctor", "--help"], []):
        done = subprocess.run(
            [sys.executable, "-c", START.format(""), *args], capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == "None False"
