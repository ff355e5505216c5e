"""What an input holds besides its pictures, sound and subtitles above all, and where it goes."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.filter import Graph
from av.packet import Packet
from av.stream import Discard, Disposition, Stream

from vfi.video.read.video import open_video
from vfi.video.write.containers import Container

logger = logging.getLogger(__name__)

_TEXT = ("subrip", "ass", "ssa", "webvtt", "mov_text", "text")
_SUBTITLE_UNIT = Fraction(1, 1000)
_OPUS_RATE = 48_000
_LAYOUTS = {"1 channels": "mono", "2 channels": "stereo", "6 channels": "5.1", "8 channels": "7.1"}
_SLOWEST_TEMPO = Fraction(1, 2)
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
        for packet in _demux(container, source):
            yield self._placed(packet, packet)

    def _placed(self, packet: Packet, original: Packet) -> tuple[Fraction, Packet]:
        """A packet with the scaled times of the one it was made from."""
        unit = original.time_base
        dts = original.dts if original.dts is not None else original.pts
        pts = original.pts if original.pts is not None else dts
        duration = original.duration or 0
        packet.stream = self._stream
        packet.time_base = unit
        packet.pts, packet.dts, packet.duration = (
            round(ticks * self.speed) for ticks in (pts, dts, duration)
        )
        return dts * self.speed * unit, packet


@dataclass
class AudioTrack(Track):
    """Sound that is encoded again, and stretched without changing its pitch when speed is not 1."""

    encoder: str = "aac"
    how: ClassVar[str] = "re-encoded"

    def _add(self, output: OutputContainer, source: AudioStream) -> AudioStream:
        rate = _OPUS_RATE if self.encoder == "libopus" else source.rate
        stream = output.add_stream(self.encoder, rate=rate)
        stream.layout = _layout(source)
        return stream

    def _packets(
        self, container: InputContainer, source: AudioStream
    ) -> Iterator[tuple[Fraction, Packet]]:
        context = self._stream.codec_context
        graph = self._graph(source)
        if context.frame_size:
            graph.set_audio_frame_size(context.frame_size)
        unit = Fraction(1, context.sample_rate)
        written = None
        for frame in _decode_audio(container, source):
            if written is None and frame is not None:
                start = (frame.pts or 0) * frame.time_base * self.speed
                start += _tempo_lead(source.rate) * (self.speed - 1)
                written = round(start * context.sample_rate)
            if written is None:
                return
            graph.push(frame)
            for piece in _pull(graph):
                piece.pts, piece.time_base = written, unit
                written += piece.samples
                yield from ((p.dts * p.time_base, p) for p in self._stream.encode(piece))
        yield from ((p.dts * p.time_base, p) for p in self._stream.encode(None))

    def _graph(self, source: AudioStream) -> Graph:
        context = self._stream.codec_context
        graph = Graph()
        # async fills gaps in the timestamps, so that sound stays with the picture.
        nodes = [graph.add_abuffer(template=source), graph.add("aresample", "async=1")]
        nodes += [graph.add("atempo", str(float(tempo))) for tempo in _tempos(1 / self.speed)]
        wanted = (
            f"sample_fmts={context.codec.audio_formats[0].name}:"
            f"sample_rates={context.sample_rate}:channel_layouts={_layout(source)}"
        )
        nodes += [graph.add("aformat", wanted), graph.add("abuffersink")]
        graph.link_nodes(*nodes).configure()
        return graph


@dataclass
class TextTrack(Track):
    """Subtitles turned into the kind of text that the container holds."""

    encoder: str = "mov_text"
    how: ClassVar[str] = "converted"

    def _add(self, output: OutputContainer, source: Stream) -> Stream:
        source.codec_context.open(strict=False)
        stream = output.add_stream(self.encoder)
        stream.codec_context.subtitle_header = source.codec_context.subtitle_header
        stream.codec_context.time_base = _SUBTITLE_UNIT
        stream.time_base = _SUBTITLE_UNIT
        return stream

    def _packets(
        self, container: InputContainer, source: Stream
    ) -> Iterator[tuple[Fraction, Packet]]:
        for packet in _demux(container, source):
            text = source.codec_context.decode2(packet)
            if text:
                encoded = self._stream.codec_context.encode_subtitle(text)
                yield self._placed(encoded, packet)


@dataclass
class Attachment(Track):
    """A font or other file in the container."""

    def _add(self, output: OutputContainer, source: Stream) -> Stream:
        return output.add_stream_from_template(source)

    def packets(self) -> Iterator[tuple[Fraction, Packet]]:
        return iter(())


def plan_tracks(path: Path, container: Container, audio: str, speed: Fraction) -> list[Track]:
    """Decides what becomes of every stream of the input but its pictures, with a log line if lost.

    Args:
        path: the input file.
        container: what is written.
        audio: ``auto`` copies sound that the container takes and re-encodes other, ``copy`` insists
            on copying, ``drop`` leaves it out.
        speed: output seconds per input second; sound is stretched if it is not 1.

    Raises:
        ValueError: if sound must be copied and cannot be.
    """
    tracks = []
    with open_video(path) as source:
        for stream in source.streams:
            if stream.type == "audio" and audio != "drop":
                tracks.append(_plan_audio(path, stream, container, audio, speed))
            elif stream.type == "subtitle":
                tracks += _plan_subtitle(path, stream, container, speed)
            elif stream.type == "attachment" and container.format == "matroska":
                tracks.append(Attachment(path, stream.index))
            elif stream.type in ("data", "attachment") or (
                stream.disposition & Disposition.attached_pic
            ):
                logger.info("stream %d (%s) is left out", stream.index, stream.type)
    return tracks


def _plan_audio(
    path: Path, stream: Stream, container: Container, audio: str, speed: Fraction
) -> Track:
    name = _codec_name(stream)
    fits = not container.audio or name in container.audio
    if speed == 1 and fits:
        return Track(path, stream.index)
    if audio == "copy":
        reason = (
            f"a {container.format} file cannot hold {name}" if not fits else "it is slowed down"
        )
        raise ValueError(f"cannot copy the sound of {path}: {reason}; use --audio auto or drop")
    if name is None:
        raise ValueError(f"cannot decode the sound of {path}; use --audio drop")
    return AudioTrack(path, stream.index, speed, container.audio_encoder)


def _plan_subtitle(
    path: Path, stream: Stream, container: Container, speed: Fraction
) -> list[Track]:
    name = _codec_name(stream)
    if name in container.subtitles:
        return [Track(path, stream.index, speed)]
    if name in _TEXT and container.subtitles:
        return [TextTrack(path, stream.index, speed, container.subtitles[0])]
    logger.warning(
        "subtitles %d (%s) are left out: a %s file cannot hold them",
        stream.index,
        name,
        container.format,
    )
    return []


def _codec_name(stream: Stream) -> str | None:
    return stream.codec_context.codec.canonical_name if stream.codec_context else None


def _tempos(tempo: Fraction) -> list[Fraction]:
    """Factors of a tempo, each no slower than what one filter does."""
    factors = []
    while tempo < _SLOWEST_TEMPO:
        factors.append(_SLOWEST_TEMPO)
        tempo /= _SLOWEST_TEMPO
    return [*factors, tempo] if tempo != 1 else factors


def _tempo_lead(rate: int) -> Fraction:
    """Seconds by which FFmpeg's atempo is early, per unit of speed over 1.

    Half its window, which is rate / 24 samples rounded up to a power of two; measured as well.
    """
    window = 1 << (rate // 24 - 1).bit_length()
    return Fraction(window, 2 * rate)


def _layout(stream: AudioStream) -> str:
    """The speakers of a stream, guessed from their number where it says no more."""
    return _LAYOUTS.get(stream.layout.name, stream.layout.name)


def _demux(container: InputContainer, stream: Stream) -> Iterator[Packet]:
    """Packets up to the end or to where the file breaks off."""
    try:
        for packet in container.demux(stream):
            if packet.size and not packet.is_corrupt and (packet.dts, packet.pts) != (None, None):
                yield packet
    except av.error.FFmpegError as error:
        logger.warning("stream %d stops early: %s", stream.index, error.strerror)


def _decode_audio(container: InputContainer, stream: AudioStream) -> Iterator:
    """Decoded sound, skipping what is damaged, then None."""
    for packet in _demux(container, stream):
        try:
            yield from stream.decode(packet)
        except av.error.FFmpegError:
            continue
    yield from stream.decode(None)
    yield None


def _pull(graph: Graph) -> Iterator:
    while True:
        try:
            yield graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
