"""Where frames come from: the description of an input and the pictures it yields."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vfi.video.read.clock import Clock
from vfi.video.read.colour import ColourTags, PixelSpec
from vfi.video.read.light import Light
from vfi.video.read.unchanged import States, changes
from vfi.video.read.window import Window


@dataclass(frozen=True, eq=False)
class Picture:
    """One input frame as it is stored.

    Attributes:
        planes: code values, see `PixelSpec`.
        spec: what they mean.
        time: when it is shown, in seconds.
        index: its place among the decoded frames.
    """

    planes: list[np.ndarray]
    spec: PixelSpec
    time: Fraction
    index: int

    def rgb(self, device: torch.device | str = "cpu") -> Tensor:
        """``(3, H, W)`` float32 RGB in [0, 1]."""
        return self.spec.to_rgb(self.planes, device)

    def whole(self, device: torch.device | str = "cpu") -> Tensor:
        """``(3, H, W)`` float32 RGB with all that is stored, above white and below black too.

        With alpha there is a fourth channel; the colours are not multiplied by it.
        """
        rgb = self.spec.to_rgb(self.planes, device, clamp=False)
        return torch.cat([rgb, self.spec.opacity(self.planes, device)]) if self.spec.alpha else rgb

    @property
    def nbytes(self) -> int:
        """Bytes of memory it holds."""
        return sum(plane.nbytes for plane in self.planes)


@dataclass(frozen=True)
class SourceInfo:
    """What is known of an input before its frames are read.

    Attributes:
        path: the file or folder.
        width: of a frame as stored, before any rotation.
        height: likewise.
        spec: how pixels are stored.
        tags: what the input says of its colours.
        aspect: width of a pixel over its height, None if it does not say.
        rate: frames per second, None if it varies.
        grid: of a rate that varies only as some frames are left out, what it would be with them.
        film: of film that is shown for two and three fields in turn, its own rate.
        tick: the unit of its timestamps, in seconds.
        slack: by how many seconds rounding to that unit may have moved them.
        start: the first frame's time.
        duration: seconds from there to the end, as far as known.
        expected: frames it should hold, None if unknown.
        step: the usual time between two frames, in seconds; None if there is none.
        shortest: the least of these times, likewise.
        holds_last: whether the last frame is shown for a time of its own, as in a video.
        display_matrix: the nine numbers by which players turn the picture, if any.
        is_video: whether it is a file with streams, rather than images.
        light: of an HDR video, None if nothing is said.
        unkept: what its frames tell that an output cannot.
        files: the files that are read.
        clock: the timeline of all its streams, of which the times above are.
        window: the part of it that is wanted.
    """

    path: Path
    width: int
    height: int
    spec: PixelSpec
    tags: ColourTags = field(default_factory=ColourTags)
    aspect: Fraction | None = None
    rate: Fraction | None = None
    grid: Fraction | None = None
    film: Fraction | None = None
    tick: Fraction = Fraction(0)
    slack: Fraction = Fraction(0)
    start: Fraction = Fraction(0)
    duration: Fraction = Fraction(0)
    expected: int | None = None
    step: Fraction | None = None
    shortest: Fraction | None = None
    holds_last: bool = False
    display_matrix: tuple[int, ...] | None = None
    is_video: bool = False
    light: Light | None = None
    unkept: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    clock: Clock = field(default_factory=Clock)
    window: Window = field(default_factory=Window)


class Source:
    """An input that can be read once from the start.

    Attributes:
        info: see `SourceInfo`.
        end: when the last frame's showing ends; known once `pictures` is exhausted, None if the
            last frame is not held.
        problems: what went wrong while reading, in sentences.
        seen: what its files were when it was opened.
    """

    info: SourceInfo
    end: Fraction | None = None

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.seen: States = {}

    def note_changes(self) -> None:
        """Adds to the problems which files are no longer what they were when it was opened."""
        self.problems += changes(self.seen)

    def pictures(self) -> Iterator[Picture]:
        """Yields the frames in the order they are shown."""
        raise NotImplementedError
