#!/usr/bin/env bash
# One backend's row of the matrix: ci/matrix.sh BACKEND [PYTEST ARGUMENTS], with --full for every test of it
set -euo pipefail
cd "$(dirname "$0")/.."
row=${1:-nothing}
backend=$row
case $row in
  numpy | strict) set -- "${@:2}" ;;
  torch | jax) set -- --backends "$row" "${@:2}" ;;
  numba)  # NumPy's arrays, with the compiled natives
    backend=numpy
    set -- --backends numba "${@:2}" ;;
  *)
    echo "ci/matrix.sh got $row: give one of numpy, strict, torch, jax, numba (CuPy is tested by ci/gpu.sh)." >&2
    exit 2 ;;
esac
export XPNET_TEST_BACKENDS=$backend XPNET_REQUIRE_BACKENDS=$backend
exec "${PYTHON:-python3}" ci/dev.py test "$@"
