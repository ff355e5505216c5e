"""Joins finished segments, sound and the rest into the output file."""

import heapq
import itertools
import tempfile
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from vfi.video.read.media import media_name, open_video, video_stream
from vfi.video.read.source import SourceInfo
from vfi.video.write.containers import Container
from vfi.video.write.matroska import complete, roomy
from vfi.video.write.segments import SegmentWriter, VideoSettings, list_segments, read_packets
from vfi.video.write.streams import Streams
from vfi.video.write.tracks import kept_tags

_RATE_PARTS = 1001
_MOVIE_UNITS = "90000"  # a second, in which MP4 counts when a stream begins; FFmpeg's own: 1000
_REHEARSED = 40  # packets of each stream
_APPLE_HEVC_TAG = "hvc1"  # Apple's players ignore the other tag of the same stream, hev1


@dataclass(frozen=True)
class Assembly:
    """What an output file is made of, besides its pictures.

    Attributes:
        container: its format.
        settings: how its video is encoded.
        streams: its other streams.
        info: the input.
        speed: output seconds per input second.
    """

    container: Container
    settings: VideoSettings
    streams: Streams
    info: SourceInfo
    speed: Fraction

    def write(self, path: Path, segments: list[Path], ticks: array) -> None:
        """Writes the file.

        Args:
            path: the file.
            segments: the encoded video, in order.
            ticks: every frame's timestamp and, last, that of the end.
        """
        self._join(path, segments, ticks, None)
        if self._lacks_words():
            complete(path, self._name, self.settings.aspect, self.info.light)

    def _lacks_words(self) -> bool:
        """Whether the container holds what PyAV cannot tell its muxer."""
        matroska = self.container.format in ("matroska", "webm")
        return matroska and bool(self.settings.aspect or self.info.light)

    def _own_tags(self) -> str:
        """The way to write tags of other names than MP4's own, if the input has any."""
        if not self.info.is_video:
            return ""
        with open_video(self.info.path) as source:
            return (
                "+use_metadata_tags"
                if any(key.startswith("com.") for key in source.metadata)
                else ""
            )

    @property
    def _name(self) -> str:
        if not self.info.is_video:
            return ""
        with open_video(self.info.path) as source:
            return video_stream(source, self.info.path).metadata.get("title", "")

    def rehearse(self, suffix: str, start: Fraction) -> None:
        """Writes two black frames and the first packets of all streams, at their true times.

        Args:
            suffix: of the output's name.
            start: when the first frame is shown, in seconds of the output.

        Raises:
            ValueError: if the encoder or the container refuses.
        """
        unit = self.settings.time_base
        first, step = round(start / unit), max(1, round(1 / (self.settings.pace * unit)))
        ticks = array("q", (first, first + step, first + 2 * step))
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            writer = SegmentWriter(folder, self.settings, 2)
            for _ in range(2):
                writer.write(self.settings.black_frame())
            try:
                self._join(folder / f"rehearsal{suffix}", list_segments(folder), ticks, _REHEARSED)
            except (av.error.FFmpegError, ValueError) as error:
                reason = getattr(error, "strerror", None) or error
                raise ValueError(
                    f"a {self.container.format} file cannot hold these streams: {reason}; "
                    "try another --codec or kind of file, or --audio drop"
                ) from error

    def _join(self, path: Path, segments: list[Path], ticks: array, most: int | None) -> None:
        """Writes the file with at most so many packets of each stream."""
        with self._open(path) as output:
            video = self._begin(output, segments[0], ticks)
            if not self.container.varies and ticks[0] > 0:
                output.mux(_nothing(video, self.settings.time_base))
            flows = [_video_packets(video, segments, self.settings.time_base, ticks)]
            flows += [itertools.islice(track.packets(), most) for track in self.streams.tracks]
            for _, packet in heapq.merge(*flows, key=lambda item: item[0]):
                output.mux(packet)

    def _open(self, path: Path) -> OutputContainer:
        quick = self.container.format in ("mp4", "mov")  # the index first, so that it streams
        options = {"movflags": "+faststart" + self._own_tags(), "movie_timescale": _MOVIE_UNITS}
        return av.open(
            media_name(path),
            "w",
            format=self.container.format,
            container_options=options if quick else {},
        )

    def _begin(self, output: OutputContainer, segment: Path, ticks: array) -> VideoStream:
        """Adds all streams and writes the header."""
        with av.open(media_name(segment)) as template:
            video = output.add_stream_from_template(template.streams.video[0], opaque=True)
        settings, tags = self.settings, self.settings.format.tags
        video.time_base = settings.time_base
        context = video.codec_context
        context.framerate = settings.rate or _mean_rate(ticks, settings.time_base)
        if settings.aspect:
            context.sample_aspect_ratio = settings.aspect
        context.color_range, context.colorspace = tags.range, tags.matrix
        context.color_primaries, context.color_trc = tags.primaries, tags.transfer
        if self.container.format in ("mp4", "mov") and settings.codec == "h265":
            video.codec_tag = _APPLE_HEVC_TAG
        if self.container.turns and self.info.display_matrix:
            video.set_display_matrix(self.info.display_matrix)
        for track in self.streams.tracks:
            track.add(output)
        if self.info.is_video:
            self._copy_metadata(output, video)
        if self.settings.format.spec.alpha and settings.codec == "vp9":
            video.metadata["alpha_mode"] = "1"
        if self._lacks_words():
            video.metadata["title"] = roomy(self._name)
        output.start_encoding()
        return video

    def _copy_metadata(self, output: OutputContainer, video: VideoStream) -> None:
        with open_video(self.info.path) as source:
            output.metadata.update(kept_tags(source.metadata))
            stream = video_stream(source, self.info.path)
            video.metadata.update(kept_tags(stream.metadata))
            video.disposition = stream.disposition
            chapters = source.chapters()
        for chapter in chapters:
            unit = chapter["time_base"] or Fraction(1)
            chapter["start"], chapter["end"] = self._placed(chapter["start"], chapter["end"], unit)
        wanted = [chapter for chapter in chapters if chapter["start"] < chapter["end"]]
        if chapters := chapters if self.info.window.is_whole else wanted:
            output.set_chapters(chapters)

    def _placed(self, start: int, end: int, unit: Fraction) -> tuple[int, int]:
        """When a chapter begins and ends in the output, in its own unit."""
        clock = self.info.clock
        first, last = ((time - clock.zero / unit) * self.speed for time in (start, end))
        if clock.end is not None:
            last = min(last, clock.end * self.speed / unit)
        return max(0, round(first)), max(0, round(last))


