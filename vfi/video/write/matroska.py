"""Writes into a finished Matroska file what PyAV cannot tell its muxer: pixel shape and light.

The description of the video track is made with a long name, which is then replaced by what is
missing; nothing else moves. Elements: RFC 9559.
"""

import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from vfi.video.read.ebml import SEGMENT, TRACK, TRACKS, VIDEO, Element, element_head, elements
from vfi.video.read.light import Light

_ROOM = "." * 300

_COLOUR = 0x55B0
_CLUSTER, _CRC, _VOID, _NAME, _TYPE = 0x1F43B675, 0xBF, 0xEC, 0x536E, 0x83
_WIDTH, _HEIGHT = 0xB0, 0xBA
_DISPLAY = (0x54B0, 0x54BA, 0x54B2)  # width, height, unit
_MAX_CLL, _MAX_FALL, _MASTERING = 0x55BC, 0x55BD, 0x55D0
_FIRST_COLOUR, _BRIGHTEST, _DARKEST = 0x55D1, 0x55D9, 0x55DA
_AS_RATIO = 3  # the unit of a display size that is only a ratio
_VIDEO_TRACK = b"\x01"


def roomy(name: str) -> str:
    """A name of the video track that leaves room for what `complete` writes."""
    return _ROOM + name


def complete(path: Path, name: str, aspect: Fraction | None, light: Light | None) -> None:
    """Completes a file whose video track has a `roomy` name.

    Args:
        path: the file.
        name: what the track is really called; empty for nothing.
        aspect: width of a pixel over its height, None for square ones.
        light: of an HDR video.

    Raises:
        ValueError: if there is not enough room, or no such track.
    """
    with path.open("r+b") as file:
        start, tracks = _find_tracks(file)
        items = [item for item in elements(tracks) if item.id != _CRC]
        checked = len(items) < len(list(elements(tracks)))
        for item in items:
            if item.id == TRACK and _ROOM.encode() in item.data:
                item.data = _entry(item.data, name, aspect, light)
        data = b"".join(item.bytes() for item in items)
        if checked:
            data = _made(_CRC, zlib.crc32(data).to_bytes(4, "little")).bytes() + data
        if len(data) != len(tracks):
            raise ValueError(f"{path} has no room to describe its video in")
        file.seek(start)
        file.write(data)


def _entry(data: bytes, name: str, aspect: Fraction | None, light: Light | None) -> bytes:
    """A track's description, as long as before."""
    items = [item for item in elements(data) if item.id not in (_NAME, _VOID)]
    for item in items:
        if item.id == VIDEO:
            video = _made(VIDEO, _video(item.data, aspect, light))
            item.head, item.data = video.head, video.data
    if name:
        items.append(_made(_NAME, name.encode()))
    made = b"".join(item.bytes() for item in items)
    return made + _void(len(data) - len(made))


def _video(data: bytes, aspect: Fraction | None, light: Light | None) -> bytes:
    items = list(elements(data))
    if aspect is not None:
        sizes = {item.id: int.from_bytes(item.data, "big") for item in items if len(item.data) < 4}
        items = [item for item in items if item.id not in _DISPLAY]
        items += _display(sizes[_WIDTH], sizes[_HEIGHT], aspect)
    if light is not None:
        said = b"".join(item.data for item in items if item.id == _COLOUR)
        items = [item for item in items if item.id != _COLOUR]
        items.append(_made(_COLOUR, _colour(said, light)))
    return b"".join(item.bytes() for item in items)


def _display(width: int, height: int, aspect: Fraction) -> list[Element]:
    """The size to be shown, in pixels if there are whole ones."""
    wide = width * aspect
    if wide.denominator == 1:
        return [_number(_DISPLAY[0], int(wide)), _number(_DISPLAY[1], height)]
    ratio = wide / height
    numbers = (ratio.numerator, ratio.denominator, _AS_RATIO)
    return [_number(id, number) for id, number in zip(_DISPLAY, numbers, strict=True)]


def _colour(data: bytes, light: Light) -> bytes:
    items = [i for i in elements(data) if i.id not in (_MAX_CLL, _MAX_FALL, _MASTERING)]
    if light.levels:
        items += [_number(_MAX_CLL, light.levels[0]), _number(_MAX_FALL, light.levels[1])]
    display = [_real(_FIRST_COLOUR + n, value) for n, value in enumerate(light.colours)]
    for id, value in ((_BRIGHTEST, light.brightest), (_DARKEST, light.darkest)):
        if value is not None:
            display.append(_real(id, value))
    if display:
        items.append(_made(_MASTERING, b"".join(item.bytes() for item in display)))
    return b"".join(item.bytes() for item in items)


def _number(id: int, value: int) -> Element:
    return _made(id, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _real(id: int, value: Fraction) -> Element:
    return _made(id, struct.pack(">d", float(value)))


def _made(id: int, data: bytes) -> Element:
    width = 1 if len(data) < 0x7F else 2
    size = (len(data) | 1 << 7 * width).to_bytes(width, "big")
    return Element(id.to_bytes((id.bit_length() + 7) // 8, "big") + size, data)


def _void(length: int) -> bytes:
    """So many bytes of nothing."""
    if length < 3:
        raise ValueError(f"{length} bytes are not room enough")
    return bytes([_VOID]) + ((length - 3) | 1 << 14).to_bytes(2, "big") + bytes(length - 3)


def _find_tracks(file: BinaryIO) -> tuple[int, bytes]:
    """Where the contents of the tracks' descriptions begin, and what they are."""
    place = 0
    while True:
        file.seek(place)
        head = file.read(12)
        if len(head) < 2:
            raise ValueError("there are no tracks")
        id, size, length = element_head(head + bytes(8), 0)
        if id == TRACKS:
            file.seek(place + length)
            return place + length, file.read(size)
        if id == _CLUSTER:
            raise ValueError("there are no tracks before the pictures")
        place += length if id == SEGMENT else length + size
