"""Quality and speed of a network at every sparsity, for several policies."""

from vfi.jobs.sweep.job import sweep
from vfi.jobs.sweep.pictures import draw

__all__ = ["draw", "sweep"]
