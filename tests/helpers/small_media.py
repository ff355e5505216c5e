"""Writers of small images and clips whose pixels say what they are."""

from pathlib import Path

import av
import cv2
import numpy as np


def write_png(path: Path, image: np.ndarray) -> Path:
    """Writes an RGB image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return path


def textured(seed: int, height: int = 24, width: int = 32) -> np.ndarray:
    """An RGB image of noise."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write_clip(path: Path, frames: list[np.ndarray], codec: str = "ffv1", rate: int = 25) -> Path:
    """Writes a clip of RGB frames; the default codec keeps every bit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "bgr0" if codec == "ffv1" else "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def numbered(clip: int, count: int, side: int = 32) -> list[np.ndarray]:
    """Frames of one colour each: red is the frame's number, green the clip's."""
    return [np.full((side, side, 3), (number, clip, 77), np.uint8) for number in range(count)]


LENGTHS = {"a.mkv": 9, "b.avi": 14, "c.mkv": 5, "deep/d.mkv": 11, "images": 7}
"""Frames of each clip in the ``clips`` folder."""
