"""Animated PNG, WebP and AVIF as an input: frames with times of their own."""

import dataclasses
import itertools
import logging
import math
import statistics
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from vfi.video.read.colour import FULL, ColourTags, PixelSpec
from vfi.video.read.rates import constant_rate
from vfi.video.read.source import Picture, Source, SourceInfo
from vfi.video.read.window import Window

logger = logging.getLogger(__name__)

ANIMATION_SUFFIXES = (".png", ".apng", ".webp", ".avif", ".avifs")

_OPAQUE = 255
_UNSAID = Fraction(1, 10)
"""How long viewers show a frame that says 0."""
_MOST_PARTS = 65_535  # the largest denominator that APNG has, and WebP counts milliseconds
_HEADER = 1 << 16  # bytes in which AV1's set-up is
_AV1_SETUP, _HIGH_BIT_DEPTH = b"av1C", 0x40
_WHOLE = Window()
_SPEC = PixelSpec("rgb", full_range=True)
_BROKEN = (OSError, SyntaxError, EOFError, ValueError)


def is_animation(path: Path) -> bool:
    """Whether an image file holds several frames to be shown one after the other."""
    if path.suffix.lower() not in ANIMATION_SUFFIXES:
        return False
    try:
        with Image.open(path) as image:
            return getattr(image, "n_frames", 1) - _first(image) > 1
    except _BROKEN:
        return False  # whoever reads it as an image says what is wrong


class AnimationSource(Source):
    """An animated PNG, WebP or AVIF, read frame by frame at the times that it says.

    Raises:
        ValueError: if it cannot be read, or no frame is in the part that is wanted.
    """

    def __init__(self, path: Path, window: Window = _WHOLE) -> None:
        super().__init__()
        self._path = path
        times, alpha = [Fraction(0)], False
        for image, shown in self._frames():
            times.append(times[-1] + shown)
            width, height = image.size
            alpha = alpha or bool(np.asarray(image.convert("RGBA"))[..., 3].min() < _OPAQUE)
        if len(times) < 2:
            raise ValueError(f"no frame of {path} can be decoded; is it damaged?")
        inside = window.pick(times[:-1])
        first, last = inside.start, inside.stop
        self._wanted = first, None if window.end is None else last
        self._times = [time - times[first] for time in times[first : last + 1]]
        *starts, end = self._times
        steps = [b - a for a, b in itertools.pairwise(self._times)]
        tick = Fraction(
            math.gcd(*(step.numerator for step in steps)),
            math.lcm(*(step.denominator for step in steps)),
        )
        self.info = SourceInfo(
            path=path,
            width=width,
            height=height,
            spec=dataclasses.replace(_SPEC, alpha=alpha),
            tags=ColourTags(range=FULL),
            rate=constant_rate(starts, Fraction(0), [1 / steps[0]]),
            step=statistics.median_low(steps),
            shortest=min(steps),
            tick=tick,
            duration=end,
            expected=len(starts),
            holds_last=True,
            files=(path,),
            window=window,
        )
        self.problems.clear()  # reading the frames again finds them again
        if _is_deep(path):
            self.problems.append("its more than 8 bits of AVIF are read as 8")

    def pictures(self) -> Iterator[Picture]:
        inside = itertools.islice(self._frames(), *self._wanted)
        for index, (image, _) in enumerate(inside):
            red, green, blue, alpha = np.moveaxis(np.asarray(image.convert("RGBA")), -1, 0)
            colours = (green, blue, red, alpha) if self.info.spec.alpha else (green, blue, red)
            planes = [np.ascontiguousarray(plane) for plane in colours]
            yield Picture(planes, self.info.spec, self._times[index], index)
        self.end = self._times[-1]

    def _frames(self) -> Iterator[tuple[Image.Image, Fraction]]:
        """Each frame, whole, and for how long it is shown, in seconds."""
        with Image.open(self._path) as image:
            count = getattr(image, "n_frames", 1)
            for number in range(_first(image), count):
                try:
                    image.seek(number)
                    image.load()
                except _BROKEN as error:
                    self.problems.append(f"frame {number} of {count} cannot be decoded: {error}")
                    return
                milliseconds = Fraction(image.info.get("duration") or 0)
                shown = (milliseconds / 1000).limit_denominator(_MOST_PARTS)
                yield image, shown or _UNSAID


def _is_deep(path: Path) -> bool:
    """Whether AVIF has more than 8 bits, which Pillow does not tell."""
    with path.open("rb") as file:
        setup = file.read(_HEADER).partition(_AV1_SETUP)[2]
    return len(setup) > 2 and bool(setup[2] & _HIGH_BIT_DEPTH)


def _first(image: Image.Image) -> int:
    """The number of the first frame: a PNG may have a still before it, for simple viewers."""
    return int(bool(image.info.get("default_image")))
