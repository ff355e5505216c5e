"""Edit lists of any kind in MP4 files, which FFmpeg's muxer does not write (ISO 14496-12, 8.6)."""

import struct
from collections.abc import Iterator
from pathlib import Path


def edit(path: Path, kind: bytes, edits: list[tuple[float, float]]) -> Path:
    """Gives the stream of a kind (``vide`` or ``soun``) edits: each a length and a start in it.

    All in seconds; a start below 0 is nothing. The index must be at the file's end.
    """
    data = path.read_bytes()
    path.write_bytes(b"".join(_movie(box, kind, edits) for box in _boxes(data)))
    return path


def _movie(box: bytes, kind: bytes, edits: list[tuple[float, float]]) -> bytes:
    if box[4:8] != b"moov":
        return box
    inner = list(_boxes(box[8:]))
    scale = struct.unpack(">I", inner[0][20:24])[0]
    return _box(b"moov", *(_track(b, kind, edits, scale) for b in inner))


def _track(box: bytes, kind: bytes, edits: list[tuple[float, float]], scale: int) -> bytes:
    if box[4:8] != b"trak" or kind not in box:
        return box
    place = box.index(b"mdhd") + 16
    unit = struct.unpack(">I", box[place : place + 4])[0]
    entries = [
        struct.pack(
            ">IiI", round(length * scale), -1 if start < 0 else round(start * unit), 1 << 16
        )
        for length, start in edits
    ]
    listed = _box(b"elst", struct.pack(">II", 0, len(edits)), *entries)
    head, *rest = (b for b in _boxes(box[8:]) if b[4:8] != b"edts")
    return _box(b"trak", head, _box(b"edts", listed), *rest)


def _box(name: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I4s", 8 + len(data), name) + data


def _boxes(data: bytes) -> Iterator[bytes]:
    while data:
        size = struct.unpack(">I", data[:4])[0]
        yield data[:size]
        data = data[size:]
