"""Encoded video in pieces of a fixed number of frames, so that a killed job loses only the last.

Every segment has an encoder of its own and so begins with a key frame that nothing before it
refers to. Whether a job ran in one go or was resumed, the segments and so the frames are the same.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vfi.video.read.media import media_name, plane_codes, tick
from vfi.video.write.codecs import ENCODERS
from vfi.video.write.options import SEGMENT_FRAMES
from vfi.video.write.pixels import OutputFormat

_FORMAT = "matroska"
_SUFFIX = ".mkv"
_PART_SUFFIX = ".part"
_MAX_TIMESCALE = 65_535  # MPEG-4 has 16 bits for it
_QP_TO_LAMBDA = 118  # FF_QP2LAMBDA
_NUMBERED = Fraction(1, 1000)  # the unit of Matroska, in which a frame has no length
_MOST_REORDERED = 64  # frames; more than any encoder holds back


@dataclass(frozen=True)
class VideoSettings:
    """How the video stream is encoded.

    Attributes:
        codec: a key of `ENCODERS`.
        options: the encoder's, see `encoder_options`.
        quality: the quantiser of encoders that have no CRF, None for the others.
        format: pixels and colours.
        width: of a frame, in pixels.
        height: likewise.
        aspect: width of a pixel over its height, None if it is not said.
        rate: frames per second, None if it varies.
        pace: frames per second in the mean, by which encoders choose levels and spend bits.
        time_base: the unit of the timestamps, in seconds.
        threads: of the encoder; 0 lets it choose.
    """

    codec: str
    options: dict[str, str]
    quality: int | None
    format: OutputFormat
    width: int
    height: int
    aspect: Fraction | None
    rate: Fraction | None
    pace: Fraction
    time_base: Fraction
    threads: int = 0

    def black_frame(self) -> list[np.ndarray]:
        """The planes of a frame without anything on it."""
        return self.format.spec.from_rgb(torch.zeros(3, self.height, self.width))


class SegmentWriter:
    """Writes frames to segments in a folder, going on after those that are finished.

    Args:
        folder: where they are, made by the caller.
        settings: how to encode.
        length: frames per segment.

    Attributes:
        finished: frames in finished segments.
    """

    def __init__(self, folder: Path, settings: VideoSettings, length: int = SEGMENT_FRAMES) -> None:
        self._folder = folder
        self._settings = settings
        self._length = length
        self._next = 0
        while count_frames(self._path(self._next)) == length:
            self._next += 1
        for stale in [*list_segments(folder)[self._next :], *folder.glob(f"*{_PART_SUFFIX}")]:
            stale.unlink()
        self._open: _Segment | None = None
        self.finished = self._next * length

    def write(self, planes: list[np.ndarray]) -> None:
        """Encodes the next frame."""
        if self._open is None:
            self._open = _Segment(self._path(self._next), self._settings)
        self._open.write(planes)
        if self._open.frames == self._length:
            self.close()

    def close(self) -> None:
        """Finishes the segment being written, however long it is."""
        if self._open is not None:
            self._open.close()
            self.finished += self._open.frames
            self._open = None
            self._next += 1

    def abort(self) -> None:
        """Throws the unfinished segment away."""
        if self._open is not None:
            self._open.abort()
            self._open = None

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06d}{_SUFFIX}"


class _Segment:
    def __init__(self, path: Path, settings: VideoSettings) -> None:
        self._settings = settings
        self._path = path
        self._part = path.with_suffix(_PART_SUFFIX)
        self.frames = 0
        self._packets = 0
        # Exact times are given when segments are joined; here frames are numbered.
        self._unit = (1 / settings.pace).limit_denominator(_MAX_TIMESCALE)
        self._container = av.open(media_name(self._part), "w", format=_FORMAT)
        self._stream = add_encoder(self._container, settings, self._unit)

    def write(self, planes: list[np.ndarray]) -> None:
        frame = _frame(planes, self._settings)
        frame.pts, frame.time_base = self.frames, self._unit
        self._mux(self._stream.encode(frame))
        self.frames += 1

    def close(self) -> None:
        self._mux(self._stream.encode(None))
        self._container.close()
        self._part.replace(self._path)

    def _mux(self, packets: list[Packet]) -> None:
        # x265's decoding times are uninitialised memory in a stream of 1 or 2 frames (its issue
        # 781), which the muxer refuses; as with the times shown, only the order matters here.
        for packet in packets:
            packet.pts = round((packet.pts or 0) * tick(packet) / self._unit)
            packet.time_base = _NUMBERED
            packet.dts = self._packets - _MOST_REORDERED
            self._packets += 1
            self._container.mux(packet)

    def abort(self) -> None:
        with contextlib.suppress(av.error.FFmpegError):
            self._container.close()
        self._part.unlink(missing_ok=True)


def add_encoder(container: OutputContainer, settings: VideoSettings, unit: Fraction) -> VideoStream:
    """Adds the encoder's stream to a container.

    Raises:
        ValueError: if the encoder does not start with these settings.
    """
    # SVT-AV1 reports on the console whatever FFmpeg's log level is; 1 leaves its errors.
    os.environ.setdefault("SVT_LOG", "1")
    encoder = ENCODERS[settings.codec]
    stream = container.add_stream(encoder.name, rate=1 / unit, options=dict(settings.options))
    if not isinstance(stream, VideoStream):
        raise TypeError(f"{encoder.name} does not encode video")
    context, tags = stream.codec_context, settings.format.tags
    stream.width, stream.height = settings.width, settings.height
    stream.pix_fmt = settings.format.pixel_format
    context.time_base = unit
    if settings.aspect:
        context.sample_aspect_ratio = settings.aspect
    context.color_range, context.colorspace = tags.range, tags.matrix
    context.color_primaries, context.color_trc = tags.primaries, tags.transfer
    context.thread_count = settings.threads
    if settings.quality is not None:
        context.qscale = True
        context.global_quality = settings.quality * _QP_TO_LAMBDA
    try:
        context.open()
    except av.error.FFmpegError as error:
        raise ValueError(
            f"{encoder.name} does not start for {settings.width}x{settings.height} "
            f"{settings.format.pixel_format} with {settings.options}: {error.strerror}"
        ) from error
    return stream


def _packets_of(path: Path) -> InputContainer:
    """Opens a segment for its packets alone, without the decoding by which others are probed."""
    return av.open(media_name(path), options={"probesize": "32"})


def list_segments(folder: Path) -> list[Path]:
    """The finished segments of a folder, in order."""
    return sorted(folder.glob(f"[0-9]*{_SUFFIX}"))


def count_frames(path: Path) -> int:
    """Frames in a segment; 0 if there is none or it is damaged."""
    if not path.exists():
        return 0
    try:
        with _packets_of(path) as container:
            return sum(packet.size > 0 for packet in container.demux(video=0))
    except av.error.FFmpegError:
        return 0


def read_packets(paths: list[Path]) -> Iterator[tuple[Packet, int]]:
    """Packets of segments in decoding order, each with the number of the frame it holds."""
    base = 0
    for path in paths:
        with _packets_of(path) as container:
            packets = [packet for packet in container.demux(video=0) if packet.size]
            order = sorted(packet.pts for packet in packets)
            numbers = {time: number for number, time in enumerate(order, start=base)}
            yield from ((packet, numbers[packet.pts]) for packet in packets)
        base += len(packets)


def read_frames(paths: list[Path]) -> Iterator[VideoFrame]:
    """Decodes all frames of segments, in order."""
    for path in paths:
        with av.open(media_name(path)) as container:
            yield from container.decode(video=0)


def _frame(planes: list[np.ndarray], settings: VideoSettings) -> VideoFrame:
    spec, tags = settings.format.spec, settings.format.tags
    frame = VideoFrame(settings.width, settings.height, spec.pixel_format)
    for plane, codes in zip(frame.planes, planes, strict=True):
        rows = plane_codes(plane, codes.dtype.type)
        rows[: codes.shape[0], : codes.shape[1]] = codes
    if spec.pixel_format != settings.format.pixel_format:
        frame = frame.reformat(format=settings.format.pixel_format)
    frame.color_range, frame.colorspace = tags.range, tags.matrix
    frame.color_primaries, frame.color_trc = tags.primaries, tags.transfer
    return frame
