"""Random small videos, and what must hold of whatever is made of them.

``python -m tests.video.random_videos 500`` tries so many and counts.
"""

import dataclasses
import logging
import random
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tests.helpers.clips import Blend, picture
from vfi.video import interpolate_video

CODECS = {
    "mp4": ("libx264", "mpeg4"),
    "mov": ("libx264", "mpeg4"),
    "mkv": ("libx264", "mpeg4", "ffv1", "libvpx-vp9"),
    "webm": ("libvpx-vp9",),
    "avi": ("mpeg4", "ffv1", "libx264"),
    "ts": ("libx264", "mpeg2video"),
    "wmv": ("msmpeg4",),
}
SOUNDS = {
    "mp4": ("aac", "libmp3lame"),
    "mov": ("aac", "pcm_s16le"),
    "mkv": ("aac", "libopus", "flac", "ac3"),
    "webm": ("libopus",),
    "avi": ("libmp3lame", "ac3", "pcm_s16le"),
    "ts": ("aac", "mp2", "ac3"),
    "wmv": ("libmp3lame",),
}
OUTPUTS = ("mp4", "mov", "mkv", "webm", "avi")
TICKS = {
    "wmv": Fraction(1, 1000),
    "mkv": Fraction(1, 1000),
    "webm": Fraction(1, 1000),
    "ts": Fraction(1, 90_000),
}


@dataclass(frozen=True)
class Case:
    """An input and what is made of it."""

    kind: str
    codec: str
    out: str
    size: tuple[int, int]
    times: tuple[Fraction, ...]
    tick: Fraction
    sound: str | None
    channels: str
    late: Fraction
    turn: int
    aspect: Fraction
    full: bool
    multiplier: int


