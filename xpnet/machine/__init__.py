"""This machine: its CPU, its BLAS, the speed of a matrix product, and advice on its settings.

The package imports nothing, since `cpu` runs before NumPy is loaded.
"""

from __future__ import annotations
