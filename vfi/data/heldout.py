"""A fixed list of validation triplets from video clips, decoded once and kept in memory."""

import hashlib
import logging
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from vfi.data.augment import Frames, TripletFilter, enlarge
from vfi.data.clips import Chosen, Clip, choose_clips
from vfi.data.decoding import Frame, count_frames, decode
from vfi.data.images import Triplet

logger = logging.getLogger(__name__)


class ClipTriplets(Dataset[Triplet]):
    """Evenly spaced triplets of every clip, centre crops, the same each time.

    The crops are held as one uint8 tensor in shared memory: 0.6 MB for a triplet of 256x256,
    whatever the number of workers.

    Args:
        root: folder of video files and of folders of numbered images.
        clips: the clips to use, a list file or names; by default all.
        strides: frames from img0 to gt; a clip's triplets take them in turns, so larger ones test
            larger motion.
        per_clip: triplets looked at in a clip; ``keep`` may reject some.
        size: side of the centre crop, pixels; smaller frames are enlarged first.
        short_side: shrink larger frames until their shorter side has this many pixels; None keeps
            them.
        keep: which triplets are kept; by default scene cuts and static ones are not.

    Raises:
        FileNotFoundError: if the folder or the list is missing.
        ValueError: if an option is out of bounds or no triplet is left.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        clips: Chosen | None = None,
        strides: tuple[int, ...] = (1, 2, 3),
        per_clip: int = 12,
        size: int = 256,
        short_side: int | None = None,
        keep: TripletFilter | None = None,
    ) -> None:
        if per_clip < 1 or size < 16 or not strides or min(strides) < 1:
            raise ValueError(
                f"per_clip={per_clip}, size={size}, strides={strides}: at least one triplet "
                "a clip, 16 pixels and strides from 1 are needed"
            )
        self.root = Path(root)
        self.clips = choose_clips(root, clips)
        keep = keep or TripletFilter()
        self.ids: list[str] = []
        crops: list[np.ndarray] = []
        for clip in self.clips:
            picked = _spread(count_frames(clip), tuple(strides), per_clip)
            for start, stride, frames in _pick(clip, picked, short_side):
                crop = _centre(frames, size)
                if keep.verdict(crop) is None:
                    self.ids.append(f"{clip.name}@{start}+{stride}")
                    crops.append(np.stack([frame.transpose(2, 0, 1) for frame in crop]))
        if not crops:
            raise ValueError(f"no triplet of {root} is fit for validation; choose other clips")
        # stacking keeps the order of the axes in memory, which transposed images have changed
        stacked = np.ascontiguousarray(np.stack(crops))
        self.frames = torch.from_numpy(stacked).share_memory_()

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Triplet:
        img0, gt, img1 = self.frames[index]
        return Triplet(img0=img0, gt=gt, img1=img1, timestep=0.5, id=self.ids[index], index=index)

    def identity(self) -> dict[str, object]:
        """What this set is: name, kind, count, and a SHA-256 of its pixels and names."""
        digest = hashlib.sha256("\n".join(self.ids).encode())
        digest.update(self.frames.numpy())
        return {
            "name": f"held-out triplets of clips in {self.root.name}",
            "kind": "video",
            "count": len(self),
            "sha256": digest.hexdigest(),
            "fingerprint": "contents",
            "benchmark": None,
        }


def _spread(frames: int, strides: tuple[int, ...], count: int) -> list[tuple[int, int]]:
    """(first frame, stride) of up to ``count`` triplets spread over a clip of ``frames`` frames."""
    room = frames - 2 * max(strides)
    if room < 1:
        return []
    count = min(count, room)
    return [((2 * i + 1) * room // (2 * count), strides[i % len(strides)]) for i in range(count)]


def _pick(
    clip: Clip, picked: list[tuple[int, int]], short_side: int | None
) -> Iterator[tuple[int, int, Frames]]:
    """Decodes the clip once for the picked triplets; a damaged one ends early with a warning."""
    recent: deque[Frame] = deque(maxlen=2 * max((stride for _, stride in picked), default=1) + 1)
    try:
        if not picked:
            raise ValueError("it cannot be read or is too short")
        for now, frame in enumerate(decode(clip, short_side)):
            recent.append(frame)
            for start, stride in picked:
                if start + 2 * stride == now:
                    places = (start - now - 1, start + stride - now - 1, -1)
                    frames = [recent[place].rgb() for place in places]
                    if len({frame.shape for frame in frames}) > 1:
                        raise ValueError(f"frames of different sizes after frame {start}")
                    yield start, stride, frames
    except ValueError as error:
        logger.warning("validation clip %s is damaged: %s", clip.name, error)


def _centre(frames: Frames, size: int) -> Frames:
    frames = enlarge(frames, size)
    height, width = frames[0].shape[:2]
    top, left = (height - size) // 2, (width - size) // 2
    return [frame[top : top + size, left : left + size] for frame in frames]
