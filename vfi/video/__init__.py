"""Video in, video out: more frames, slower motion."""

from vfi.video.frames import interpolate_frames
from vfi.video.job import interpolate_video
from vfi.video.settings import Settings
from vfi.video.summary import Summary

__all__ = ["Settings", "Summary", "interpolate_frames", "interpolate_video"]
