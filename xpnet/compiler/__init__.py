"""The compiler behind a replayed step on NumPy: tracing, memory plan, replay, code generation, threads.

Nothing is imported here: what a program does not use (Numba above all) it does not load.
"""
