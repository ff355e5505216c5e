"""Where frames go: a video, an animation, a folder. Nothing is final before it is whole."""

from abc import ABC, abstractmethod
from array import array
from fractions import Fraction
from pathlib import Path

import numpy as np
from torch import Tensor

from vfi.files import atomic_path
from vfi.video.read.colour import PixelSpec
from vfi.video.timing.timeline import Timing
from vfi.video.write.apng import write_apng
from vfi.video.write.gif import write_gif
from vfi.video.write.images import write_image
from vfi.video.write.mux import Assembly
from vfi.video.write.pace import Pace
from vfi.video.write.readback import check_count, check_video
from vfi.video.write.segments import SegmentWriter, count_frames, list_segments
from vfi.video.write.turn import upright
from vfi.video.write.workspace import Workspace


class Sink(ABC):
    """Takes the output frames in order.

    Args:
        output: the file or folder to make.
        work: where unfinished work is kept.
        spec: how frames are stored.
        turn: the display matrix to apply to frames, if the output cannot tell players to.

    Attributes:
        spec: as given.
        chunk: `done` is a multiple of this. Batches end there too, so that a resumed job computes
            the same batches, and so the same frames, as one that was never stopped.
        pace: tells which new frames come too late to be shown; None where there is no hurry.
    """

    chunk = 1
    pace: Pace | None = None

    def __init__(
        self, output: Path, work: Workspace, spec: PixelSpec, turn: tuple[int, ...] | None = None
    ) -> None:
        self.output = output
        self.spec = spec
        self._work = work
        self._turn = turn

    def planes(self, rgb: Tensor) -> list[np.ndarray]:
        """``(3, H, W)`` RGB in [0, 1] as it is to be stored."""
        return self.spec.from_rgb(upright(rgb, self._turn) if self._turn else rgb)

    def takes(self, spec: PixelSpec) -> bool:
        """Whether planes of that kind are stored as they are."""
        return spec == self.spec and self._turn is None

    @property
    @abstractmethod
    def done(self) -> int:
        """Frames that are safely stored already."""

    @abstractmethod
    def skip(self, time: Fraction) -> None:
        """Passes over a frame that is stored, shown at ``time`` of the input."""

    @abstractmethod
    def write(self, planes: list[np.ndarray], time: Fraction) -> None:
        """Stores the next frame, shown at ``time`` of the input."""

    @abstractmethod
    def finish(self, end: Fraction | None) -> None:
        """Makes the output appear; ``end`` is when the last frame's showing ends, if known."""

    @abstractmethod
    def abort(self) -> None:
        """Leaves unfinished work in order, and no output."""

    def close(self) -> None:
        """Lets other runs go on with unfinished work."""
        self._work.close()

    def discard(self) -> None:
        """Deletes unfinished work, after `abort`."""
        self._work.remove()


class VideoSink(Sink):
    """Encodes frames in segments and joins them at the end."""

    def __init__(
        self,
        output: Path,
        work: Workspace,
        assembly: Assembly,
        timing: Timing,
        length: int,
        turn: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__(output, work, assembly.settings.format.spec, turn)
        self._assembly = assembly
        self._timing = timing
        self._writer = SegmentWriter(work.folder, assembly.settings, length)
        self._ticks = array("q")
        self.chunk = length

    @property
    def done(self) -> int:
        return self._writer.finished

    def skip(self, time: Fraction) -> None:
        tick = self._timing.ticks(time)
        self._ticks.append(max(tick, self._ticks[-1] + 1) if self._ticks else tick)

    def write(self, planes: list[np.ndarray], time: Fraction) -> None:
        self.skip(time)
        self._writer.write(planes)

    def finish(self, end: Fraction | None) -> None:
        self._writer.close()
        ticks = self._ticks
        step = ticks[-1] - ticks[-2] if len(ticks) > 1 else 1
        last = self._timing.ticks(end) if end is not None else 0
        ticks.append(last if last > ticks[-1] else ticks[-1] + step)
        segments = list_segments(self._work.folder)
        check_count(sum(map(count_frames, segments)), len(ticks) - 1, self._work.folder)
        with atomic_path(self.output, folder=self._work.folder) as path:
            self._join(path, segments, ticks)
            self._check(path, ticks)
        self._work.remove()

    def _join(self, path: Path, segments: list[Path], ticks: array) -> None:
        self._assembly.write(path, segments, ticks)

    def _check(self, path: Path, ticks: array) -> None:
        check_video(path, self._assembly, ticks)

    def abort(self) -> None:
        self._writer.abort()


class AnimationSink(VideoSink):
    """Keeps frames without loss until all are there: a GIF's palette must suit every one."""

    def _join(self, path: Path, segments: list[Path], ticks: array) -> None:
        write = write_gif if self.output.suffix.lower() == ".gif" else write_apng
        write(path, segments, ticks, self._assembly.settings)

    def _check(self, path: Path, ticks: array) -> None:
        check_count(count_frames(path), len(ticks) - 1, path)


class ImageSink(Sink):
    """Writes numbered PNG files, of 16 bits a channel where the input has more than 8."""

    chunk = 32

    def __init__(
        self,
        output: Path,
        work: Workspace,
        depth: int,
        turn: tuple[int, ...] | None = None,
        alpha: bool = False,
    ) -> None:
        spec = PixelSpec("rgb", depth=8 if depth == 8 else 16, full_range=True, alpha=alpha)
        super().__init__(output, work, spec, turn)
        self._next = 0
        present = 0
        while self._path(present).exists():
            present += 1
        self._present = present

    @property
    def done(self) -> int:
        return self._present - self._present % self.chunk

    def skip(self, time: Fraction) -> None:
        self._next += 1

    def write(self, planes: list[np.ndarray], time: Fraction) -> None:
        with atomic_path(self._path(self._next)) as path:
            write_image(path, planes)
        self.skip(time)
        self._present = max(self._present, self._next)

    def finish(self, end: Fraction | None) -> None:
        check_count(len(list(self._work.folder.glob("*.png"))), self._next, self._work.folder)
        if self.output.exists():
            self.output.rmdir()  # it was empty when the job began
        self._work.become(self.output)

    def abort(self) -> None:
        """Nothing to do: every image is whole or absent."""

    def _path(self, number: int) -> Path:
        return self._work.folder / f"{number + 1:06d}.png"
