"""Triplets streamed from raw video: decoded in order, never written to disk.

What a triplet holds depends on (seed, epoch, clip, first frame) alone; which worker or process
reads it depends on the order of the clips, drawn from (seed, epoch). So every triplet is given
exactly once an epoch for any number of workers and processes.
"""

import hashlib
import logging
import os
import zlib
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch.utils.data import IterableDataset

from vfi.data.augment import MAX_SIDE, Augment, Frames, TripletFilter, keyed_rng
from vfi.data.clips import Chosen, Clip, choose_clips
from vfi.data.decoding import DamagedClipError, Frame, decode
from vfi.data.images import Triplet, make_triplet
from vfi.data.index import balanced, indexed_clips, read_index
from vfi.data.mixing import Tally, interleaved, readers, shuffled
from vfi.data.patience import check_patience

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StreamSpec:
    """How triplets are drawn from clips.

    Attributes:
        stride: frames from img0 to gt and from gt to img1; a pair is a range, both ends included,
            of which each triplet draws its own.
        step: frames between the starts of two triplets of a clip. Above 1 an epoch starts at a
            random one of the first ``step`` frames.
        short_side: shrink larger frames until their shorter side has this many pixels; None keeps
            them.
        open_clips: clips a worker reads in turns, so that neighbours in a batch come from several.
        shuffle_mib: size of a worker's shuffle buffer, MiB of frames as they leave it; 0 is no
            buffer.
        patience: seconds to wait for a clip's first bytes, and for each next megabyte from a
            store; a clip that lets one wait longer, as where disk or server is gone, is damaged.

    Raises:
        ValueError: for the first that is out of bounds.
    """

    stride: int | tuple[int, int] = 1
    step: int = 1
    short_side: int | None = None
    open_clips: int = 4
    shuffle_mib: int = 32
    patience: float = 60.0

    def __post_init__(self) -> None:
        low, high = self.strides
        if not 1 <= low <= high:
            raise ValueError(f"stride is {self.stride}; it must be a number >= 1 or a rising pair")
        limits = {"step": (1, 10**6), "open_clips": (1, 1024), "shuffle_mib": (0, 1 << 20)}
        for name, (least, most) in (limits | {"short_side": (16, MAX_SIDE)}).items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise ValueError(f"{name} is {value}; it must be from {least} to {most}")
        check_patience(self.patience)

    @property
    def strides(self) -> tuple[int, int]:
        """The least and the greatest stride."""
        low, high = (self.stride,) * 2 if isinstance(self.stride, int) else self.stride
        return low, high


@dataclass(frozen=True)
class StreamSummary:
    """What has been read so far by this process and its workers, over all epochs.

    Attributes:
        clips: the number of clips chosen.
        damaged: names of the clips that could not be decoded, or not to their end.
        triplets: triplets given.
        static: triplets rejected as static.
        uneven: triplets rejected as scene cuts or doubled frames.
    """

    clips: int
    damaged: tuple[str, ...]
    triplets: int
    static: int
    uneven: int


