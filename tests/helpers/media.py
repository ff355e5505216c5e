"""Makes a file of any pictures and any sound, to be interpolated."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tests.helpers.clips import picture


@dataclass(frozen=True)
class Pictures:
    """A stream of pictures.

    Attributes:
        times: when each is shown, in units.
        tick: the unit in seconds.
        codec: FFmpeg's name of the encoder.
        size: width and height.
        pix_fmt: FFmpeg's name.
        image: ``(H, W, 3 or 4)`` RGB or RGBA of the n-th; or None for a moving square.
        turn: degrees, as PyAV counts them.
        aspect: width of a pixel over its height.
        tags: range, matrix, primaries, transfer.
        options: of the encoder.
        context: attributes of the encoder.
    """

    times: Sequence[int] = tuple(range(12))
    tick: Fraction = Fraction(1, 25)
    codec: str = "libx264"
    size: tuple[int, int] = (64, 48)
    pix_fmt: str = "yuv420p"
    image: Callable[[int], np.ndarray] | None = None
    turn: int = 0
    aspect: Fraction | None = None
    tags: tuple[int, int, int, int] | None = None
    options: dict[str, str] = field(default_factory=dict)
    context: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Sound:
    """A stream of sound: a tone.

    Attributes:
        codec: FFmpeg's name of the encoder.
        heard: when it begins, in seconds.
        seconds: its length.
        rate: samples a second.
        layout: FFmpeg's name of the speakers.
    """

    codec: str = "aac"
    heard: Fraction | int = 0
    seconds: float = 0.48
    rate: int = 48_000
    layout: str = "stereo"


def make(
    path: Path,
    pictures: Pictures = Pictures(),
    sounds: Sequence[Sound] = (),
    metadata: dict[str, str] | None = None,
    **container: str,
) -> Path:
    """Writes a file; further options are the container's."""
    with av.open(str(path), "w", container_options=container) as output:
        output.metadata.update(metadata or {})
        video = output.add_stream(pictures.codec, rate=25, options=dict(pictures.options))
        video.width, video.height = pictures.size
        video.pix_fmt = pictures.pix_fmt
        context = video.codec_context
        context.time_base = pictures.tick
        if pictures.aspect:
            context.sample_aspect_ratio = pictures.aspect
        if pictures.tags:
            context.color_range, context.colorspace = pictures.tags[:2]
            context.color_primaries, context.color_trc = pictures.tags[2:]
        for name, value in pictures.context.items():
            setattr(context, name, value)
        if pictures.turn:
            video.set_display_rotation(pictures.turn)
        streams = [output.add_stream(s.codec, rate=s.rate, layout=s.layout) for s in sounds]
        packets = list(_encoded(video, pictures))
        for stream, sound in zip(streams, sounds, strict=True):
            stream.codec_context.bit_rate = 128_000  # WMA has none of its own
            packets += _tone(stream, sound)
        for packet in sorted(packets, key=lambda packet: (packet.dts or 0) * packet.time_base):
            output.mux(packet)
    return path


def _encoded(stream: av.VideoStream, pictures: Pictures) -> list[av.Packet]:
    packets = []
    for number, time in enumerate(pictures.times):
        image = (
            picture(number, *pictures.size) if pictures.image is None else pictures.image(number)
        )
        kind = "rgba" if image.shape[2] == 4 else "rgb24"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), kind)
        full = pictures.tags[0] if pictures.tags else None
        frame = frame.reformat(format=pictures.pix_fmt, dst_color_range=full or None)
        frame.pts, frame.time_base = time, pictures.tick
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def _tone(stream: av.AudioStream, sound: Sound) -> list[av.Packet]:
    channels = av.AudioLayout(sound.layout).nb_channels
    wave = (0.2 * np.sin(np.arange(int(sound.rate * sound.seconds)) * 0.06)).astype(np.float32)
    samples = np.ascontiguousarray(np.repeat(wave[:, None], channels, 1)).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(samples, "flt", sound.layout)
    frame.sample_rate, frame.pts, frame.time_base = sound.rate, 0, Fraction(1, sound.rate)
    kind = stream.codec_context.codec.audio_formats[0].name
    size = stream.codec_context.frame_size or 1024
    resampler = av.AudioResampler(kind, sound.layout, sound.rate, frame_size=size)
    packets = []
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        piece.pts += round(sound.heard * sound.rate)
        packets += stream.encode(piece)
    return packets + stream.encode(None)
