"""Video in, video out: more frames, slower motion, and a check of how good they are."""

from vfi.interpolate.compare import compare_video
from vfi.interpolate.evaluate import evaluate_video
from vfi.interpolate.frames import interpolate_frames
from vfi.interpolate.job import interpolate, interpolate_video
from vfi.interpolate.settings import Settings
from vfi.interpolate.summary import Summary

__all__ = [
    "Settings",
    "Summary",
    "compare_video",
    "evaluate_video",
    "interpolate",
    "interpolate_frames",
    "interpolate_video",
]
