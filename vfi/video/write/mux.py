"""Joins finished segments, sound and the rest into the output file."""

import heapq
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
from vfi.video.write.segments import SegmentWriter, VideoSettings, list_segments, read_packets
from vfi.video.write.tracks import Track, kept_tags

_APPLE_HEVC_TAG = "hvc1"  # Apple's players ignore the other tag of the same stream, hev1


@dataclass(frozen=True)
class Assembly:
    """What an output file is made of, besides its pictures.

    Attributes:
        container: its format.
        settings: how its video is encoded.
        tracks: its other streams.
        info: the input.
        speed: output seconds per input second.
    """

    container: Container
    settings: VideoSettings
    tracks: list[Track]
    info: SourceInfo
    speed: Fraction

    def write(self, path: Path, segments: list[Path], ticks: array) -> None:
        """Writes the file.

        Args:
            path: the file.
            segments: the encoded video, in order.
            ticks: every frame's timestamp and, last, that of the end.
        """
        with self._open(path) as output:
            video = self._begin(output, segments[0])
            flows = [_video_packets(video, segments, self.settings.time_base, ticks)]
            flows += [track.packets() for track in self.tracks]
            for _, packet in heapq.merge(*flows, key=lambda item: item[0]):
                output.mux(packet)

    def rehearse(self, suffix: str) -> None:
        """Writes one black frame and the headers of all streams, so that misfits show at once.

        Raises:
            ValueError: if the encoder or the container refuses.
        """
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            writer = SegmentWriter(folder, self.settings, 1)
            writer.write(self.settings.black_frame(), 0)
            segments = list_segments(folder)
            try:
                with self._open(folder / f"rehearsal{suffix}") as output:
                    video = self._begin(output, segments[0])
                    ticks = array("q", (0, 1))
                    for _, packet in _video_packets(
                        video, segments, self.settings.time_base, ticks
                    ):
                        output.mux(packet)
            except av.error.FFmpegError as error:
                raise ValueError(
                    f"a {self.container.format} file cannot hold these streams: {error.strerror}; "
                    "try another --codec or kind of file, or --audio drop"
                ) from error

    def _open(self, path: Path) -> OutputContainer:
        quick = self.container.format in ("mp4", "mov")  # the index first, so that it streams
        options = {"movflags": "+faststart"} if quick else {}
        return av.open(
            media_name(path), "w", format=self.container.format, container_options=options
        )

    def _begin(self, output: OutputContainer, segment: Path) -> VideoStream:
        """Adds all streams and writes the header."""
        with av.open(media_name(segment)) as template:
            video = output.add_stream_from_template(template.streams.video[0], opaque=True)
        settings, tags = self.settings, self.settings.format.tags
        video.time_base = settings.time_base
        context = video.codec_context
        if settings.rate:
            context.framerate = settings.rate
        if settings.aspect:
            context.sample_aspect_ratio = settings.aspect
        context.color_range, context.colorspace = tags.range, tags.matrix
        context.color_primaries, context.color_trc = tags.primaries, tags.transfer
        if self.container.format in ("mp4", "mov") and settings.codec == "h265":
            video.codec_tag = _APPLE_HEVC_TAG
        if self.container.turns and self.info.display_matrix:
            video.set_display_matrix(self.info.display_matrix)
        for track in self.tracks:
            track.add(output)
        if self.info.is_video:
            self._copy_metadata(output, video)
        output.start_encoding()
        return video

    def _copy_metadata(self, output: OutputContainer, video: VideoStream) -> None:
        with open_video(self.info.path) as source:
            output.metadata.update(kept_tags(source.metadata))
            stream = video_stream(source, self.info.path)
            video.metadata.update(kept_tags(stream.metadata))
            video.disposition = stream.disposition
            chapters = source.chapters()
        if chapters:
            for chapter in chapters:
                for edge in ("start", "end"):
                    chapter[edge] = round(chapter[edge] * self.speed)
            output.set_chapters(chapters)


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