def draw(seed: int) -> Case:
    """The case of a seed."""
    dice = random.Random(seed)
    kind = dice.choice(list(CODECS))
    codec = dice.choice(CODECS[kind])
    even = (codec in ("libx264", "mpeg2video") and 2) or 1
    low = {"mpeg2video": 16, "ffv1": 8}.get(codec, even)
    width, height = (max(low, dice.randint(1, 70) // even * even) for _ in range(2))
    rate = dice.choice(
        [Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(50), Fraction(10)]
    )
    if codec == "mpeg2video":
        rate = Fraction(25)
    pattern = dice.choice(["even", "even", "shaken", "lost", "gap"])
    fixed = kind == "avi" or codec == "mpeg2video"
    fine = Fraction(1, 30_000 if codec == "mpeg4" else 90_000)
    tick = 1 / rate if fixed or dice.random() < 0.3 else TICKS.get(kind, fine)
    start = (
        Fraction(0)
        if kind == "avi"
        else dice.choice([Fraction(0), Fraction(3, 10), Fraction(14, 10)])
    )
    numbers = list(range(dice.randint(2, 30)))
    start = round(start / tick) * tick
    if pattern == "lost" and not fixed and len(numbers) > 4:
        numbers.remove(dice.choice(numbers[1:-1]))
    times = [start + n / rate for n in numbers]
    if pattern == "gap" and not fixed:
        times = [t + (2 if n > len(times) // 2 else 0) for n, t in enumerate(times)]
    if pattern == "shaken" and not fixed:
        times = [t + Fraction(dice.randint(-3, 3), 1000) for t in times]
        times = [max(t, Fraction(0)) for t in times]
    times = [round(t / tick) * tick for t in times]
    sound = dice.choice([None, *SOUNDS[kind]])
    late = Fraction(0) if kind == "avi" else dice.choice([Fraction(0), Fraction(1, 5), start])
    mirrored = kind in ("mp4", "mov", "mkv")
    return Case(
        kind,
        codec,
        dice.choice(OUTPUTS),
        (width, height),
        tuple(times),
        tick,
        sound,
        dice.choice(["mono", "stereo"]),
        late,
        dice.choice([0, 0, 90, 180, -90]) if mirrored else 0,
        dice.choice([Fraction(1), Fraction(4, 3), Fraction(32, 27)])
        if codec != "ffv1"
        else Fraction(1),
        dice.random() < 0.3 and codec == "libx264",
        dice.choice([2, 2, 3, 4]),
    )


def write(case: Case, folder: Path) -> Path:
    """The input of a case."""
    path = folder / f"in.{case.kind}"
    with av.open(str(path), "w") as output:
        stream = output.add_stream(
            case.codec, rate=1 / case.tick if case.tick > Fraction(1, 999) else 25
        )
        stream.width, stream.height = case.size
        stream.pix_fmt = "yuv420p"
        if case.codec == "ffv1":
            stream.options = {"slices": "1"}  # not every tiny picture can be cut into more
        context = stream.codec_context
        context.time_base = case.tick
        context.sample_aspect_ratio = case.aspect
        if case.full:
            context.color_range = 2
        if case.turn:
            stream.set_display_rotation(case.turn)
        audio = None
        if case.sound:
            audio = output.add_stream(case.sound, rate=48_000, layout=case.channels)
        packets = []
        for number, time in enumerate(case.times):
            frame = av.VideoFrame.from_ndarray(_image(number, *case.size), "rgb24")
            frame = frame.reformat(format="yuv420p")
            frame.pts, frame.time_base = round(time / case.tick), case.tick
            packets += stream.encode(frame)
        packets += stream.encode(None)
        if audio:
            packets += _tone(audio, case)
        for packet in sorted(packets, key=lambda packet: (packet.dts or 0) * packet.time_base):
            output.mux(packet)
    return path


def _image(number: int, width: int, height: int) -> np.ndarray:
    big = picture(number, max(width, 24), max(height, 24))
    return np.ascontiguousarray(big[:height, :width])


def _tone(stream: av.AudioStream, case: Case) -> list[av.Packet]:
    channels = 1 if case.channels == "mono" else 2
    seconds = max(0.1, float(case.times[-1] - case.times[0]) + 0.04)
    wave = (0.2 * np.sin(np.arange(int(48_000 * seconds)) * 0.05)).astype(np.float32)
    samples = np.ascontiguousarray(np.repeat(wave[:, None], channels, 1)).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(samples, "flt", case.channels)
    frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
    kind = stream.codec_context.codec.audio_formats[0].name
    size = stream.codec_context.frame_size or 1024
    resampler = av.AudioResampler(kind, case.channels, 48_000, frame_size=size)
    packets = []
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        piece.pts += round(case.late * 48_000)
        packets += stream.encode(piece)
    return packets + stream.encode(None)


@dataclass(frozen=True)
class Look:
    """What a decoder makes of a file."""

    times: list[Fraction]
    size: tuple[int, int]
    aspect: Fraction
    turn: int
    light: float
    heard: Fraction | None
    silent: Fraction | None
    channels: int


def look(path: Path) -> Look:
    """Decodes a file."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        aspect = stream.sample_aspect_ratio or Fraction(1)
        times = [frame.pts * stream.time_base for frame in frames]
        light = float(frames[0].reformat(format="gray", dst_color_range=2).to_ndarray().mean())
        size, turn = (frames[0].width, frames[0].height), frames[0].rotation
    heard = silent = None
    channels = 0
    with av.open(str(path)) as container:
        if container.streams.audio:
            pieces = list(container.decode(audio=0))
            heard = pieces[0].pts * pieces[0].time_base
            silent = pieces[-1].pts * pieces[-1].time_base
            silent += Fraction(pieces[-1].samples, pieces[-1].sample_rate)
            channels = container.streams.audio[0].channels
    return Look(times, size, aspect, turn, light, heard, silent, channels)


def broken(case: Case, folder: Path) -> list[str]:
    """What does not hold of what is made of a case."""
    clip, out = write(case, folder), folder / f"out.{case.out}"
    try:
        before = look(clip)
    except av.error.FFmpegError:
        return []  # too short for FFmpeg to tell what it is
    try:
        summary = interpolate_video(
            clip, out, Blend(), multiplier=case.multiplier, cut_threshold=None
        )
    except ValueError as error:
        refused = "varies, which .avi" in str(error) and case.out == "avi"
        return [] if refused else [f"refused: {error}"]
    after = look(out)
    return [text for text, holds in _invariants(case, before, after, summary) if not holds]


def _invariants(case: Case, before: Look, after: Look, summary):
    avi = case.out == "avi"
    count = case.multiplier * len(case.times)
    filled = "the frame rate varies" in str(summary.changed)
    if filled:
        length = (before.times[-1] - before.times[0]) * Fraction(summary.output_fps)
        count = round(length) + case.multiplier
        if abs(count - summary.frames_out) <= case.multiplier:  # how long the last is shown
            count = summary.frames_out
    tick = Fraction(1, 1000) + (1 / Fraction(24) / 2 if avi else 0)
    shown = after.times[:: case.multiplier]
    zero = min([before.times[0], before.heard] if before.heard is not None else [before.times[0]])
    if case.kind != "avi" and not filled:
        wanted = [time - zero for time in case.times]
        wanted = [time - (case.times[0] - before.times[0]) for time in wanted]
        error = max(abs(a - b) for a, b in zip(shown, wanted, strict=False))
        yield f"times off by {float(error):.4f}", error <= tick * 2
    yield f"{len(after.times)} frames of {count}", len(after.times) == count == summary.frames_out
    steps = [b - a for a, b in zip(after.times, after.times[1:], strict=False)]
    yield "times that do not rise", min(steps) > 0
    turned = avi and abs(case.turn) == 90
    size = case.size[::-1] if turned else case.size
    yield f"size {after.size}", after.size == size
    aspect = 1 / before.aspect if turned else before.aspect
    exempt = avi and "tell that pixels" in str(summary.changed)
    yield f"aspect {after.aspect} of {aspect}", exempt or abs(after.aspect / aspect - 1) < 0.01
    yield f"turned {after.turn}", avi or after.turn == before.turn
    yield f"light {before.light:.1f} {after.light:.1f}", abs(before.light - after.light) < 4
    yield f"problems {summary.problems}", not summary.problems
    if before.heard is None:
        return
    yield "no sound", after.heard is not None
    apart = [float(look.times[0] - look.heard) for look in (before, after)]
    if case.kind == "avi":  # whose reordered pictures have made-up times
        apart[0] = float(-before.heard)
    yield f"apart {apart}", abs(apart[0] - apart[1]) <= (0.03 if avi else 0.006) or avi
    lengths = [float(look.silent - look.heard) for look in (before, after)]
    late = max(0.0, float(before.heard - before.times[0])) if avi else 0.0
    yield f"length {lengths}", abs(lengths[0] + late - lengths[1]) < 0.06
    yield f"{after.channels} channels", after.channels == before.channels


def main(count: int, first: int = 0) -> int:
    """Tries cases and prints those that fail."""
    logging.disable(logging.WARNING)
    failed: Counter[str] = Counter()
    for seed in range(first, first + count):
        case = draw(seed)
        with tempfile.TemporaryDirectory() as name:
            try:
                wrong = broken(case, Path(name))
            except Exception as error:
                wrong = [f"{type(error).__name__}: {error}"]
        if wrong:
            failed[wrong[0].split()[0]] += 1
            sys.stdout.write(f"{seed}: {wrong} {dataclasses.astuple(case)}\n")
    sys.stdout.write(f"{count} cases, {failed.total()} failed: {dict(failed)}\n")
    return min(failed.total(), 1)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
