"""Decoding clips, frame by frame."""

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from vfi.data import stores
from vfi.data.clips import Clip
from vfi.data.images import read_rgb
from vfi.data.patience import within

PATIENCE = 60.0
"""Seconds."""


class DamagedClipError(ValueError):
    """A clip that cannot be decoded, or only in part; the text says why."""


class Frame:
    """A decoded frame that becomes RGB when it is asked for, once."""

    def __init__(self, source: av.VideoFrame | Path, short_side: int | None) -> None:
        self._source = source
        self._short_side = short_side
        self._rgb: np.ndarray | None = None

    def rgb(self) -> np.ndarray:
        """(H, W, 3) uint8; a shorter side over ``short_side`` pixels is shrunk to it."""
        if self._rgb is None:
            if isinstance(self._source, Path):
                image = read_rgb(self._source)
            else:
                image = self._source.to_ndarray(format="rgb24")
            self._rgb = shrink(image, self._short_side)
        return self._rgb


def shrink(image: np.ndarray, short_side: int | None) -> np.ndarray:
    """The (H, W, 3) image with a shorter side of at most ``short_side`` pixels, by area."""
    height, width = image.shape[:2]
    if short_side is None or min(height, width) <= short_side:
        return image
    scale = short_side / min(height, width)
    size = (round(width * scale), round(height * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def decode(
    clip: Clip, short_side: int | None = None, patience: float = PATIENCE
) -> Iterator[Frame]:
    """The clip's frames in order, one at a time, on one thread.

    Args:
        clip: what is decoded.
        short_side: see `shrink`.
        patience: see `clip_file`.

    Raises:
        DamagedClipError: when it cannot be opened, at its first damaged frame, or at its end if
            that comes before the length its header states.
        NoRoomError: if there is no room for a copy of what lies elsewhere.
    """
    if images := clip.images():
        yield from (Frame(path, short_side) for path in images)
        return
    try:
        with clip_file(clip, patience) as file, av.open(file) as container:
            if not container.streams.video:
                raise DamagedClipError("it has no video")
            yield from _decode_stream(container, short_side)
    except stores.NoRoomError:
        raise
    except (av.FFmpegError, OSError) as error:
        raise DamagedClipError(getattr(error, "strerror", None) or str(error)) from error


@contextlib.contextmanager
def clip_file(clip: Clip, patience: float = PATIENCE) -> Iterator[Any]:
    """What `av.open` reads of a clip that is a file: its path, or a copy of what lies elsewhere.

    Args:
        clip: a file.
        patience: seconds to wait for its first bytes, and for each next megabyte of a copy. A disk
            that goes away later than that is not noticed.

    Raises:
        OSError: if it cannot be read.
        TooSlowError: if it takes too long.
    """
    if clip.address is None:
        within(patience, lambda: _touch(clip.path))
        yield str(clip.path)
    else:
        with stores.fetched(clip.address, patience) as file:
            yield file


def _touch(path: Path) -> None:
    with path.open("rb") as file:
        file.read(1)


def _decode_stream(
    container: av.container.InputContainer, short_side: int | None
) -> Iterator[Frame]:
    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1  # workers are the parallelism; threads multiply memory
    size, end = None, 0.0
    for number, frame in enumerate(container.decode(stream)):
        size = size or (frame.width, frame.height)
        if frame.is_corrupt:
            raise DamagedClipError(f"frame {number} is damaged")
        if (frame.width, frame.height) != size:
            raise DamagedClipError(f"frame {number} changes its size")
        end = frame.time if frame.time is not None else end
        yield Frame(frame, short_side)
    _require_end(container, stream, end)


def _require_end(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, end: float
) -> None:
    """Raises when decoding stopped early; formats disagree about where the length is written."""
    if not stream.average_rate:
        return
    period = float(1 / stream.average_rate)
    tick = stream.time_base or Fraction(0)
    if stream.frames:
        stated, slack = stream.frames * period, 0.02
    elif stream.duration:
        stated, slack = float(stream.duration * tick), 0.02
    else:  # the whole file's length, which sound may stretch
        stated, slack = (container.duration or 0) / av.time_base, 0.05
    start = float((stream.start_time or 0) * tick)
    reached = end - start + period
    if stated - reached > max(3 * period, slack * stated):
        raise DamagedClipError(f"it ends after {reached:.1f} s of {stated:.1f} s")


def count_frames(clip: Clip) -> int:
    """How many frames the clip holds, by its packets, without decoding; 0 if it cannot be read."""
    if images := clip.images():
        return len(images)
    try:
        with clip_file(clip) as file, av.open(file) as container:
            return count_packets(container)
    except (av.FFmpegError, OSError, IndexError):
        return 0


def count_packets(container: av.container.InputContainer) -> int:
    """How many frames the first video stream holds, by its packets."""
    return sum(packet.size > 0 for packet in container.demux(video=0))
