"""How bright the display was that an HDR video was made on, and how bright the video is."""

import struct
from dataclasses import dataclass
from fractions import Fraction

from av.frame import Frame
from av.sidedata.sidedata import Type

from vfi.video.read.media import side_data

_DISPLAY = struct.Struct("=22i")  # AVMasteringDisplayMetadata: ten fractions, two flags
_LEVEL = struct.Struct("=2I")  # AVContentLightMetadata


@dataclass(frozen=True)
class Light:
    """SMPTE ST 2086 and CTA-861.3 metadata.

    Attributes:
        colours: x and y of red, green, blue and white, or empty if not said.
        darkest: of the display, in candela per square metre; None if not said.
        brightest: likewise.
        levels: the brightest pixel and the brightest mean of a frame (MaxCLL, MaxFALL), or None.
    """

    colours: tuple[Fraction, ...] = ()
    darkest: Fraction | None = None
    brightest: Fraction | None = None
    levels: tuple[int, int] | None = None


def light_of(frame: Frame) -> Light | None:
    """What a frame says of its light, None if nothing."""
    data = side_data(frame)
    display, level = data.get(Type.MASTERING_DISPLAY_METADATA), data.get(Type.CONTENT_LIGHT_LEVEL)
    if display is None and level is None:
        return None
    colours: tuple[Fraction, ...] = ()
    darkest = brightest = levels = None
    if display is not None:
        *numbers, has_colours, has_light = _DISPLAY.unpack_from(display)
        found = [Fraction(a, b or 1) for a, b in zip(numbers[::2], numbers[1::2], strict=True)]
        colours = tuple(found[:8]) if has_colours else ()
        darkest, brightest = found[8:] if has_light else (None, None)
    if level is not None:
        levels = _LEVEL.unpack_from(level)
    return Light(colours, darkest, brightest, levels)
