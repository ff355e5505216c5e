"""Finding, choosing and decoding video clips: files, or folders of numbered images."""

import logging
import os
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np

from vfi import shipped
from vfi.data.images import read_rgb
from vfi.data.layouts import require_folder
from vfi.files import natural_key, visible_files

logger = logging.getLogger(__name__)

VIDEO_SUFFIXES = frozenset(
    (".avi", ".mp4", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv", ".flv")
)
IMAGE_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"))
_EXPECTS = "video clips (.avi, .mp4, .mkv, ...) or folders of numbered images"


Chosen = str | os.PathLike[str] | Sequence[str]
"""A file that lists clips, or their names."""


class DamagedClipError(ValueError):
    """A clip that cannot be decoded, or only in part; the text says why."""


class Clip(NamedTuple):
    """A video file or a folder of images; ``name`` is its path relative to the folder searched."""

    name: str
    path: Path

    def images(self) -> list[Path]:
        """The images of a folder in natural order; none for a file."""
        if not self.path.is_dir():
            return []
        return sorted(_images_in(self.path), key=lambda path: natural_key(path.name))


def _images_in(folder: Path) -> list[Path]:
    return visible_files(folder, IMAGE_SUFFIXES) if folder.is_dir() else []


def find_clips(root: str | os.PathLike[str]) -> list[Clip]:
    """All clips under a folder, at any depth, in natural order of their names.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it is no folder or holds no clip.
    """
    root = Path(root)
    require_folder(root, _EXPECTS)
    clips = []
    seen: set[Path] = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        folders[:] = [name for name in folders if _new(Path(folder, name), seen)]
        files = [file for file in files if not file.startswith(".")]
        suffixes = [Path(file).suffix.lower() for file in files]
        if sum(suffix in IMAGE_SUFFIXES for suffix in suffixes) >= 3:
            clips.append(Path(folder))
        clips += (
            Path(folder, file)
            for file, suffix in zip(files, suffixes, strict=True)
            if suffix in VIDEO_SUFFIXES and Path(folder, file).is_file()  # no pipe, no loop
        )
    if not clips:
        raise ValueError(f"no clips in {root}; expected {_EXPECTS}")
    named = [Clip(path.relative_to(root).as_posix(), path) for path in clips]
    return sorted(named, key=lambda clip: natural_key(clip.name))


def _new(folder: Path, seen: set[Path]) -> bool:
    """Notes a folder; False if a link leads to one that was seen or that it lies in."""
    place = folder.resolve()
    if place in seen or (folder.is_symlink() and folder.absolute().is_relative_to(place)):
        return False
    seen.add(place)
    return True


def select_clips(clips: list[Clip], chosen: Chosen) -> tuple[set[str], int]:
    """The clips that are named, and how many of the names are of none of them.

    A line of a list file is a clip's name relative to the folder, or its last part alone, as with
    UCF-101's class folders; the class number that ends the lines of its ``trainlist01.txt`` is
    ignored, and so are empty lines and what follows a ``#``.

    Raises:
        FileNotFoundError: if there is no such list.
        ValueError: if it names none of the clips.
    """
    by_name = {clip.name.rpartition("/")[2]: clip.name for clip in clips}
    by_name |= {clip.name: clip.name for clip in clips}
    found = [
        by_name.get(name) or by_name.get(name.replace("\\", "/").rpartition("/")[2])
        for name in (_listed(chosen) if isinstance(chosen, str | os.PathLike) else chosen)
    ]
    names = set(filter(None, found))
    if not names:
        raise ValueError(f"{chosen} names none of the {len(clips)} clips found; check the folder")
    return names, found.count(None)


def _listed(list_file: str | os.PathLike[str]) -> list[str]:
    """The names in a list file."""
    path = shipped.found(list_file)
    if not path.is_file():
        raise FileNotFoundError(f"no list of clips {path}; give a text file with a name in a line")
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8; give a name in a line") from error
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [_without_label(line) for line in lines if line]


def _without_label(line: str) -> str:
    labelled = re.fullmatch(r"(.+)\s+\d+", line)
    if labelled and Path(labelled[1].strip()).suffix.lower() in VIDEO_SUFFIXES:
        return labelled[1].strip()
    return line


def choose_clips(
    root: str | os.PathLike[str],
    clips: Chosen | None = None,
    hold_out: Chosen | None = None,
) -> list[Clip]:
    """The clips under ``root``: those named in ``clips`` without those in ``hold_out``.

    Raises:
        FileNotFoundError: if the folder or a list is missing.
        ValueError: if a list fits none of the clips, or nothing is left.
    """
    found = find_clips(root)
    kept = found
    if clips is not None:
        names, absent = select_clips(found, clips)
        kept = [clip for clip in kept if clip.name in names]
        if absent:
            logger.warning("%d clips listed in %s are not in %s", absent, clips, root)
    if hold_out is not None:
        names, _ = select_clips(found, hold_out)
        kept = [clip for clip in kept if clip.name not in names]
    if not kept:
        raise ValueError(f"no clip of {root} is left: {hold_out} holds out all that were chosen")
    return kept


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


def decode(clip: Clip, short_side: int | None = None) -> Iterator[Frame]:
    """The clip's frames in order, one at a time, on one thread.

    Raises:
        DamagedClipError: when it cannot be opened, at its first damaged frame, or at its end if
            that comes before the length its header states.
    """
    if clip.path.is_dir():
        yield from (Frame(path, short_side) for path in clip.images())
        return
    try:
        with av.open(str(clip.path)) as container:
            if not container.streams.video:
                raise DamagedClipError("it has no video")
            yield from _decode_stream(container, short_side)
    except (av.FFmpegError, OSError) as error:
        raise DamagedClipError(getattr(error, "strerror", None) or str(error)) from error


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
    if clip.path.is_dir():
        return len(clip.images())
    try:
        with av.open(str(clip.path)) as container:
            return sum(packet.size > 0 for packet in container.demux(video=0))
    except (av.FFmpegError, OSError, IndexError):
        return 0
