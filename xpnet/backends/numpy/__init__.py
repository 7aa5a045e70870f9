"""NumPy, on the CPU: the backend, its natives, and the threads of its BLAS."""
