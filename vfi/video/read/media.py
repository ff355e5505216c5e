"""Opens media files through PyAV, with the types that its streams really have."""

from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.codec.codec import Codec
from av.codec.context import Flags
from av.container import InputContainer
from av.frame import Frame
from av.packet import Packet
from av.sidedata.sidedata import SideData, Type
from av.stream import Disposition, Stream
from av.video.codeccontext import VideoCodecContext
from av.video.plane import VideoPlane
from av.video.stream import VideoStream


def media_name(path: Path) -> str:
    """What FFmpeg is to be told of a path: an absolute one, as it takes ``a:b`` for a protocol."""
    return str(path.absolute())


def open_video(path: Path) -> InputContainer:
    """Opens a media file for reading.

    Raises:
        ValueError: if it is none.
    """
    try:
        return av.open(media_name(path), metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"cannot read {path} as a video: {reason}") from error


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first stream of moving pictures; cover art does not count.

    Raises:
        ValueError: if there is none, or no decoder for it.
    """
    for stream in container.streams.video:
        if not is_cover(stream):
            if stream.codec_context is None:
                raise ValueError(f"{path} holds video that this PyAV has no decoder for")
            # Else some of the pixels that a stream hides at the left are shown.
            stream.codec_context.flags |= Flags.unaligned
            return stream
    raise ValueError(f"{path} has no video stream")


def decoder_of(stream: VideoStream) -> VideoStream | VideoCodecContext:
    """What decodes a stream: FFmpeg's own VP9 passes over alpha, Google's does not."""
    codec = stream.codec_context.codec.canonical_name
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    if codec not in ("vp8", "vp9") or tags.get("alpha_mode") != "1":
        return stream
    context = Codec(f"libvpx{'-vp9' if codec == 'vp9' else ''}", "r").create("video")
    context.extradata = stream.codec_context.extradata
    return context


def is_cover(stream: Stream) -> bool:
    """Whether a stream is one picture to be shown beside the sound."""
    return bool(stream.disposition & Disposition.attached_pic)


def audio_stream(stream: Stream) -> AudioStream:
    """A stream that is known to hold sound, as one.

    Raises:
        TypeError: if it holds something else.
    """
    if not isinstance(stream, AudioStream):
        raise TypeError(f"stream {stream.index} holds {stream.type}, not sound")
    return stream


def tick(timed: Stream | Packet | Frame) -> Fraction:
    """The unit of the times of a stream, a packet or a frame, in seconds.

    Raises:
        ValueError: if it has none.
    """
    if timed.time_base is None:
        raise ValueError(f"{timed} has no unit of time")
    return timed.time_base


def side_data(frame: Frame) -> dict[Type, bytes]:
    """What a frame brings besides its pixels, by kind."""
    items = (cast(SideData, item) for item in frame.side_data)  # PyAV's types say str
    return {item.type: bytes(item) for item in items}


def display_matrix(frame: Frame) -> tuple[int, ...] | None:
    """The nine numbers by which players turn a picture, if any."""
    data = side_data(frame).get(Type.DISPLAYMATRIX)
    return None if data is None else tuple(np.frombuffer(data, np.int32).tolist())


def plane_codes(plane: VideoPlane, dtype: type[np.generic]) -> np.ndarray:
    """The code values ``(lines, line length)`` of a plane, padding of the lines included."""
    codes: np.ndarray = np.frombuffer(memoryview(plane), dtype)
    lines = codes.reshape(-1, abs(plane.line_size) // np.dtype(dtype).itemsize)
    return lines if plane.line_size > 0 else lines[::-1].copy()  # or bottom up
