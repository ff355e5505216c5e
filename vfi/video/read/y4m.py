"""YUV4MPEG2, the plain format in which programs hand video to each other through pipes."""

import itertools
import logging
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np

from vfi.video.read.colour import FULL, LIMITED, ColourTags, PixelSpec, spec_of
from vfi.video.read.source import Picture, Source, SourceInfo

PIPE = Path("-")
"""Stands for standard input and standard output."""

logger = logging.getLogger(__name__)

MAGIC = b"YUV4MPEG2"
_INTERLACED = re.compile(rb" I[^p?]")
_LONGEST = 1024  # bytes of a line
_LARGEST = 1 << 16  # pixels a side
_CHROMA = re.compile(r"(?:(420)(?:jpeg|mpeg2|paldv)?|(422|444|411|410)|mono)(?:p?(9|1[0246]))?$")
_HOW = "make it by: ffmpeg -i in.mp4 -f yuv4mpegpipe - | vfi interpolate - -o out.mp4"


@dataclass(frozen=True)
class Header:
    """What the first line says.

    Attributes:
        width: in pixels.
        height: likewise.
        rate: frames a second.
        aspect: width of a pixel over its height, None if it is not said.
        spec: how pixels are stored.
    """

    width: int
    height: int
    rate: Fraction
    aspect: Fraction | None
    spec: PixelSpec

    def line(self) -> bytes:
        """The line itself."""
        layout = "mono" if self.spec.kind == "gray" else self.spec.pixel_format[3:6]
        deep = "" if self.spec.depth == 8 else f"p{self.spec.depth}"
        layout += "jpeg" if layout == "420" and not deep else deep
        layout = layout.replace("monop", "mono")
        aspect = self.aspect or Fraction(0)
        aspect_text = f"{aspect.numerator}:{aspect.denominator if aspect else 0}"
        span = "FULL" if self.spec.full_range else "LIMITED"
        return (
            f"YUV4MPEG2 W{self.width} H{self.height} F{self.rate.numerator}:"
            f"{self.rate.denominator} Ip A{aspect_text} C{layout} XCOLORRANGE={span}\n"
        ).encode()

    @classmethod
    def parse(cls, line: bytes) -> "Header":
        """The inverse of `line`.

        Raises:
            ValueError: if it says no size or rate, or pixels that cannot be read.
        """
        words = line.decode("ascii", "replace").split()[1:]
        said = {word[0]: word[1:] for word in words if word[0] != "X"}
        full = "XCOLORRANGE=FULL" in words
        try:
            width, height = int(said["W"]), int(said["H"])
            rate = _ratio(said["F"])
            aspect = _ratio(said.get("A", "0:0"))
        except (KeyError, ValueError) as error:
            raise ValueError(f"the Y4M header {line!r} is damaged: {error}") from error
        if not (0 < width <= _LARGEST and 0 < height <= _LARGEST):
            raise ValueError(f"the Y4M header says {width}x{height} pixels")
        if rate is None:
            raise ValueError("the Y4M header says no frame rate (F24:1, for example)")
        found = _CHROMA.match(said.get("C", "420"))
        if found is None:
            raise ValueError(f"pixels are C{said['C']} in the Y4M; give 420, 422, 444 or mono")
        layout = found[1] or found[2]
        name = f"yuv{layout}p" if layout else "gray"
        name += f"{found[3]}le" if found[3] else ""
        tags = ColourTags(range=FULL if full else LIMITED)
        return cls(width, height, rate, aspect, spec_of(name, tags, height))


def _ratio(text: str) -> Fraction | None:
    above, below = map(int, text.split(":"))
    return Fraction(above, below) if above > 0 and below > 0 else None


class Y4MSource(Source):
    """A stream of YUV4MPEG2, read once as it comes.

    Args:
        stream: of bytes; standard input if None.

    Raises:
        ValueError: if it holds something else.
    """

    def __init__(self, stream: BinaryIO | None = None) -> None:
        super().__init__()
        self._stream = stream or sys.stdin.buffer
        line = self._stream.readline(_LONGEST)
        if not line.startswith(MAGIC):
            what = f"begins with {line[:12]!r}" if line else "is empty"
            raise ValueError(f"standard input {what} and is no Y4M video; {_HOW}")
        header = Header.parse(line)
        if _INTERLACED.search(line):
            logger.warning("the Y4M is interlaced; deinterlace it first for good results")
        self._rate = header.rate
        self.info = SourceInfo(
            path=PIPE,
            width=header.width,
            height=header.height,
            spec=header.spec,
            tags=ColourTags(range=FULL if header.spec.full_range else LIMITED),
            aspect=header.aspect,
            rate=header.rate,
            step=1 / header.rate,
            holds_last=True,
        )

    def pictures(self) -> Iterator[Picture]:
        spec, step = self.info.spec, 1 / self._rate
        dtype = np.dtype(np.uint8 if spec.depth == 8 else "<u2")
        sizes = spec.plane_sizes(self.info.height, self.info.width)
        for index in itertools.count():
            line = self._stream.readline(_LONGEST)
            if not line:
                break
            if not line.startswith(b"FRAME"):
                self.problems.append(f"frame {index} does not begin as one; the rest is left out")
                break
            data = [self._stream.read(height * width * dtype.itemsize) for height, width in sizes]
            if len(data[-1]) < sizes[-1][0] * sizes[-1][1] * dtype.itemsize:
                self.problems.append(f"truncated: it ends within frame {index}")
                break
            planes = [
                np.frombuffer(part, dtype).reshape(size)
                for part, size in zip(data, sizes, strict=True)
            ]
            yield Picture(planes, spec, index * step, index)
            self.end = (index + 1) * step
