#!/usr/bin/env bash
# MLX: an array made of a float64 NumPy array is float32, without a warning, though MLX has float64 on the CPU.
#
# Seen with mlx 0.32.4 and numpy 2.4.6 on Linux x86-64: `asarray` and `array` give float32 where no dtype is named.
# With dtype=mlx.core.float64 all digits are kept. int64 stays int64.
# Consequence: name the dtype, or refuse float64 before the copy.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 'mlx[cpu]==0.32.4'
cat > "$folder/run.py" <<'PYTHON'
import mlx.core as mx
import numpy as np

third = np.asarray([1 / 3])
print("asarray:", mx.asarray(third).dtype)
print("array:", mx.array(third).dtype)
print("named:", mx.array(third, dtype=mx.float64).dtype, mx.array(third, dtype=mx.float64).item() == 1 / 3)
print("int64:", mx.asarray(np.asarray([1])).dtype)
PYTHON
"$folder/venv/bin/python" -W error "$folder/run.py" | tee "$folder/seen"
diff "$folder/seen" - <<'EXPECTED'
asarray: mlx.core.float32
array: mlx.core.float32
named: mlx.core.float64 True
int64: mlx.core.int64
EXPECTED
