"""Triplets of frames: from folders of images, from raw video, and drawn by the project itself.

Every dataset gives the same item (see ``vfi.data.images.Triplet``) and has ``identity()``, which
says what was measured. ``vfi.data.module`` is kept out of here because it alone imports
Lightning.
"""

from vfi.data.augment import Augment, Augmented, TripletFilter
from vfi.data.clips import Clip, find_clips, select_clips
from vfi.data.heldout import ClipTriplets
from vfi.data.images import Triplet, make_triplet, read_rgb
from vfi.data.layouts import LAYOUTS, Layout, TripletPaths
from vfi.data.sample import SampleTriplets
from vfi.data.sources import SOURCES, TrainData, ValData
from vfi.data.triplets import TripletFolder
from vfi.data.video import StreamSpec, StreamSummary, VideoTriplets

__all__ = [
    "LAYOUTS",
    "SOURCES",
    "Augment",
    "Augmented",
    "Clip",
    "ClipTriplets",
    "Layout",
    "SampleTriplets",
    "StreamSpec",
    "StreamSummary",
    "TrainData",
    "Triplet",
    "TripletFilter",
    "TripletFolder",
    "TripletPaths",
    "ValData",
    "VideoTriplets",
    "find_clips",
    "make_triplet",
    "read_rgb",
    "select_clips",
]
