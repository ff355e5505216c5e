"""Whether a file is as long as it says of itself, or ends within one of its pieces."""

import math
from pathlib import Path
from typing import BinaryIO

from vfi.video.read.y4m import MAGIC, Header

_BOXES = (b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide")
_EBML, _SEGMENT = bytes.fromhex("1a45dfa3"), bytes.fromhex("18538067")
_ASF = bytes.fromhex("3026b2758e66cf11")
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_HEADER = 1 << 16  # bytes in which ASF's properties are
_GIF_END = b";"
_PACKETS = ((188, 0), (192, 4), (204, 0))  # sizes of a transport stream's, and where each begins
_SYNC = b"G"
_PACK, _PACK_LENGTH, _OLD_PACK_LENGTH = b"\0\0\1\xba", 14, 12
_FRAME = b"FRAME\n"
_JPEG, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_OBUS, _HAS_EXTENSION, _HAS_LENGTH = b"\x12\x00", 4, 2
_NO_END = "truncated: the mark of its end is missing"
_SLIGHT = 0.01  # of a file; programs count padding or not


def cut_off(path: Path) -> str | None:
    """How a file is shorter than it says, None if it is not or says nothing."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if start.startswith(b"GIF8"):
            return None if _ends_in(file, size, _GIF_END) else _NO_END
        if start.startswith(_JPEG):
            return None if _ends_in(file, size, _JPEG_END) else _NO_END
        if _ends_within(file, size):
            return "truncated: it ends within a packet"
        if start.startswith(_OBUS) and _units_end(file) > size:
            return "truncated: it ends within a picture"
        file.seek(len(start))
        promised = _promised(file, start)
    if promised is None or size >= promised * (1 - _SLIGHT):
        return None
    return f"truncated: it holds {size:,} of {promised:,} bytes"


def _ends_in(file: BinaryIO, size: int, mark: bytes) -> bool:
    """Whether a file ends in a mark and what pads it."""
    file.seek(-min(size, _HEADER), 2)
    return file.read().rstrip(b"\0").endswith(mark)


def _promised(file: BinaryIO, start: bytes) -> int | None:
    """How many bytes a file should have."""
    if start[:4] == b"RIFF":
        return 8 + int.from_bytes(start[4:], "little") if any(start[4:]) else None
    if start[4:] in _BOXES:
        return _boxes_end(file)
    if start[:4] == _EBML:
        return _segment_end(file)
    if start == _ASF:
        file.seek(0)
        properties = file.read(_HEADER).partition(_ASF_PROPERTIES)[2]
        return int.from_bytes(properties[24:32], "little") or None
    return None


def _ends_within(file: BinaryIO, size: int) -> bool:
    """Whether the last of the pieces that a file consists of is not whole."""
    file.seek(0)
    head = file.read(_HEADER)
    for length, first in _PACKETS:
        if len(head) > 4 * length and set(head[first : 4 * length : length]) == set(_SYNC):
            return size % length > 0
    if head.startswith(MAGIC):
        return _ends_within_frame(head, size)
    return head.startswith(_PACK) and _packs_end(file, size) > size


def _ends_within_frame(head: bytes, size: int) -> bool:
    """The same of a Y4M file, whose frames all have one size unless they say more of themselves."""
    line = head.partition(b"\n")[0] + b"\n"
    try:
        header = Header.parse(line)
    except ValueError:  # pixels that only FFmpeg knows
        return False
    pixels = sum(math.prod(plane) for plane in header.spec.plane_sizes(header.height, header.width))
    frame = len(_FRAME) + pixels * (1 if header.spec.depth == 8 else 2)
    return head[len(line) :].startswith(_FRAME) and (size - len(line)) % frame > 0


def _packs_end(file: BinaryIO, size: int) -> int:
    """Where the last packet of MPEG's program stream ends."""
    start = max(0, size - _HEADER)
    file.seek(start)
    tail = file.read()
    place = max(0, tail.rfind(_PACK))
    while tail[place : place + 3] == _PACK[:3]:
        if tail[place : place + 4] != _PACK:
            place += 6 + int.from_bytes(tail[place + 4 : place + 6], "big")
        elif tail[place + 4 : place + 5] < b"\x40":  # of MPEG-1
            place += _OLD_PACK_LENGTH
        else:
            place += _PACK_LENGTH + (tail[place + 13 : place + 14] or b"\0")[0] % 8
    return start + place


def _units_end(file: BinaryIO) -> int:
    """Where the last unit of a bare stream of AV1 ends."""
    end = 0
    while True:
        file.seek(end)
        head = file.read(10)
        if not head or not head[0] & _HAS_LENGTH:
            return end
        place = 2 if head[0] & _HAS_EXTENSION else 1
        length = 0
        for number, byte in enumerate(head[place:]):  # seven bits each, the lowest first
            length |= (byte & 127) << (7 * number)
            place += 1
            if byte < 128:
                break
        end += place + length


def _boxes_end(file: BinaryIO) -> int:
    """Where the last of MP4's boxes ends."""
    end = 0
    while True:
        file.seek(end)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:], "big")
        if len(head) < 8 or length < 8:  # 0 is up to the end of the file
            return end
        end += length


def _segment_end(file: BinaryIO) -> int | None:
    """Where Matroska's one segment ends, if it says."""
    file.seek(4)
    header = _length(file) or 0
    file.seek(header, 1)
    if file.read(4) != _SEGMENT:
        return None
    length = _length(file)
    return None if length is None else file.tell() + length


def _length(file: BinaryIO) -> int | None:
    """A number as Matroska writes lengths; None for all ones, a length that is not known."""
    first = file.read(1)
    more = 8 - first[0].bit_length() if first and first[0] else 0
    mask = (1 << (7 * (more + 1))) - 1
    number = int.from_bytes(first + file.read(more), "big") & mask
    return None if number == mask else number
