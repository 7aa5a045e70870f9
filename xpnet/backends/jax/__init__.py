"""JAX: the backend and its natives."""
