"""The CPU, and the OpenBLAS kernel that it deserves; imports nothing heavy, for it runs before NumPy loads."""

from __future__ import annotations

import os
import re
import sys
from importlib.util import find_spec
from typing import NamedTuple

AVX512 = frozenset(("avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd"))
AVX2 = frozenset(("avx2", "fma"))
OLD = ("Prescott", "Core2", "Nehalem", "Sandybridge", "Barcelona", "Bulldozer", "Piledriver")
LESS = {"SkylakeX": (*OLD, "Haswell", "Zen"), "Haswell": OLD}
"""Kernels that OPENBLAS_CORETYPE may name, and those that leave out vectors which the first ones use."""
KNOWS_NEW_AMD = (0, 3, 21)
"""The first OpenBLAS that chooses by features on AMD models younger than itself; NumPy's wheels have it since 1.24."""


class Cpu(NamedTuple):
    """A processor's name, its maker's, and its features as Linux writes them."""

    name: str
    vendor: str
    flags: frozenset[str]

    @property
    def width(self) -> str:
        """The widest vectors, in words."""
        if self.flags >= AVX512:
            return "512-bit vectors (AVX-512)"
        if "avx2" in self.flags or "avx" in self.flags:
            return f"256-bit vectors ({'AVX2' if 'avx2' in self.flags else 'AVX'})"
        if "sve" in self.flags:
            return "vectors of 128 bits or more (SVE)"
        if "asimd" in self.flags or "neon" in self.flags:
            return "128-bit vectors (NEON)"
        return "128-bit vectors (SSE2)" if "sse2" in self.flags else "vectors of unknown width"

    @property
    def kernel(self) -> str | None:
        """The best kernel for it that OPENBLAS_CORETYPE can name; None where this table has none."""
        if self.flags >= AVX512:
            return "SkylakeX"
        return "Haswell" if self.flags >= AVX2 else None

    def less(self, kernel: str | None) -> bool:
        """Whether a kernel is known to leave out vectors that the processor has."""
        return kernel in LESS.get(self.kernel or "", ())


def read(text: str | None = None) -> Cpu:
    """The processor that /proc/cpuinfo describes, the first of them; else what the system says."""
    if text is None:
        try:
            with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
                text = file.read(8192)  # the first processor; all of 256 take milliseconds
        except OSError:
            return _elsewhere()
    entries = dict(re.findall(r"^([\w ]+?)\s*: (.*)$", text.partition("\n\n")[0], re.MULTILINE))
    flags = entries.get("flags") or entries.get("Features") or ""
    name = entries.get("model name") or os.uname().machine
    return Cpu(name.strip(), entries.get("vendor_id", ""), frozenset(flags.split()))


def _elsewhere() -> Cpu:
    """macOS by sysctl, others by Python's own knowledge."""
    import platform  # with subprocess 10 ms, which only this needs
    import subprocess

    if sys.platform != "darwin":
        return Cpu(platform.processor() or platform.machine() or "unknown", "", frozenset())
    asked = ["machdep.cpu.brand_string", "hw.optional.avx2_0", "hw.optional.avx512f", "hw.optional.neon"]
    answers = []
    for name in asked:
        try:
            done = subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, timeout=5)
            answers.append(done.stdout.strip())
        except (OSError, subprocess.TimeoutExpired):
            answers.append("")
    flags = {
        flag for flag, answer in zip(("avx2", "avx512f", "neon"), answers[1:], strict=True) if answer == "1"
    }
    if "avx2" in flags:
        flags |= {"avx", "fma"}
    if "avx512f" in flags:
        flags |= AVX512
    return Cpu(answers[0] or platform.machine(), "", frozenset(flags))


def missed(config: str, cpu: Cpu | None = None) -> str | None:
    """The kernel that NumPy's OpenBLAS would not choose by itself and should; None where it chooses right.

    config: the text of numpy/__config__.py. cpu: this one where none is given. OpenBLAS before 0.3.21 took AMD's
    models with AVX-512 for older ones that have none. What chooses at run time is built with DYNAMIC_ARCH.
    """
    built = re.search(r"OpenBLAS (\d+)\.(\d+)\.(\d+)\S* .*\bDYNAMIC_ARCH\b", config)
    if built is None or tuple(map(int, built.groups())) >= KNOWS_NEW_AMD:
        return None
    cpu = read() if cpu is None else cpu
    return "SkylakeX" if cpu.vendor == "AuthenticAMD" and cpu.flags >= AVX512 else None


def choose_kernel() -> str | None:
    """Sets OPENBLAS_CORETYPE where the user has not, NumPy is not loaded, and its OpenBLAS would choose less.

    Gives the kernel that it set, or None.
    """
    if "OPENBLAS_CORETYPE" in os.environ or "numpy" in sys.modules:
        return None
    spec = find_spec("numpy")
    if spec is None or not spec.origin:
        return None
    try:
        config = os.path.join(os.path.dirname(spec.origin), "__config__.py")
        with open(config, encoding="utf-8", errors="replace") as file:
            kernel = missed(file.read(8192))
    except OSError:
        return None
    if kernel is not None:
        os.environ["OPENBLAS_CORETYPE"] = kernel
    return kernel
