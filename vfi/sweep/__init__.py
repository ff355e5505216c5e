"""Quality and speed of a network at every sparsity, for several policies."""

from vfi.sweep.job import sweep

__all__ = ["sweep"]
