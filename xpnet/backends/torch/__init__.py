"""PyTorch on the CPU, CUDA or MPS: the backend, its natives and its update."""
