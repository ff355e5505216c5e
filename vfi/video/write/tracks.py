"""What an input holds besides its pictures, sound and subtitles above all, and where it goes."""

import logging
import re
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

from vfi.video.read.clock import Clock
from vfi.video.read.media import open_video, tick

logger = logging.getLogger(__name__)

_SUBTITLE_UNIT = Fraction(1, 1000)
_OWN_TAGS = (
    "major_brand",
    "minor_version",
    "compatible_brands",
    "encoder",
    "duration",
    "rotate",
    "alpha_mode",
    "stereo_mode",
)
_STATISTICS = re.compile(
    r"(_STATISTICS_.*|BPS|DURATION|NUMBER_OF_(FRAMES|BYTES)|SOURCE_ID)(-\w+)?$", re.IGNORECASE
)


def kept_tags(tags: dict[str, str]) -> dict[str, str]:
    """Metadata without what describes the input file itself, or counts what is in it."""
    return {
        key: value
        for key, value in tags.items()
        if key.lower() not in _OWN_TAGS and not _STATISTICS.match(key)
    }


@dataclass(frozen=True)
class Passage:
    """From a file's own times to those of the output.

    Attributes:
        path: the input file.
        clock: its timeline.
        speed: output seconds per input second.
        late: seconds by which all is shown later, where the output's frames are only numbered.
    """

    path: Path
    clock: Clock
    speed: Fraction = Fraction(1)
    late: Fraction = Fraction(0)

    def time(self, time: Fraction) -> Fraction:
        """The output's seconds for a time of the unrolled file."""
        return (time - self.clock.zero) * self.speed + self.late

    @property
    def end(self) -> Fraction | None:
        """The output's seconds at which it ends, if that is before the end of the file."""
        return None if self.clock.end is None else self.clock.end * self.speed

    def leaves_out(self, time: Fraction, length: Fraction, lead: Fraction = Fraction(0)) -> bool:
        """Whether what is shown at a time of the unrolled file lies outside the wanted part.

        Args:
            time: when it begins.
            length: for how long it is shown.
            lead: seconds of the output for which more is wanted before its beginning.
        """
        begin, end = self.time(time), self.time(time + length)
        early = self.clock.cut > 0 and end <= -lead and begin < -lead
        return early or (self.end is not None and begin >= self.end)


@dataclass
class Track:
    """A stream of the input on its way into the output; this one is copied as it is.

    Attributes:
        passage: from the input's times to the output's.
        index: the stream's number there.
    """

    passage: Passage
    index: int
    how: ClassVar[str] = "copied"
    lead: ClassVar[Fraction] = Fraction(0)  # seconds before the wanted part that are read

    def add(self, output: OutputContainer) -> None:
        """Adds the stream to an output; call before `packets`."""
        with open_video(self.passage.path) as container:
            source = container.streams[self.index]
            self._stream = self._add(output, source)
            self._stream.metadata.update(kept_tags(source.metadata))
            self._stream.disposition = source.disposition

    def _add(self, output: OutputContainer, source: Stream) -> Stream:
        return output.add_stream_from_template(source, opaque=True)  # by no encoder's name

    def packets(self) -> Iterator[tuple[Fraction, Packet]]:
        """The output's packets, each with its decoding time in seconds."""
        with open_video(self.passage.path) as container:
            source = container.streams[self.index]
            for stream in container.streams:
                stream.discard = Discard.none if stream.index == self.index else Discard.all
            yield from self._packets(container, source)

    def _packets(
        self, container: InputContainer, source: Stream
    ) -> Iterator[tuple[Fraction, Packet]]:
        for packet in self._demux(container, source):
            yield from self._clipped(self._placed(packet, packet)[1])

    def _clipped(self, packet: Packet) -> Iterator[tuple[Fraction, Packet]]:
        """What is shown by itself, if at all: from the first picture or sound to the end."""
        unit, time = tick(packet), packet.pts or 0
        last = time + (packet.duration or 0)
        if packet.duration and last <= 0:
            return
        if self.passage.end is not None:
            last = min(last, round(self.passage.end / unit))
        packet.pts = packet.dts = time = max(time, 0)
        packet.duration = max(last - time, 0)
        yield time * unit, packet

    def _placed(self, packet: Packet, original: Packet) -> tuple[Fraction, Packet]:
        """A packet with the output's times of the one it was made from."""
        unit = tick(original)
        dts, pts = original.dts, original.pts
        if dts is None or pts is None:
            dts = pts = (dts if pts is None else pts) or 0
        packet.stream = self._stream
        packet.time_base = unit
        packet.pts, packet.dts = (round(self.passage.time(t * unit) / unit) for t in (pts, dts))
        packet.duration = round((original.duration or 0) * self.passage.speed)
        return packet.dts * unit, packet

    def _demux(self, container: InputContainer, stream: Stream) -> Iterator[Packet]:
        """Packets up to the end or to where the file breaks off."""
        try:
            for packet in self.passage.clock.packets(container, stream):
                time = packet.dts if packet.pts is None else packet.pts
                if not packet.size or packet.is_corrupt or time is None:
                    continue
                start, length = time * tick(packet), (packet.duration or 0) * tick(packet)
                if not self.passage.leaves_out(start, length, self.lead):
                    yield packet
        except av.error.FFmpegError as error:
            logger.warning("stream %d stops early: %s", stream.index, error.strerror)


