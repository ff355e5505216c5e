"""Quality and speed of a network at every sparsity, for several policies."""

from vfi.jobs.sweep.job import sweep

__all__ = ["sweep"]