class VideoTriplets(IterableDataset[Triplet]):
    """Streams the triplets of all clips in a folder.

    A clip that cannot be opened is skipped; of one that breaks off, what comes before the damage
    is used. A warning names them, once, and ``summary`` counts them.

    Args:
        root: folder of video files and of folders of numbered images, at any depth.
        clips: the clips to use, a list file or names; by default all.
        hold_out: those to leave out, likewise.
        stream: how triplets are drawn.
        augment: how they are cropped and varied; None gives whole frames.
        keep: which triplets are kept; None keeps all.
        repeat: start over without end, each pass drawn anew; for training by steps.
        seed: with the epoch, decides every draw.
        rank: number of this process.
        world_size: number of processes.
        index: file of `vfi index`: the clips come from it, without those that it could not read,
            and processes and workers get about equally many frames.

    Raises:
        FileNotFoundError: if the folder or a list is missing.
        ValueError: if no clip is left.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        clips: Chosen | None = None,
        hold_out: Chosen | None = None,
        stream: StreamSpec | None = None,
        augment: Augment | None = None,
        keep: TripletFilter | None = None,
        repeat: bool = False,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        index: str | os.PathLike[str] | None = None,
    ) -> None:
        if not 0 <= rank < world_size:
            raise ValueError(f"rank is {rank}; of {world_size} processes it must be below that")
        self.root = Path(root)
        entries = None if index is None else read_index(index)
        known = None if entries is None else indexed_clips(root, entries)
        self.clips = choose_clips(root, clips, hold_out, known)
        frames = {entry.name: entry.frames for entry in entries or ()}
        self._lengths = [frames[clip.name] for clip in self.clips] if frames else None
        self.stream = stream or StreamSpec()
        self.augment = augment
        self.keep = keep
        self.repeat = repeat
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        self._tally = Tally(len(self.clips))

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch's order and draws; takes effect with the next iterator."""
        self.epoch = epoch

    @property
    def summary(self) -> StreamSummary:
        """Counts so far, workers included."""
        damaged = [
            clip.name for clip, bad in zip(self.clips, self._tally.damaged, strict=True) if bad
        ]
        return StreamSummary(len(self.clips), tuple(damaged), **self._tally.totals())

    def identity(self) -> dict[str, object]:
        """What this is: name, kind, count of clips, and a SHA-256 of their names and sizes."""
        digest = hashlib.sha256()
        for clip in self.clips:
            digest.update(f"{clip.bytes()}  {clip.name}\n".encode())
        return {
            "name": f"video clips of {self.root.name}",
            "kind": "video",
            "count": len(self.clips),
            "sha256": digest.hexdigest(),
            "fingerprint": "names and sizes",
            "benchmark": None,
        }

    def __iter__(self) -> Iterator[Triplet]:
        reader, shard, shards = readers(self.rank, self.world_size)
        passes = 0
        while True:
            empty = True
            for triplet in self._one_pass(passes, shard, shards):
                empty = False
                self._tally.add(reader, "triplets")
                yield triplet
            if not self.repeat:
                return
            if empty:
                raise ValueError(
                    f"none of the triplets of {self.root} was kept: {self.summary}; "
                    "loosen the filter or choose other clips"
                )
            passes += 1

    def _one_pass(self, number: int, shard: int, shards: int) -> Iterator[Triplet]:
        """This shard's triplets, once. ``number`` counts passes within the epoch."""
        key = (self.seed, self.epoch, number)
        order = keyed_rng(*key).permutation(len(self.clips)).tolist()
        # with fewer clips than shards, several shards read one clip and take its triplets in turns
        ways = -(-shards // len(order))
        units = [(clip, way) for way in range(ways) for clip in order][shard::shards]
        if self._lengths and ways == 1:
            units = [(clip, 0) for clip in balanced(order, self._lengths, shards)[shard]]
        found: list[str] = []
        streams = (self._clip_triplets(clip, way, ways, key, found) for clip, way in units)
        rng = keyed_rng(*key, shard)
        try:
            mixed = interleaved(streams, self.stream.open_clips, rng)
            yield from shuffled(mixed, self.stream.shuffle_mib << 20, rng)
        finally:
            if found:
                logger.warning(
                    "%d of %d clips of %s are damaged and were skipped from the damage on: %s",
                    *(len(found), len(self.clips), self.root, "; ".join(found)),
                )

    def _clip_triplets(
        self, number: int, way: int, ways: int, key: tuple[int, ...], found: list[str]
    ) -> Iterator[Triplet]:
        clip = self.clips[number]
        key = (*key, zlib.crc32(clip.name.encode()))
        try:
            for count, (frames, start, stride, rng) in enumerate(self._windows(clip, key)):
                if count % ways == way:
                    triplet = self._finish(
                        [frame.rgb() for frame in frames], clip, start, stride, rng
                    )
                    if triplet is not None:
                        yield triplet
        except ValueError as error:
            if self._tally.report_damaged(number):
                found.append(f"{clip.name} ({error})")

    def _windows(
        self, clip: Clip, key: tuple[int, ...]
    ) -> Iterator[tuple[list[Frame], int, int, np.random.Generator]]:
        """(img0, gt, img1), first frame, stride and generator of each triplet, in order."""
        low, high = self.stream.strides
        phase = keyed_rng(*key).integers(self.stream.step)
        recent: deque[Frame] = deque(maxlen=2 * high + 1)
        due = defaultdict(list)
        total = 0
        for now, frame in enumerate(decode(clip, self.stream.short_side, self.stream.patience)):
            total = now + 1
            recent.append(frame)
            if now % self.stream.step == phase:
                rng = keyed_rng(*key, now)
                stride = int(rng.integers(low, high + 1))
                due[now + 2 * stride].append((now, stride, rng))
            for start, stride, rng in due.pop(now, ()):
                picked = (start - now - 1, start + stride - now - 1, -1)
                yield [recent[place] for place in picked], start, stride, rng
        if total <= 2 * low:
            raise DamagedClipError(f"{total} frames are too few")

    def _finish(
        self,
        frames: Frames,
        clip: Clip,
        start: int,
        stride: int,
        rng: np.random.Generator,
    ) -> Triplet | None:
        if len({frame.shape for frame in frames}) > 1:
            raise DamagedClipError(f"frames of different sizes after frame {start}")
        if self.augment:
            frames = self.augment.cut(frames, rng)
        verdict = self.keep.verdict(frames) if self.keep else None
        if verdict:
            reader, _, _ = readers(self.rank, self.world_size)
            self._tally.add(reader, verdict)
            return None
        if self.augment:
            frames = self.augment.vary(frames, rng)
        return make_triplet(frames, f"{clip.name}@{start}+{stride}", start)
