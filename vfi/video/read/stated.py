"""What a file says of its pictures that PyAV does not pass on.

It is read from the description that FFmpeg would write of the same stream in Matroska.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import av
from av.frame import Frame
from av.sidedata.sidedata import Type
from av.video.stream import VideoStream

from vfi.video.read.ebml import SEGMENT, TRACK, TRACKS, VIDEO, elements
from vfi.video.read.media import side_data

_INSIDE = (SEGMENT, TRACKS, TRACK, VIDEO, 0x41E4)
_BOTTOM, _TOP, _LEFT, _RIGHT = 0x54AA, 0x54BB, 0x54CC, 0x54DD
_MORE_IS, _MORE, _DOLBY_VISION = 0x41A4, 0x41ED, b"Dolby Vision"
_UNOFFICIAL = {"strict": "-1"}  # as FFmpeg calls Dolby Vision in Matroska

_BY_FRAME = {
    Type.DYNAMIC_HDR_PLUS: "the light of each scene (HDR10+)",
    Type.DYNAMIC_HDR_VIVID: "the light of each scene (HDR Vivid)",
    Type.DOVI_RPU_BUFFER: _DOLBY_VISION.decode(),
    Type.A53_CC: "closed captions in the pictures",
    Type.SPHERICAL: "that the pictures show all directions (360 degrees)",
    Type.STEREO3D: "that the pictures are for two eyes",
}
_FLAT = bytes(4)  # how stereo pictures say that they are none


@dataclass(frozen=True)
class Stated:
    """What is said of a stream of pictures.

    Attributes:
        crop: pixels that are not to be shown at the left, the top, the right and the bottom.
        dolby_vision: its profile, None if it is none.
    """

    crop: tuple[int, int, int, int] = (0, 0, 0, 0)
    dolby_vision: int | None = None

    @property
    def unkept(self) -> tuple[str, ...]:
        """What an output cannot tell."""
        return () if self.dolby_vision is None else (_DOLBY_VISION.decode(),)


def stated(stream: VideoStream) -> Stated:
    """Reads what a stream says."""
    memory = io.BytesIO()
    try:
        with av.open(memory, "w", format="matroska", options=_UNOFFICIAL) as output:
            output.add_stream_from_template(stream, opaque=True)
            output.start_encoding()
    except (av.error.FFmpegError, ValueError):  # a codec that Matroska has no name for
        return Stated()
    found = dict(_walked(memory.getvalue()))
    left, top, right, bottom = (
        int.from_bytes(found.get(id, b""), "big") for id in (_LEFT, _TOP, _RIGHT, _BOTTOM)
    )
    dolby_vision = found.get(_MORE_IS, b"").startswith(_DOLBY_VISION)
    return Stated((left, top, right, bottom), found[_MORE][2] >> 1 if dolby_vision else None)


def _walked(data: bytes) -> Iterator[tuple[int, bytes]]:
    for element in elements(data):
        if element.id in _INSIDE:
            yield from _walked(element.data)
        else:
            yield element.id, element.data


def unkept(frame: Frame) -> tuple[str, ...]:
    """What a frame tells of itself, or of how to look at it, that new ones cannot."""
    told = side_data(frame)
    return tuple(
        name
        for kind, name in _BY_FRAME.items()
        if kind in told and not (kind == Type.STEREO3D and told[kind].startswith(_FLAT))
    )
