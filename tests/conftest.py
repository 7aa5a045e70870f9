"""Settings of the numeric libraries, made before any of them loads."""

import os

# many small arrays on shared cores: threads cost more than they bring, and a reduction's order stays the same
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ["JAX_ENABLE_X64"] = "1"
os.environ.setdefault(
    "JAX_DEFAULT_MATMUL_PRECISION", "highest"
)  # recent GPUs multiply float32 as TF32 otherwise
