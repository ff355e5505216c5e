"""RIFE video frame interpolation, pruned for low-resource machines."""

from vfi.checkpoints import load_model
from vfi.video import interpolate_frames, interpolate_video

__all__ = ["interpolate_frames", "interpolate_video", "load_model"]
