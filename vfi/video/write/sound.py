"""Sound that is encoded again: what a container cannot hold, or what is slowed down."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import av
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.codec.codec import Codec
from av.container import InputContainer, OutputContainer
from av.filter import Graph
from av.packet import Packet
from av.stream import Stream

from vfi.video.read.media import audio_stream, tick
from vfi.video.write.stretch import stretched
from vfi.video.write.tracks import SOUND_LEAD, Track

_OPUS_RATE = 48_000
_UNNAMED = " channels"
_USUAL = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")
"""What a number of channels most likely is, from one on."""
_TAKEN = {
    "aac": ("mono", "stereo", "2.1", "3.0", "4.0", "quad", "5.0", "5.1", "7.1"),
    "ac3": ("mono", "stereo", "2.1", "3.0", "quad", "4.0", "5.0", "5.0(side)", "5.1(side)", "5.1"),
    "libopus": ("mono", "stereo", "3.0", "quad", "5.1", "7.1"),
}
"""The speakers with which encoders were seen to give every tone back in its place, fewest first."""
_SMALLEST_GAP = 0.005  # seconds between timestamps that are filled or cut out
_SMALLEST_JOIN = 0.0005  # likewise, where recordings were joined
_LEAD_IN = {"ac3": 256}
"""Samples that decoding begins with and that were not encoded, where files do not tell of them."""


@dataclass
class AudioTrack(Track):
    """Sound that is encoded again, and stretched without changing its pitch when speed is not 1.

    Attributes:
        encoder: FFmpeg's name of it.
        from_zero: whether the output's sound must begin at 0: silence is put before it, and as
            much is cut off as the encoder puts there itself.
        hides: whether all that lies before 0 is decoded but not heard.
    """

    encoder: str = "aac"
    from_zero: bool = False
    hides: bool = False
    _offset: Fraction = Fraction(0)
    how: ClassVar[str] = "re-encoded"
    lead: ClassVar[Fraction] = SOUND_LEAD

    def _add(self, output: OutputContainer, source: Stream) -> Stream:
        sound = audio_stream(source)
        rate, self._layout = nearest(self.encoder, sound)
        self._encoder = audio_stream(output.add_stream(self.encoder, rate=rate))
        self._encoder.layout = self._layout
        return self._encoder

    def _packets(
        self, container: InputContainer, source: Stream
    ) -> Iterator[tuple[Fraction, Packet]]:
        sound, context = audio_stream(source), self._encoder.codec_context
        unit, speed = Fraction(1, context.sample_rate), self.passage.speed
        pieces = _through(self._even, self._decoded(container, sound))
        if speed != 1:
            pieces = stretched(pieces, speed)
        start, written = 0, None
        for piece in _through(self._shaped, pieces):
            if written is None:  # only now is the offset known
                start = written = round(self._offset * speed / unit)
            piece.pts, piece.time_base = written, unit
            written += piece.samples
            yield from self._heard(self._encoder.encode(piece), start)
        if written is not None:
            yield from self._heard(self._encoder.encode(None), start)

    def _heard(self, packets: list[Packet], start: int) -> Iterator[tuple[Fraction, Packet]]:
        """Packets and their times, but for an encoder's lead-in that would not be hidden."""
        for packet in packets:
            pts = packet.pts or 0
            if not self.hides or pts < 0 or pts + (packet.duration or 0) > start:
                yield (packet.dts or 0) * tick(packet), packet

    def _decoded(self, container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
        """Decoded sound that counts from the output's start, without what is damaged."""
        unit, passage = Fraction(1, stream.rate), self.passage
        layout, first = speakers(stream), True
        alike = _Alike(stream.rate, layout)  # as the file says; its decoder may say otherwise later
        for frame in self._frames(container, stream):
            if frame.pts is not None:
                time = passage.time(frame.pts * tick(frame)) / passage.speed
                if first:
                    self._offset = Fraction(0) if self.from_zero else max(time, Fraction(0))
                    first = False
                frame.pts, frame.time_base = round((time - self._offset) / unit), unit
            if frame.layout.name.endswith(_UNNAMED) and layout in _USUAL:
                frame = _as_layout(frame, layout)
            yield from alike(frame)

    def _frames(self, container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
        for packet in self._demux(container, stream):
            try:
                yield from stream.decode(packet)
            except av.error.FFmpegError:
                continue
        yield from stream.decode(None)

    def _even(self, first: AudioFrame) -> Graph:
        """Fills gaps in the times, the one before the first too, with silence."""
        joined = self.passage.clock.shifts.get(self.index)
        gap = _SMALLEST_JOIN if joined else _SMALLEST_GAP
        words = [("aresample", f"async=1:min_comp=0.0001:min_hard_comp={gap}:first_pts=0")]
        if self.passage.speed != 1:
            words.append(("aformat", "sample_fmts=flt"))
        return _graph(first, words)

    def _shaped(self, first: AudioFrame) -> Graph:
        """Makes what the encoder takes."""
        context = self._encoder.codec_context
        words = []
        if self.from_zero and (early := _LEAD_IN.get(self.encoder)):
            words.append(("atrim", f"start_sample={early}"))
        kind = (context.codec.audio_formats or [context.format])[0].name
        rate, layout = context.sample_rate, self._layout
        words.append(
            ("aformat", f"sample_fmts={kind}:sample_rates={rate}:channel_layouts={layout}")
        )
        graph = _graph(first, words)
        if context.frame_size:
            graph.set_audio_frame_size(context.frame_size)
        return graph


class _Alike:
    """Makes all of a stream alike whose samples a second, or speakers, change on the way."""

    def __init__(self, rate: int, layout: str) -> None:
        self._wanted = rate, layout
        self._format, self._seen = "", self._wanted
        self._change: AudioResampler | None = None

    def __call__(self, frame: AudioFrame) -> list[AudioFrame]:
        self._format = self._format or frame.format.name
        before, self._seen = self._seen, (frame.sample_rate, frame.layout.name)
        if self._seen == self._wanted and frame.format.name == self._format:
            return [frame]
        if self._change is None or before != self._seen:
            self._change = AudioResampler(self._format, self._wanted[1], self._wanted[0])
        return self._change.resample(frame)


def speakers(stream: AudioStream) -> str:
    """The speakers of a stream, guessed from their number where it says no more."""
    name = stream.layout.name
    if name.endswith(_UNNAMED) and stream.channels <= len(_USUAL):
        return _USUAL[stream.channels - 1]
    return name


def nearest(encoder: str, source: AudioStream) -> tuple[int, str]:
    """The sample rate and the speakers that an encoder takes, nearest to those of a stream."""
    rates = sorted(Codec(encoder, "w").audio_rates or [source.rate])
    rate = next((rate for rate in rates if rate >= source.rate), rates[-1])
    if encoder == "libopus":
        rate = _OPUS_RATE
    layout, taken = speakers(source), _TAKEN.get(encoder)
    if taken is None or layout in taken:
        return rate, layout
    plain = layout.partition("(")[0]
    if plain in taken:
        return rate, plain
    enough = [name for name in taken if AudioLayout(name).nb_channels >= source.channels]
    deep = [name for name in enough if _has_deep(name) or not _has_deep(layout)]
    return rate, (deep or enough or taken[-1:])[0]


def _has_deep(layout: str) -> bool:
    """Whether a layout has a speaker for deep sounds, for which no other stands in."""
    return any(channel.name == "LFE" for channel in AudioLayout(layout).channels)


def _as_layout(frame: AudioFrame, layout: str) -> AudioFrame:
    """The same samples with named speakers."""
    if frame.format.is_planar:  # of which PyAV counts 9 planes where there are 8
        frame, *_ = AudioResampler(frame.format.packed.name).resample(frame)
    named = AudioFrame.from_ndarray(frame.to_ndarray(), frame.format.name, layout)
    named.sample_rate, named.pts = frame.sample_rate, frame.pts
    if frame.time_base is not None:  # as a decoder's last samples may lack
        named.time_base = frame.time_base
    return named


def _graph(first: AudioFrame, words: list[tuple[str, str]]) -> Graph:
    """Filters, each with its options, for sound like a frame's."""
    graph = Graph()
    nodes = [
        graph.add_abuffer(
            sample_rate=first.sample_rate,
            format=first.format.name,  # a stream's own need not be that of its decoder
            layout=first.layout.name,
            time_base=first.time_base or Fraction(1, first.sample_rate),
        ),
        *(graph.add(name, options) for name, options in words),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    return graph


def _through(
    make: Callable[[AudioFrame], Graph], frames: Iterator[AudioFrame]
) -> Iterator[AudioFrame]:
    """Sound through filters that are made for its first frame."""
    graph = None
    for frame in frames:
        graph = graph or make(frame)
        graph.push(frame)
        yield from _pull(graph)
    if graph is not None:
        graph.push(None)
        yield from _pull(graph)


def _pull(graph: Graph) -> Iterator[AudioFrame]:
    while True:
        try:
            piece = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        if isinstance(piece, AudioFrame):
            yield piece
