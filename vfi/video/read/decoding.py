"""Decodes all pictures of a video that can be, and what their decoder says of them."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vfi.video.read.colour import FULL, UNSPECIFIED, ColourTags
from vfi.video.read.media import decoder_of, open_video, video_stream

_OPAQUE = 255


def decoded(
    packets: Iterator[Packet], stream: VideoStream, broken: Callable[[str], object] = str
) -> Iterator[VideoFrame | None]:
    """Decodes all that can be; None stands for each packet that cannot.

    Args:
        packets: of the stream.
        stream: what they belong to.
        broken: is told why reading ends early.
    """
    decoder = decoder_of(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError as error:
            packet = None  # the file ends or breaks here: empty the decoder
            broken(error.strerror or str(error))
        try:
            yield from decoder.decode(packet)
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            yield None
        if packet is None:
            return


def first_frame(container: InputContainer, stream: VideoStream, path: Path) -> VideoFrame:
    """The first picture that can be decoded.

    Raises:
        ValueError: if none can.
    """
    for frame in decoded(container.demux(stream), stream):
        if frame is not None:
            return frame
    raise ValueError(f"no frame of {path} can be decoded; is it damaged?")


def shape_of(stream: VideoStream, pieced: bool) -> Fraction | None:
    """The width of a pixel over its height in the first picture, None if it is not said.

    Args:
        stream: of which the first picture has just been decoded.
        pieced: whether its file may hold joined recordings. Then it tells what it saw last.
    """
    own = stream.codec_context.sample_aspect_ratio if pieced else None
    said = own or stream.sample_aspect_ratio
    return Fraction(said) if said else None


def tags_of(said: VideoFrame | VideoCodecContext) -> ColourTags:
    """The colour tags of a frame, or of a stream: until that is decoded, those of its file."""
    return ColourTags(
        int(said.color_range),
        int(said.colorspace),
        int(said.color_primaries),
        int(said.color_trc),
    )


def tags_of_both(frame: VideoFrame, file: ColourTags) -> ColourTags:
    """The frame's colour tags, and the file's where it has none."""
    own = tags_of(frame)
    span = FULL if frame.format.name.startswith("yuvj") else own.range or file.range
    return ColourTags(
        span,
        *(
            getattr(file if getattr(own, name) == UNSPECIFIED else own, name)
            for name in ("matrix", "primaries", "transfer")
        ),
    )


def is_transparent(path: Path) -> bool:
    """Whether any frame is seen through of a GIF or a palette, which always could be."""
    with open_video(path) as container:
        stream = video_stream(container, path)
        return any(
            frame is not None and (frame.to_ndarray(format="rgba")[..., 3] < _OPAQUE).any()
            for frame in decoded(container.demux(stream), stream)
        )
