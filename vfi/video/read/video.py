"""Reads a video file through PyAV: every frame that can be decoded, at its presentation time."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import Type
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vfi.video.read.colour import FULL, ColourTags, spec_of, working_format
from vfi.video.read.media import open_video, plane_codes, side_data, tick, video_stream
from vfi.video.read.rates import constant_rate
from vfi.video.read.source import Picture, Source, SourceInfo

logger = logging.getLogger(__name__)

_UNKNOWN_RATE = Fraction(25)
_MISSING_TIME = Fraction(1, 4)  # seconds by which containers' rounded durations are never off


@dataclass(frozen=True)
class Scan:
    """What reading all packets, without decoding, tells.

    Attributes:
        times: sorted presentation times of the video packets that are shown.
        packets: video packets, hidden ones included.
        end: latest end of any stream's packets, seconds.
        error: what stopped the reading before the end, if anything.
    """

    times: list[Fraction]
    packets: int
    end: Fraction
    error: str | None


class VideoSource(Source):
    """A video file.

    Raises:
        ValueError: if it cannot be opened, has no video stream, or no frame of it can be decoded.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        with open_video(path) as container:
            stream = video_stream(container, path)
            first = _first_frame(container, stream, path)
            unit = tick(stream)
            declared = Fraction(container.duration or 0, av.time_base)
            declared_start = Fraction(getattr(container, "start_time", 0) or 0, av.time_base)
            rates = [stream.guessed_rate, stream.average_rate, stream.base_rate]
            self._rates = [Fraction(rate) for rate in rates if rate] or [_UNKNOWN_RATE]
            aspect = stream.sample_aspect_ratio
            # Only MP4's sample tables count packets; AVI counts repeated frames too.
            frames = stream.frames if "mp4" in container.format.name else 0
            fallback = stream.codec_context
            tags = _tags(first, fallback)
        scan = _scan(path)
        rate = constant_rate(scan.times, unit, self._rates)
        start = first.pts * unit if first.pts is not None else Fraction(0)
        self._note_truncation(scan, frames, declared_start + declared)
        self._format = working_format(first.format.name)
        self.info = SourceInfo(
            path=path,
            width=first.width,
            height=first.height,
            spec=spec_of(self._format, tags, first.height),
            tags=tags,
            aspect=Fraction(aspect) if aspect else None,
            rate=rate,
            tick=unit,
            slack=unit if rate is None and unit * self._rates[0] * 3 <= 1 else Fraction(0),
            start=start,
            duration=scan.times[-1] - scan.times[0] + self._step() if scan.times else Fraction(0),
            expected=len(scan.times) or None,
            holds_last=True,
            display_matrix=_display_matrix(first),
            is_video=True,
        )
        if first.interlaced_frame:
            logger.warning("%s is interlaced; deinterlace it first for good results", path)

    def _note_truncation(self, scan: Scan, frames: int, declared_end: Fraction) -> None:
        if scan.error:
            self.problems.append(f"reading stopped early: {scan.error}")
        elif scan.packets < frames:
            self.problems.append(f"truncated: it holds {scan.packets} of {frames} frames")
        elif scan.end and declared_end - scan.end > _MISSING_TIME:
            self.problems.append(
                f"truncated: it ends at {float(scan.end):.2f} s of {float(declared_end):.2f} s"
            )

    def _step(self) -> Fraction:
        """The likeliest time between two frames."""
        return 1 / self._rates[0]

    def pictures(self) -> Iterator[Picture]:
        damaged = index = 0
        time = None
        shown = self._step()
        with open_video(self._path) as container:
            stream = video_stream(container, self._path)
            stream.thread_type = "AUTO"
            for frame in _decode(container, stream):
                if frame is None:
                    damaged += 1
                    continue
                time = self._time(frame, tick(stream), time)
                shown = frame.duration * tick(stream) or shown
                yield Picture(self._planes(frame), self.info.spec, time, index)
                index += 1
        if damaged:
            self.problems.append(f"{damaged} damaged packets could not be decoded")
        if time is not None:
            self.end = time + (1 / self.info.rate if self.info.rate else shown)

    def _time(self, frame: VideoFrame, unit: Fraction, last: Fraction | None) -> Fraction:
        """When a frame is shown; without a usable timestamp, one step after the last."""
        start, rate = self.info.start, self.info.rate
        time = frame.pts * unit if frame.pts is not None else None
        if time is not None and rate is not None:
            time = start + round((time - start) * rate) / rate
        if time is None or (last is not None and time <= last):
            return start if last is None else last + self._step()
        return time

    def _planes(self, frame: VideoFrame) -> list[np.ndarray]:
        info = self.info
        if frame.format.name.replace("yuvj", "yuv") != self._format or (
            (frame.width, frame.height) != (info.width, info.height)
        ):
            span = info.tags.range or None
            frame = frame.reformat(
                info.width, info.height, self._format, src_color_range=span, dst_color_range=span
            )
        dtype = np.uint8 if info.spec.depth == 8 else np.uint16
        planes = []
        sizes = info.spec.plane_sizes(info.height, info.width)
        for plane, (height, width) in zip(frame.planes, sizes, strict=False):
            planes.append(plane_codes(plane, dtype)[:height, :width])
        return planes


def _decode(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame | None]:
    """Decodes all that can be; None stands for each packet that cannot."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError:
            packet = None  # the file ends or breaks here: empty the decoder
        try:
            yield from stream.decode(packet)
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            yield None
        if packet is None:
            return


def _first_frame(container: InputContainer, stream: VideoStream, path: Path) -> VideoFrame:
    for frame in _decode(container, stream):
        if frame is not None:
            return frame
    raise ValueError(f"no frame of {path} can be decoded; is it damaged?")


def _scan(path: Path) -> Scan:
    times: list[int] = []
    packets, end, error = 0, Fraction(0), None
    with open_video(path) as container:
        video = video_stream(container, path)
        try:
            for packet in container.demux():
                time = packet.pts if packet.pts is not None else packet.dts
                if not packet.size or time is None:
                    continue
                end = max(end, (time + (packet.duration or 0)) * packet.time_base)
                if packet.stream_index == video.index:
                    packets += 1
                    if not packet.is_discard:
                        times.append(time)
        except av.error.FFmpegError as failure:
            error = failure.strerror
        unit = tick(video)
    return Scan([time * unit for time in sorted(times)], packets, end, error)


def _tags(frame: VideoFrame, stream: VideoCodecContext) -> ColourTags:
    """The frame's colour tags, and the stream's where it has none."""
    pairs = (
        (frame.color_range, stream.color_range, 0),
        (frame.colorspace, stream.colorspace, 2),
        (frame.color_primaries, stream.color_primaries, 2),
        (frame.color_trc, stream.color_trc, 2),
    )
    span, *others = (int(a) if a != unsaid else int(b) for a, b, unsaid in pairs)
    return ColourTags(FULL if frame.format.name.startswith("yuvj") else span, *others)


def _display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    data = side_data(frame).get(Type.DISPLAYMATRIX)
    return None if data is None else tuple(np.frombuffer(data, np.int32).tolist())
