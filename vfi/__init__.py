"""RIFE video frame interpolation, pruned for low-resource machines."""

from vfi.checkpoints import load_model

__all__ = ["load_model"]