SOUND_LEAD = Fraction(1)
"""Seconds; more than decoders need to find their way into sound."""


@dataclass
class CopiedSound(Track):
    """Sound as it is, without what is hidden and what two joined recordings both hold.

    Attributes:
        hides: whether the output can hold packets that are decoded but not heard. Then the last
            one is kept, from which decoders start well.
        told: whether a lead-in is told with the stream itself, as Matroska and Opus do.
    """

    hides: bool = False
    told: bool = False
    lead: ClassVar[Fraction] = SOUND_LEAD

    def _packets(
        self, container: InputContainer, source: Stream
    ) -> Iterator[tuple[Fraction, Packet]]:
        end = None
        for packet in self._demux(container, source):
            unit = tick(packet)
            time = (packet.pts if packet.pts is not None else packet.dts or 0) * unit
            length = (packet.duration or 0) * unit
            if self._is_hidden(packet, time - self.passage.clock.zero, length):
                continue
            if end is not None and time < end - length / 2:
                continue  # two joined recordings hold it both
            end = time + length
            placed = self._placed(packet, packet)
            if not self.hides and not self.told and packet.pts is not None and packet.pts < 0:
                packet.pts = packet.dts = 0  # the half of it that is heard, a few samples late
            yield placed

    def _is_hidden(self, packet: Packet, time: Fraction, length: Fraction) -> bool:
        """Whether a packet, shown so many seconds after the clock's zero, is not to be heard."""
        start = self.passage.clock.starts.get(self.index, Fraction(0))
        if self.passage.clock.began_before(self.index):
            return time + 2 * length <= 0 if self.hides else time < -_ROUNDING
        if not self.hides:
            early = not self.told and time < -_ROUNDING and time + length / 2 < 0
            return early or (packet.is_discard and time + length <= start + _ROUNDING)
        if time >= 0:  # what is before 0 is hidden, what is after cannot be
            return time + max(length, _ROUNDING) <= start
        lead_in = self.passage.clock.hidden.get(self.index, 0) <= LONGEST_LEAD_IN
        return not lead_in and time + 2 * length <= start


_ROUNDING = Fraction(1, 1000)  # seconds
LONGEST_LEAD_IN = Fraction(1, 10)
"""Seconds of hidden sound that are an encoder's lead-in; more is cut off by an edit list."""


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
        for packet in self._demux(container, source):
            text = _subtitles(source).decode2(packet)
            if text:
                encoded = self._encoder.encode_subtitle(text)
                yield from self._clipped(self._placed(encoded, packet)[1])


@dataclass
class Attachment(Track):
    """A font or other file in the container."""

    def _add(self, output: OutputContainer, source: Stream) -> Stream:
        return output.add_stream_from_template(source, opaque=True)  # by no encoder's name

    def packets(self) -> Iterator[tuple[Fraction, Packet]]:
        return iter(())


def _subtitles(stream: Stream) -> SubtitleCodecContext:
    context = stream.codec_context
    if not isinstance(context, SubtitleCodecContext):
        raise TypeError(f"stream {stream.index} holds {stream.type}, not subtitles")
    return context