def _nothing(stream: VideoStream, unit: Fraction) -> Packet:
    """An empty packet at 0: files that only number frames begin with it if the first is late."""
    packet: Packet = Packet(0)
    packet.stream, packet.time_base, packet.pts, packet.dts = stream, unit, 0, 0
    return packet


def _mean_rate(ticks: array, unit: Fraction) -> Fraction:
    """Frames per second, as near as containers can tell it."""
    rate = (len(ticks) - 1) / ((ticks[-1] - ticks[0]) * unit)
    return rate.limit_denominator(_RATE_PARTS)


def _video_packets(
    stream: VideoStream, segments: list[Path], unit: Fraction, ticks: array
) -> Iterator[tuple[Fraction, Packet]]:
    """Packets with exact times: a frame's decoding time is a display time some frames back."""
    delay = max(count - number for count, (_, number) in enumerate(read_packets(segments)))
    step = ticks[1] - ticks[0]
    for count, (packet, number) in enumerate(read_packets(segments)):
        late = count - delay
        dts = ticks[late] if late >= 0 else ticks[0] + late * step
        packet.stream, packet.time_base = stream, unit
        packet.pts, packet.dts = ticks[number], dts
        packet.duration = ticks[number + 1] - ticks[number]
        yield dts * unit, packet
