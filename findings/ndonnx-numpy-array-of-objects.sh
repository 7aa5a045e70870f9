#!/usr/bin/env bash
# ndonnx: numpy.array of an ndonnx array is a 0-dimensional array of one object, without an error.
#
# Seen with ndonnx 0.23.0 and numpy 2.4.6: the arrays have no `__array__`, so NumPy takes one for a scalar object.
# `unwrap_numpy()` gives the values. `take` refuses int32 indices with a TypeError and takes int64 ones.
# Consequence: check for dtype object after a copy to NumPy; cast indices to int64.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 ndonnx==0.23.0
cat > "$folder/run.py" <<'PYTHON'
import ndonnx as ndx
import numpy as np

x = ndx.asarray(np.asarray([1.0, 2.0, 3.0]))
found = np.array(x)
print("numpy.array:", found.dtype, found.shape)
print("unwrap_numpy:", x.unwrap_numpy().tolist())
for kind in (np.int32, np.int64):
    index = ndx.asarray(np.asarray([2, 0], dtype=kind))
    try:
        print(kind.__name__, ndx.take(x, index, axis=0).unwrap_numpy().tolist())
    except TypeError:
        print(kind.__name__, "TypeError")
PYTHON
"$folder/venv/bin/python" "$folder/run.py" | tee "$folder/seen"
diff "$folder/seen" - <<'EXPECTED'
numpy.array: object ()
unwrap_numpy: [1.0, 2.0, 3.0]
int32 TypeError
int64 [3.0, 1.0]
EXPECTED
