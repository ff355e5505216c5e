"""Sound that is encoded again: what a container cannot hold, or what is slowed down."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.filter import Graph
from av.packet import Packet
from av.stream import Stream

from vfi.video.read.media import audio_stream, tick
from vfi.video.write.tracks import Track, demux

_OPUS_RATE = 48_000
_LAYOUTS = {"1 channels": "mono", "2 channels": "stereo", "6 channels": "5.1", "8 channels": "7.1"}
_SLOWEST_TEMPO = Fraction(1, 2)


@dataclass
class AudioTrack(Track):
    """Sound that is encoded again, and stretched without changing its pitch when speed is not 1."""

    encoder: str = "aac"
    how: ClassVar[str] = "re-encoded"

    def _add(self, output: OutputContainer, source: Stream) -> Stream:
        sound = audio_stream(source)
        rate = _OPUS_RATE if self.encoder == "libopus" else sound.rate
        self._encoder = audio_stream(output.add_stream(self.encoder, rate=rate))
        self._encoder.layout = _layout(sound)
        return self._encoder

    def _packets(
        self, container: InputContainer, source: Stream
    ) -> Iterator[tuple[Fraction, Packet]]:
        sound, context = audio_stream(source), self._encoder.codec_context
        graph = self._graph(sound)
        if context.frame_size:
            graph.set_audio_frame_size(context.frame_size)
        unit = Fraction(1, context.sample_rate)
        written = None
        for frame in _decode_audio(container, sound):
            if written is None and frame is not None:
                start = (frame.pts or 0) * tick(frame) * self.speed
                start += _tempo_lead(sound.rate) * (self.speed - 1)
                written = round(start * context.sample_rate)
            if written is None:
                return
            graph.push(frame)
            for piece in _pull(graph):
                piece.pts, piece.time_base = written, unit
                written += piece.samples
                yield from _timed(self._encoder.encode(piece))
        yield from _timed(self._encoder.encode(None))

    def _graph(self, source: AudioStream) -> Graph:
        context = self._encoder.codec_context
        graph = Graph()
        # async fills gaps in the timestamps, so that sound stays with the picture.
        nodes = [graph.add_abuffer(template=source), graph.add("aresample", "async=1")]
        nodes += [graph.add("atempo", str(float(tempo))) for tempo in _tempos(1 / self.speed)]
        wanted = (
            f"sample_fmts={(context.codec.audio_formats or [context.format])[0].name}:"
            f"sample_rates={context.sample_rate}:channel_layouts={_layout(source)}"
        )
        nodes += [graph.add("aformat", wanted), graph.add("abuffersink")]
        graph.link_nodes(*nodes).configure()
        return graph


def _timed(packets: list[Packet]) -> Iterator[tuple[Fraction, Packet]]:
    return (((packet.dts or 0) * tick(packet), packet) for packet in packets)


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


def _decode_audio(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame | None]:
    """Decoded sound, skipping what is damaged, then None."""
    for packet in demux(container, stream):
        try:
            yield from stream.decode(packet)
        except av.error.FFmpegError:
            continue
    yield from stream.decode(None)
    yield None


def _pull(graph: Graph) -> Iterator[AudioFrame]:
    while True:
        try:
            piece = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        if isinstance(piece, AudioFrame):
            yield piece
