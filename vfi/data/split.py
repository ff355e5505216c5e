"""Which clips a training holds out for validation where nobody named any."""

import hashlib
import logging
import re
from dataclasses import replace
from pathlib import PurePosixPath

from vfi.data.clips import Clip, choose_clips
from vfi.data.index import indexed_clips, read_index
from vfi.data.sources import TrainData, ValData, validated

logger = logging.getLogger(__name__)

SHARE = 0.15  # of the videos
MOST = 16  # videos: their crops are kept in memory
_PART = re.compile(r"[\W_]*(part|clip|scene|shot|segment|take|c)?[\W_]*\d+$", re.IGNORECASE)


def with_default_split(train: TrainData, val: ValData) -> tuple[TrainData, ValData]:
    """What is trained and validated on: clips are held out, whole, where no list names any.

    That is where training reads clips, and validation the same folder or nothing of its own.

    Args:
        train: as configured.
        val: likewise.

    Returns:
        Both, with folders filled in, and with the names of the clips where they were chosen here.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it holds no clips, or all may be parts of one video.
    """
    val = validated(val, train)
    if train.source not in ("video", "mixed") or train.root is None:
        return train, val
    if (val.source, val.root) == ("auto", None):
        val = replace(val, source="video", root=train.root)
    listed = train.clips or train.hold_out or val.clips
    if listed or (val.source, val.root) != ("video", train.root):
        return train, val
    known = indexed_clips(train.root, read_index(train.index)) if train.index else None
    held = held_out(choose_clips(train.root, known=known), train.root)
    return replace(train, hold_out=held), replace(val, clips=held)


def held_out(clips: list[Clip], root: str) -> tuple[str, ...]:
    """The names of the clips of a few videos, drawn by a hash of their names: always the same.

    Args:
        clips: to choose from.
        root: where they lie, for the message.

    Raises:
        ValueError: if all may be parts of one video.
    """
    videos: dict[str, list[str]] = {}
    for clip in clips:
        videos.setdefault(video_of(clip.name), []).append(clip.name)
    if len(videos) == 1:
        raise ValueError(
            f"no clips are named for validation, and all {len(clips)} in {root} may be parts of "
            "one video, by their names: list some in a text file, a name in a line, and give it as "
            "both --data.train.hold_out and --data.val.clips"
        )
    order = sorted(videos, key=lambda video: hashlib.sha256(video.encode()).hexdigest())
    count = min(MOST, max(1, round(SHARE * len(videos))))
    return tuple(sorted(name for video in order[:count] for name in videos[video]))


def video_of(name: str) -> str:
    """The video that a clip was cut from, by its name: ``a/x_g1_c02.avi`` is of ``a/x_g1``.

    A name that is only a number counts as a video.
    """
    path = PurePosixPath(name)
    return str(path.parent / (_PART.sub("", path.stem) or path.stem))
