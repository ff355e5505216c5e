"""Small clips of every kind, a model that blends, and a probe of what was written."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

torch.set_num_threads(1)
cv2.setNumThreads(1)
os.environ["SVT_LOG"] = "1"


class Blend(nn.Module):
    """The weighted mean of the two frames: exact to predict, fast to run."""

    def __init__(self) -> None:
        super().__init__()
        self.runs = 0
        self.batches: list[int] = []

    def forward(
        self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5, flow_scale: float = 1.0
    ) -> Tensor:
        self.runs += len(img0)
        self.batches.append(len(img0))
        weight = torch.as_tensor(timestep, dtype=img0.dtype).reshape(-1, 1, 1, 1)
        return img0 * (1 - weight) + img1 * weight


@dataclass
class _Spec:
    arbitrary_timestep: bool = False


class Halving(Blend):
    """A blend that, like the paper's network, knows the middle alone."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Module()
        self.network.spec = _Spec()

    def forward(
        self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5, flow_scale: float = 1.0
    ) -> Tensor:
        assert timestep == 0.5
        return super().forward(img0, img1, 0.5, flow_scale)


@pytest.fixture
def blend() -> Blend:
    return Blend()


@pytest.fixture
def halving() -> Halving:
    return Halving()


def picture(number: int, width: int, height: int, scene: int = 0) -> np.ndarray:
    """A textured background with a bright square moving 2 pixels a frame, ``(H, W, 3)`` uint8."""
    rng = np.random.default_rng(scene)
    coarse = rng.integers(60, 190, (6, 8, 3)).astype(np.uint8)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    x, y = (2 * number) % max(width - 12, 1), height // 3
    image[y : y + 10, x : x + 10] = (230, 220, 40)
    return image


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[..., Path]:
    """Encodes a short clip; every property a video can have is an argument."""

    def make(
        name: str = "in.mp4",
        codec: str = "libx264",
        frames: int = 12,
        size: tuple[int, int] = (96, 64),
        rate: Fraction = Fraction(24),
        pix_fmt: str = "yuv420p",
        times: list[int] | None = None,
        tick: Fraction | None = None,
        rotation: int | None = None,
        sound: str | None = None,
        tags: tuple[int, int, int, int] = (1, 1, 1, 1),
        cut_at: int | None = None,
        still: range = range(0),
        title: str | None = None,
    ) -> Path:
        path = tmp_path / name
        tick = tick or 1 / Fraction(rate)
        times = times or list(range(frames))
        with av.open(str(path), "w") as output:
            stream = output.add_stream(codec, rate=Fraction(rate))
            stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
            context = stream.codec_context
            context.time_base = tick
            context.color_range, context.colorspace = tags[:2]
            context.color_primaries, context.color_trc = tags[2:]
            if "x265" in codec:
                stream.options = {"x265-params": "log-level=none"}
            if rotation is not None:
                stream.set_display_rotation(rotation)
            if title:
                output.metadata["title"] = title
                stream.metadata["language"] = "deu"
            audio = output.add_stream(sound, rate=48000, layout="stereo") if sound else None
            for number, time in enumerate(times):
                shown = still.start if number in still else number
                scene = int(cut_at is not None and number >= cut_at)
                frame = av.VideoFrame.from_ndarray(picture(shown, *size, scene), "rgb24")
                frame = frame.reformat(
                    format=pix_fmt, dst_colorspace="ITU709", dst_color_range=tags[0] or None
                )
                frame.pts, frame.time_base = time, tick
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
            if audio:
                _add_tone(output, audio, float((times[-1] + 1) * tick))
        return path

    return make


def _add_tone(output: av.container.OutputContainer, stream: av.AudioStream, seconds: float) -> None:
    """A tone with a click at half time, by which sync is measured."""
    count = int(48000 * seconds)
    wave = 0.1 * np.sin(np.arange(count) * 0.05)
    wave[count // 2 : count // 2 + 480] = 0.95
    samples = np.stack([wave, wave]).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(samples, "fltp", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
    resampler = av.AudioResampler(
        stream.codec_context.codec.audio_formats[0].name,
        "stereo",
        48000,
        frame_size=stream.codec_context.frame_size or 1024,
    )
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        output.mux(stream.encode(piece))
    output.mux(stream.encode(None))


@dataclass
class Probe:
    """What a file holds, found by decoding it."""

    codec: str = ""
    pixel_format: str = ""
    width: int = 0
    height: int = 0
    times: list[Fraction] = field(default_factory=list)
    end: Fraction = Fraction(0)
    images: list[np.ndarray] = field(default_factory=list)
    rate: Fraction | None = None
    rotation: int = 0
    tags: tuple[int, int, int, int] = (0, 0, 0, 0)
    metadata: dict[str, str] = field(default_factory=dict)
    language: str | None = None
    audio: str | None = None
    click: float | None = None
    sound_seconds: float = 0.0
    kinds: list[str] = field(default_factory=list)

    @property
    def frames(self) -> int:
        return len(self.times)

    @property
    def duration(self) -> Fraction:
        return self.end - self.times[0]


@pytest.fixture
def probe() -> Callable[[Path], Probe]:
    def look(path: Path) -> Probe:
        found = Probe()
        with av.open(str(path)) as container:
            found.kinds = [stream.type for stream in container.streams]
            found.metadata = dict(container.metadata)
            stream = container.streams.video[0]
            found.rate, found.language = stream.average_rate, stream.language
            found.codec = stream.codec_context.codec.canonical_name
            for frame in container.decode(stream):
                found.times.append(frame.pts * stream.time_base)
                found.end = found.times[-1] + frame.duration * stream.time_base
                found.images.append(frame.to_ndarray(format="rgb24"))
            found.pixel_format = frame.format.name
            found.width, found.height, found.rotation = frame.width, frame.height, frame.rotation
            found.tags = (
                int(frame.color_range),
                int(frame.colorspace),
                int(frame.color_primaries),
                int(frame.color_trc),
            )
        with av.open(str(path)) as container:
            if container.streams.audio:
                _probe_sound(container, found)
        return found

    return look


def _probe_sound(container: av.container.InputContainer, found: Probe) -> None:
    stream = container.streams.audio[0]
    found.audio = stream.codec_context.codec.canonical_name
    pieces, start = [], None
    resampler = av.AudioResampler("fltp", "mono", stream.rate)
    for frame in container.decode(stream):
        start = float(frame.time) if start is None else start
        pieces += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
    wave = np.concatenate(pieces)
    found.sound_seconds = len(wave) / stream.rate
    loud = np.flatnonzero(np.abs(wave) > 0.6)
    found.click = start + loud[0] / stream.rate if len(loud) else None
