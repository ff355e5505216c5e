"""The pieces of which Matroska files consist (RFC 8794, RFC 9559)."""

from collections.abc import Iterator
from dataclasses import dataclass

SEGMENT, TRACKS, TRACK, VIDEO = 0x18538067, 0x1654AE6B, 0xAE, 0xE0


@dataclass
class Element:
    """A piece of the file: its id and its length as they are written, and what it holds."""

    head: bytes
    data: bytes

    @property
    def id(self) -> int:
        """Tells what it is."""
        return int.from_bytes(self.head[: 9 - self.head[0].bit_length()], "big")

    def bytes(self) -> bytes:
        """All of it, as it is in the file."""
        return self.head + self.data


def elements(data: bytes) -> Iterator[Element]:
    """The pieces of what a piece holds."""
    place = 0
    while place < len(data):
        _, size, start = element_head(data, place)
        yield Element(data[place:start], data[start : start + size])
        place = start + size


def element_head(data: bytes, place: int) -> tuple[int, int, int]:
    """An element's id, its size, and where it begins."""
    width = 9 - data[place].bit_length()
    id = int.from_bytes(data[place : place + width], "big")
    place += width
    width = 9 - data[place].bit_length()
    size = int.from_bytes(data[place : place + width], "big") & ~(1 << 7 * width)
    return id, size, place + width
