"""What is known of a collection of clips once all of them have been looked at, by `vfi index`."""

import hashlib
import heapq
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import av

from vfi.data.clips import Clip, clip_below
from vfi.data.decoding import clip_file, count_packets
from vfi.data.patience import TooSlowError, within
from vfi.data.stores import NoRoomError
from vfi.files import natural_key, sha256, sha256_of
from vfi.schema import read_record

SCHEMA = {
    "root": str,
    "clips": [
        {
            "name": str,
            "bytes": int,
            "frames": int,
            "width": int,
            "height": int,
            "sha256": (str, None),
            "error": (str, None),
        }
    ],
}
"""Of the file."""


@dataclass(frozen=True)
class Entry:
    """A clip.

    Attributes:
        name: relative to the root.
        bytes: its size.
        frames: how many there are, by its packets; 0 if it cannot be read.
        width: of a frame, in pixels; 0 if it cannot be read.
        height: likewise.
        sha256: of its contents; of a folder of images, of their hashes in order.
        error: why it is not to be read, if so.
    """

    name: str
    bytes: int
    frames: int = 0
    width: int = 0
    height: int = 0
    sha256: str | None = None
    error: str | None = None


def read_index(path: str | os.PathLike[str]) -> list[Entry]:
    """The clips in an index, in natural order of their names.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is damaged, with the field.
    """
    try:
        record: dict[str, Any] = read_record(path, SCHEMA)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"there is no index {path}; make one by: vfi index <root> -o {path}"
        ) from None
    known = Entry.__dataclass_fields__
    entries = [Entry(**{k: v for k, v in row.items() if k in known}) for row in record["clips"]]
    return sorted(entries, key=lambda entry: natural_key(entry.name))


def root_of_index(path: str | os.PathLike[str]) -> str:
    """The folder or address whose clips an index knows.

    Raises:
        ValueError: if it is damaged, with the field.
    """
    return str(read_record(path, SCHEMA)["root"])


def indexed_clips(root: str | os.PathLike[str], entries: Iterable[Entry]) -> list[Clip]:
    """The clips of an index that can be read; the folder is not searched."""
    return [clip_below(root, entry.name, entry.bytes) for entry in entries if entry.error is None]


def look_at(clip: Clip, seconds: float) -> Entry:
    """What is to be known of a clip; what takes longer than ``seconds`` is an error of its own."""
    size = 0
    try:
        size = within(seconds, clip.bytes)
        return within(seconds, lambda: _looked(clip, size, seconds))
    except TooSlowError:
        return Entry(clip.name, size, error=f"it could not be read in {seconds:g} s")
    except NoRoomError:
        raise
    except (ValueError, OSError, av.FFmpegError) as error:
        return Entry(clip.name, size, error=" ".join(str(error).split()))


def _looked(clip: Clip, size: int, seconds: float) -> Entry:
    if images := clip.images():
        hashes = "".join(sha256(image) for image in images)
        digest = hashlib.sha256(hashes.encode()).hexdigest()
        frames, (_, width, height) = len(images), _measured(str(images[0]))
        return Entry(clip.name, size, frames, width, height, digest)
    with clip_file(clip, seconds) as file:
        digest = _digest(file)
        return Entry(clip.name, size, *_measured(file), digest)


def _digest(file: Any) -> str:
    """The SHA-256 of a path or an open file, which is at its beginning before and after."""
    if isinstance(file, str):
        return sha256(file)
    digest = sha256_of(file)
    file.seek(0)
    return digest


def _measured(file: Any) -> tuple[int, int, int]:
    """Frames, width and height.

    Raises:
        OSError: if there is no video in it.
    """
    with av.open(file) as container:
        if not container.streams.video:
            raise OSError("it has no video")
        context = container.streams.video[0].codec_context
        width, height = context.width, context.height
        return count_packets(container), width, height


def balanced(order: Sequence[int], lengths: Sequence[int], shares: int) -> list[list[int]]:
    """Deals clips out so that all shares are about equally long, each in the order given.

    The longest still to be dealt goes to the shortest share; those that are equally long, and
    shares that are, come in their order.

    Args:
        order: numbers of clips.
        lengths: of clips by number, in frames.
        shares: how many.
    """
    place = {clip: position for position, clip in enumerate(order)}
    dealt: list[list[int]] = [[] for _ in range(shares)]
    heap = [(0, share) for share in range(shares)]
    for clip in sorted(order, key=lambda clip: (-lengths[clip], place[clip])):
        total, share = heapq.heappop(heap)
        dealt[share].append(clip)
        heapq.heappush(heap, (total + lengths[clip], share))
    return [sorted(share, key=place.__getitem__) for share in dealt]
