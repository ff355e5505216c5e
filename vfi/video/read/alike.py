"""Makes all frames of a video like its first: of its size, with its colours."""

from fractions import Fraction

import numpy as np
import torch
from av.video.frame import VideoFrame

from vfi.video.read.colour import PixelSpec, spec_of
from vfi.video.read.decoding import tags_of_both
from vfi.video.read.media import plane_codes
from vfi.video.read.source import Picture, SourceInfo


class Alike:
    """Reads the planes of frames, and says once of each kind of change what becomes of it.

    Args:
        first: the first frame.
        format: the pixel format that all are read as.
        info: what is said of them.
        corner: where the part of them that is shown begins.
        shape: width of a pixel of the first over its height, None if its decoder does not say.
        problems: is added to.
    """

    def __init__(
        self,
        first: VideoFrame,
        format: str,
        info: SourceInfo,
        corner: tuple[int, int],
        shape: Fraction | None,
        problems: list[str],
    ) -> None:
        self._size = first.width, first.height
        self._format = format
        self._info = info
        self._corner = info.spec.even(*corner)
        self._problems = problems
        self._resized = False
        self._shape = shape

    def planes(self, frame: VideoFrame, shape: Fraction | None = None) -> list[np.ndarray]:
        """The code values of a frame, as if it were like the first.

        Args:
            frame: any of them.
            shape: as above, of this frame.
        """
        told, tags = self._info.tags, tags_of_both(frame, self._info.tags)
        spec = spec_of(self._format, tags, self._size[1])
        self._shape = self._shape or shape
        for change, what in (
            (spec != self._info.spec, "the colours' matrix or range changes; they are converted"),
            (
                (tags.primaries, tags.transfer) != (told.primaries, told.transfer),
                "the colours' primaries or transfer change; the first are told throughout",
            ),
            (
                any(part.bits > spec.depth for part in frame.format.components),
                f"some pictures have more than {spec.depth} bits, which are read as {spec.depth}",
            ),
            (
                shape and shape != self._shape,
                "the shape of pixels changes; the first is told throughout",
            ),
        ):
            if change:
                self._say(what)
        codes = self._own(frame, spec)
        if spec == self._info.spec:
            return codes
        return self._info.spec.from_rgb(Picture(codes, spec, Fraction(0), 0).whole())

    def _own(self, frame: VideoFrame, spec: PixelSpec) -> list[np.ndarray]:
        """The code values of a frame that mean colours as ``spec`` tells."""
        if (frame.width, frame.height) != self._size:
            return self._fitted(frame, spec)
        if frame.format.name.replace("yuvj", "yuv") != self._format:
            frame = self._converted(frame, *self._size)
        return self._codes(frame, self._info.height, self._info.width, self._corner)

    def _say(self, change: str) -> None:
        if change not in self._problems:
            self._problems.append(change)

    def _converted(self, frame: VideoFrame, width: int, height: int) -> VideoFrame:
        span = tags_of_both(frame, self._info.tags).range or None
        return frame.reformat(
            width, height, self._format, src_color_range=span, dst_color_range=span
        )

    def _fitted(self, frame: VideoFrame, spec: PixelSpec) -> list[np.ndarray]:
        """A frame of another size than the first: scaled without distortion, in black bars."""
        info = self._info
        if not self._resized:
            self._resized = True
            self._problems.append(
                f"the picture changes from {info.width}x{info.height} to "
                f"{frame.width}x{frame.height}; it is scaled to the first size"
            )
        scale = min(Fraction(info.width, frame.width), Fraction(info.height, frame.height))
        unit = 4  # whole chroma samples, and bars on both sides of them
        width, height = (
            min(limit, max(unit, round(side * scale / unit) * unit))
            for side, limit in ((frame.width, info.width), (frame.height, info.height))
        )
        inner = self._codes(self._converted(frame, width, height), height, width)
        planes = spec.from_rgb(torch.zeros(3, info.height, info.width))
        left, top = (
            ((info.width - width) // 2 // unit) * unit,
            ((info.height - height) // 2 // unit) * unit,
        )
        for whole, part in zip(planes, inner, strict=True):
            x, y = (left * whole.shape[1]) // info.width, (top * whole.shape[0]) // info.height
            whole[y : y + part.shape[0], x : x + part.shape[1]] = part
        return planes

    def _codes(
        self, frame: VideoFrame, height: int, width: int, corner: tuple[int, int] = (0, 0)
    ) -> list[np.ndarray]:
        """The planes of a frame, or of the part of it that begins at a corner."""
        spec = self._info.spec
        dtype = np.uint8 if spec.depth == 8 else np.uint16
        sizes, corners = spec.plane_sizes(height, width), spec.plane_sizes(*corner[::-1])
        return [
            plane_codes(plane, dtype)[y : y + high, x : x + wide]
            for plane, (high, wide), (y, x) in zip(frame.planes, sizes, corners, strict=False)
        ]
