#!/usr/bin/env bash
# The suite and the benchmarks on a CUDA machine, logged in ci/results/: ci/gpu.sh [PYTEST ARGUMENTS]
# Installs nothing: CuPy, pytest and the extra `test` are there already, and there may be no network.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
day=$(date +%F)

fail() {
  echo "ci/gpu.sh: $1" >&2
  exit 2
}

devices=$(nvidia-smi -L 2>/dev/null | sed 's/ *(UUID.*//') ||
  fail "nvidia-smi lists no device here: run this on a machine with a CUDA device and its driver."
# A matmul, an elementwise kernel and a copy to the host: each needs another of CUDA's libraries.
error=$("$python" -c 'import cupy; x = cupy.ones((8, 8)); assert float(cupy.exp(x @ x - 8).sum()) == 64' 2>&1) ||
  fail "CuPy cannot compute (${error##*$'\n'}): install the extra cuda12 or cuda13, whichever the driver takes."

export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}
plugin=$("$python" -c '
from importlib.metadata import entry_points
if "xpnet" not in entry_points(group="pytest11").names:  # xpnet is not installed, and its plugin not found by itself
    print("-p xpnet.testing.plugin")
')

output=$(mktemp)
trap 'rm -f "$output"' EXIT
failed=0
began=$SECONDS
# shellcheck disable=SC2086  # two words, or none
XPNET_REQUIRE_BACKENDS=cupy "$python" -m pytest $plugin "$@" 2>&1 | tee "$output" || failed=1

log=ci/results/gpu-$day.md
block() {  # a Markdown block of what comes in, without where this machine keeps the repository
  printf '```\n'
  sed "s|$PWD|.|g"
  printf '```\n'
}
{
  printf '# The suite and the benchmarks on a GPU, %s\n\n' "$day"
  block <<<"$devices"
  printf '\nThe commit is %s.\n\n' "$(git describe --always --dirty 2>/dev/null || echo unknown)"
  "$python" -c '
import platform, sys
from importlib.metadata import PackageNotFoundError, version
import cupy
runtime = cupy.cuda.runtime
print("Python", platform.python_version(), "on", platform.platform())
print("cupy", cupy.__version__, "CUDA runtime", runtime.runtimeGetVersion(), "driver", runtime.driverGetVersion())
for name in ("numpy", "array-api-compat", "array-api-strict", "torch", "jax", "numba", "pytest"):
    try:
        print(name, version(name))
    except PackageNotFoundError:
        print(name, "absent")
' | block
  printf '\n## pytest %s\n\n%s s; its closing lines:\n\n' "$*" "$((SECONDS - began))"
  tail -n 40 "$output" | block
} >"$log"

shopt -s nullglob
for benchmark in ci/benchmarks/*.py; do
  status=0
  "$python" "$benchmark" 2>&1 | tee "$output" || status=$?
  ((status == 0)) || failed=1
  {
    printf '\n## %s\n\nExit status %s.\n\n' "$benchmark" "$status"
    block <"$output"
  } >>"$log"
done
echo "ci/gpu.sh: wrote $log" >&2
exit "$failed"
