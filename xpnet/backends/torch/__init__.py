"""PyTorch, on the CPU, CUDA or Apple's GPU: the backend, its natives and its update."""
