"""What an input holds besides its pictures, sound and subtitles above all, and where it goes."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Discard, Stream
from av.subtitles.codeccontext import SubtitleCodecContext

from vfi.video.read.media import open_video, tick

logger = logging.getLogger(__name__)

_SUBTITLE_UNIT = Fraction(1, 1000)
_OWN_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration", "rotate")


def kept_tags(tags: dict[str, str]) -> dict[str, str]:
    """Metadata without what describes the input file itself."""
    return {key: value for key, value in tags.items() if key.lower() not in _OWN_TAGS}


@dataclass
class Track:
    """A stream of the input on its way into the output; this one is copied as it is.

    Attributes:
        path: the input file.
        index: the stream's number there.
        speed: output seconds per input second.
    """

    path: Path
    index: int
    speed: Fraction = Fraction(1)
    how: ClassVar[str] = "copied"

    def add(self, output: OutputContainer) -> None:
        """Adds the stream to an output; call before `packets`."""
        with open_video(self.path) as container:
            source = container.streams[self.index]
            self._stream = self._add(output, source)
            self._stream.metadata.update(kept_tags(source.metadata))
            self._stream.disposition = source.disposition

    def _add(self, output: OutputContainer, source: Stream) -> Stream:
        return output.add_stream_from_template(source)

    def packets(self) -> Iterator[tuple[Fraction, Packet]]:
        """The output's packets, each with its decoding time in seconds."""
        with open_video(self.path) as container:
            source = container.streams[self.index]
            for stream in container.streams:
                stream.discard = Discard.none if stream.index == self.index else Discard.all
            yield from self._packets(container, source)

    def _packets(
        self, container: InputContainer, source: Stream
    ) -> Iterator[tuple[Fraction, Packet]]:
        for packet in demux(container, source):
            yield self._placed(packet, packet)

    def _placed(self, packet: Packet, original: Packet) -> tuple[Fraction, Packet]:
        """A packet with the scaled times of the one it was made from."""
        unit = tick(original)
        dts, pts = original.dts, original.pts
        if dts is None or pts is None:
            dts = pts = (dts if pts is None else pts) or 0
        duration = original.duration or 0
        packet.stream = self._stream
        packet.time_base = unit
        packet.pts, packet.dts, packet.duration = (
            round(ticks * self.speed) for ticks in (pts, dts, duration)
        )
        return dts * self.speed * unit, packet


@dataclass
class TextTrack(Track):
    """Subtitles turned into the kind of text that the container holds."""

    encoder: str = "mov_text"
    how: ClassVar[str] = "converted"

    def _add(self, output: OutputContainer, source: Stream) -> Stream:
        text = _subtitles(source)
        text.open(strict=False)
        stream = output.add_stream(self.encoder)
        self._encoder = _subtitles(stream)
        self._encoder.subtitle_header = text.subtitle_header
        self._encoder.time_base = _SUBTITLE_UNIT
        stream.time_base = _SUBTITLE_UNIT
        return stream

    def _packets(
        self, container: InputContainer, source: Stream
    ) -> Iterator[tuple[Fraction, Packet]]:
        for packet in demux(container, source):
            text = _subtitles(source).decode2(packet)
            if text:
                encoded = self._encoder.encode_subtitle(text)
                yield self._placed(encoded, packet)


@dataclass
class Attachment(Track):
    """A font or other file in the container."""

    def _add(self, output: OutputContainer, source: Stream) -> Stream:
        return output.add_stream_from_template(source)

    def packets(self) -> Iterator[tuple[Fraction, Packet]]:
        return iter(())


def _subtitles(stream: Stream) -> SubtitleCodecContext:
    context = stream.codec_context
    if not isinstance(context, SubtitleCodecContext):
        raise TypeError(f"stream {stream.index} holds {stream.type}, not subtitles")
    return context


def demux(container: InputContainer, stream: Stream) -> Iterator[Packet]:
    """Packets up to the end or to where the file breaks off."""
    try:
        for packet in container.demux(stream):
            if packet.size and not packet.is_corrupt and (packet.dts, packet.pts) != (None, None):
                yield packet
    except av.error.FFmpegError as error:
        logger.warning("stream %d stops early: %s", stream.index, error.strerror)
