"""This machine: its processor, its BLAS, how fast they multiply, and what would make it faster.

Nothing is imported here: `cpu` runs before NumPy loads.
"""

from __future__ import annotations
