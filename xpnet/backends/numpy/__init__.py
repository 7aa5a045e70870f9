"""NumPy on the CPU: the backend, its natives, replayed predictions, and the threads of its BLAS."""
