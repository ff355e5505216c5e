"""What cameras and files do to frames: noise, JPEG, H.264."""

from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np

from vfi.data.rendered.spec import RenderSpec

_ENCODER = "libx264"


def check_codec(spec: RenderSpec) -> None:
    """Raises ValueError if H.264 is asked for and this build of PyAV cannot write it."""
    if spec.h264 and _ENCODER not in av.codecs_available:
        raise ValueError(
            f"this build of PyAV has no {_ENCODER}: set render.h264 to 0, or install PyAV's wheel "
            "from PyPI"
        )


def degrade(
    frames: list[np.ndarray], spec: RenderSpec, rng: np.random.Generator
) -> list[np.ndarray]:
    """The frames (img0, gt, img1) with noise and compression, each in its share of the triplets.

    Noise is for the two inputs alone: no network can guess it, so in the true frame it would only
    be noise in the gradient. Compression is for all three, as in the frames of a video.

    Args:
        frames: each (H, W, 3) uint8 RGB; not changed.
        spec: shares and strengths.
        rng: decides.
    """
    noisy, compressed = rng.random(2)
    deviation = rng.uniform(0, spec.noise)
    quality = int(rng.integers(spec.jpeg_quality[0], spec.jpeg_quality[1] + 1))
    rate = int(rng.integers(spec.h264_quality[0], spec.h264_quality[1] + 1))
    if noisy < spec.noisy:
        frames = [_noisy(frames[0], deviation, rng), frames[1], _noisy(frames[2], deviation, rng)]
    if compressed < spec.jpeg:
        return [_jpeg(frame, quality) for frame in frames]
    if compressed < spec.jpeg + spec.h264:
        return _h264(frames, rate)
    return frames


def _noisy(frame: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    noise = rng.standard_normal(frame.shape, np.float32)
    return cv2.add(frame, np.rint(noise * deviation).astype(np.int8), dtype=cv2.CV_8U)


def _jpeg(frame: np.ndarray, quality: int) -> np.ndarray:
    _, content = cv2.imencode(".jpg", frame[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR))[:, :, ::-1]


def _h264(frames: list[np.ndarray], rate: int) -> list[np.ndarray]:
    """The frames as a video of theirs gives them back; odd sides lose their last pixel's colour."""
    height, width = (side + side % 2 for side in frames[0].shape[:2])
    encoder: Any = av.CodecContext.create(_ENCODER, "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"preset": "veryfast", "crf": str(rate), "tune": "zerolatency"}
    encoder.thread_count = 1
    packets = []
    for number, frame in enumerate(frames):
        even = [(0, height - len(frame)), (0, width - frame.shape[1]), (0, 0)]
        picture = av.VideoFrame.from_ndarray(np.pad(frame, even, "edge"), format="rgb24")
        picture.pts = number
        packets += encoder.encode(picture)
    packets += encoder.encode(None)
    decoder: Any = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    pictures = [picture for packet in [*packets, None] for picture in decoder.decode(packet)]
    height, width = frames[0].shape[:2]
    return [picture.to_ndarray(format="rgb24")[:height, :width] for picture in pictures]
