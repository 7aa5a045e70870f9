"""CuPy, on CUDA devices: the backend, its natives and the code generation behind them."""
