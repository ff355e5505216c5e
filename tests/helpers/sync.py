"""Clips whose picture flashes and whose sound begins at known moments, and a look for both."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SIZE = (64, 48)
RATE = 25
SOUND_RATE = 48_000
FLASH = 8  # the number of the first bright frame
CLICK = 0.4  # seconds of silence before the tone
_LOUD = 0.25


def flashing(
    path: Path,
    first: Fraction | int = 0,
    heard: Fraction | int = 0,
    sound: str = "aac",
    frames: int = 16,
    seconds: float = 0.62,
    codec: str = "libx264",
    tick: Fraction = Fraction(1, 90_000),
    rate: int = SOUND_RATE,
) -> Path:
    """A clip whose pictures begin at ``first`` and whose sound at ``heard``, both in seconds."""
    with av.open(str(path), "w") as output:
        video = output.add_stream(codec, rate=RATE)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        video.codec_context.time_base = tick
        audio = output.add_stream(sound, rate=rate, layout="stereo")
        packets = []
        for number in range(frames):
            level = 230 if number >= FLASH else 40
            image = np.full((SIZE[1], SIZE[0], 3), level, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = round((first + Fraction(number, RATE)) / tick), tick
            packets += video.encode(frame)
        packets += video.encode(None)
        kind = audio.codec_context.codec.audio_formats[0].name
        size = audio.codec_context.frame_size or 1024
        resampler = av.AudioResampler(kind, "stereo", rate, frame_size=size)
        for piece in [*resampler.resample(_tone(seconds, rate)), *resampler.resample(None)]:
            piece.pts += round(heard * rate)
            packets += audio.encode(piece)
        packets += audio.encode(None)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            output.mux(packet)
    return path


def _tone(seconds: float, rate: int) -> av.AudioFrame:
    wave = 0.5 * np.sin(np.arange(int(rate * seconds)) * 0.3).astype(np.float32)
    wave[: int(CLICK * rate)] = 0
    samples = np.ascontiguousarray(np.repeat(wave[:, None], 2, 1)).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(samples, "flt", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    return frame


@dataclass(frozen=True)
class Events:
    """When, in seconds, the picture turns bright and the tone begins, once in each recording.

    Attributes:
        flashes: of the picture.
        clicks: of the sound.
        first: when the first picture is shown.
        heard: when the first sound is heard.
    """

    flashes: list[float]
    clicks: list[float]
    first: float
    heard: float

    @property
    def apart(self) -> list[float]:
        """How long after each flash the tone begins."""
        return [click - flash for flash, click in zip(self.flashes, self.clicks, strict=True)]


def events(path: Path) -> Events:
    """Decodes a file and finds what happens in it."""
    with av.open(str(path)) as container:
        light = [
            (float(frame.time), float(frame.to_ndarray(format="gray").mean()))
            for frame in container.decode(video=0)
        ]
    bright = [time for time, level in light if level > 180]
    flashes = [b for a, b in zip([-1.0, *bright], bright, strict=False) if b - a > 0.1]
    times, waves = [], []
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler("fltp", "mono", stream.rate)
        for frame in container.decode(stream):
            for piece in resampler.resample(frame):
                waves.append(piece.to_ndarray()[0])
                times.append(float(frame.time) + np.arange(piece.samples) / stream.rate)
    when, wave = np.concatenate(times), np.concatenate(waves)
    loud = when[np.abs(wave) > _LOUD]
    clicks = [b for a, b in zip([-1.0, *loud], loud, strict=False) if b - a > 0.1]
    return Events(flashes, [float(c) for c in clicks], light[0][0], float(when[0]))
