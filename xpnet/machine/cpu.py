"""The CPU's features, and the OpenBLAS kernel that uses them. The module runs before NumPy is loaded."""

from __future__ import annotations

import os
import re
import sys
from importlib.util import find_spec
from typing import NamedTuple

AVX512 = frozenset(("avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd"))
"""The features that OpenBLAS's kernel SkylakeX requires."""
AVX2 = frozenset(("avx2", "fma"))
"""The features that OpenBLAS's kernel Haswell requires."""
WITHOUT_AVX2 = ("Prescott", "Core2", "Nehalem", "Sandybridge", "Barcelona", "Bulldozer", "Piledriver")
"""The OpenBLAS kernels for x86 that do not use AVX2."""
NARROWER = {"SkylakeX": (*WITHOUT_AVX2, "Haswell", "Zen"), "Haswell": WITHOUT_AVX2}
"""For a kernel that OPENBLAS_CORETYPE may name, the kernels with narrower vectors."""
CHOOSES_BY_FEATURES = (0, 3, 21)
"""The first OpenBLAS that selects by features on AMD models newer than itself; NumPy's wheels have it since 1.24."""


class Cpu(NamedTuple):
    """A CPU.

    name: the model. vendor: the vendor id of x86, else empty. flags: the features, as Linux names them.
    """

    name: str
    vendor: str
    flags: frozenset[str]

    @property
    def width(self) -> str:
        """The widest vectors of the CPU, in words."""
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
        """The OpenBLAS kernel with the CPU's widest vectors; None if the CPU has neither AVX-512 nor AVX2."""
        if self.flags >= AVX512:
            return "SkylakeX"
        return "Haswell" if self.flags >= AVX2 else None

    def is_narrower(self, kernel: str | None) -> bool:
        """True if the kernel is known to use narrower vectors than the CPU has."""
        return kernel in NARROWER.get(self.kernel or "", ())


def read(text: str | None = None) -> Cpu:
    """The first CPU of /proc/cpuinfo, or of `text` in its format; on other systems by `_elsewhere`."""
    if text is None:
        try:
            with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
                text = file.read(8192)  # the first CPU; all of 256 take milliseconds
        except OSError:
            return _elsewhere()
    entries = dict(re.findall(r"^([\w ]+?)\s*: (.*)$", text.partition("\n\n")[0], re.MULTILINE))
    flags = entries.get("flags") or entries.get("Features") or ""
    name = entries.get("model name") or os.uname().machine
    return Cpu(name.strip(), entries.get("vendor_id", ""), frozenset(flags.split()))


def _elsewhere() -> Cpu:
    """The CPU by sysctl on macOS, by `platform` on other systems."""
    import platform  # this and subprocess take 10 ms, which only this function needs
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
    """The kernel that NumPy's OpenBLAS should select and does not; None if it selects the right one.

    config: the text of numpy/__config__.py. cpu: by default this machine's.
    OpenBLAS before 0.3.21 takes AMD's models with AVX-512 for older ones without it. Only a build with DYNAMIC_ARCH
    selects its kernel at run time.
    """
    built = re.search(r"OpenBLAS (\d+)\.(\d+)\.(\d+)\S* .*\bDYNAMIC_ARCH\b", config)
    if built is None or tuple(map(int, built.groups())) >= CHOOSES_BY_FEATURES:
        return None
    cpu = read() if cpu is None else cpu
    return "SkylakeX" if cpu.vendor == "AuthenticAMD" and cpu.flags >= AVX512 else None


def choose_kernel() -> str | None:
    """Sets OPENBLAS_CORETYPE if NumPy's OpenBLAS would select a kernel with narrower vectors than the CPU's.

    Does nothing if the user has set it, or if NumPy is loaded. Returns the kernel that it set, or None.
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
