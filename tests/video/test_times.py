"""Files whose times are not plain: what is written has them right, by probing the output."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.helpers.clips import picture
from tests.helpers.edits import edit
from tests.helpers.sync import events, flashing
from vfi.video import interpolate_video

TICK = Fraction(1, 90_000)


@dataclass
class Found:
    """Times of pictures and of sound, in seconds."""

    times: list[Fraction]
    heard: Fraction | None
    silent: Fraction | None
    rate: Fraction | None

    @property
    def steps(self) -> list[Fraction]:
        return [b - a for a, b in itertools.pairwise(self.times)]

    @property
    def distance(self) -> float:
        return float(self.times[0] - self.heard)


def look(path: Path) -> Found:
    """Decodes all pictures and all sound."""
    heard = silent = None
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        rate = stream.average_rate
        times = [frame.pts * stream.time_base for frame in container.decode(stream)]
    with av.open(str(path)) as container:
        if container.streams.audio:
            frames = list(container.decode(audio=0))
            heard = frames[0].pts * frames[0].time_base
            silent = frames[-1].pts * frames[-1].time_base
            silent += Fraction(frames[-1].samples, frames[-1].sample_rate)
    return Found(times, heard, silent, rate)


def sound(count: int, rate: int = 48_000, layout: str = "stereo") -> av.AudioFrame:
    """Samples of a tone."""
    channels = av.AudioLayout(layout).nb_channels
    wave = (0.2 * np.sin(np.arange(count) * 0.06)).astype(np.float32)
    samples = np.ascontiguousarray(np.repeat(wave[:, None], channels, 1)).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(samples, "flt", layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    return frame


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Encodes pictures at any times, and sound that begins at any."""

    def make(
        name: str,
        times: list[int],
        tick: Fraction = TICK,
        codec: str = "libx264",
        audio: str | None = None,
        heard: Fraction = Fraction(0),
        seconds: float = 1.0,
        turn: int | None = None,
        jumps: dict[int, int] | None = None,
        size: tuple[int, int] = (64, 48),
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as output:
            stream = output.add_stream(codec, rate=25)
            stream.width, stream.height = size
            stream.pix_fmt = "yuv420p"
            stream.codec_context.time_base = tick
            if turn:
                stream.set_display_rotation(turn)
            other = output.add_stream(audio, rate=48_000, layout="stereo") if audio else None
            packets = []
            for number, time in enumerate(times):
                frame = av.VideoFrame.from_ndarray(picture(number, *size), "rgb24")
                frame = frame.reformat(format="yuv420p")
                frame.pts, frame.time_base = time, tick
                packets += stream.encode(frame)
            packets += stream.encode(None)
            if other:
                kind = other.codec_context.codec.audio_formats[0].name
                resampler = av.AudioResampler(
                    kind, "stereo", 48_000, frame_size=other.codec_context.frame_size or 1024
                )
                waves = resampler.resample(sound(int(48_000 * seconds)))
                for wave in [*waves, *resampler.resample(None)]:
                    wave.pts += round(heard * 48_000)
                    packets += other.encode(wave)
                packets += other.encode(None)
            for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
                output.mux(packet)
        return path

    return make


def halves(times: list[Fraction]) -> list[Fraction]:
    """Times and the middles between them."""
    return sorted([*times, *((a + b) / 2 for a, b in itertools.pairwise(times))])


def test_a_phones_times_are_kept(write, tmp_path, blend):
    """Recorded at about 30 frames a second, in ninety-thousandths."""
    times = [0, 2993, 5995, 9056, 12164, 15052, 17966, 21043, 24001, 27020, 30043]
    clip = write("in.mp4", times, turn=-90, audio="aac", seconds=0.36)
    interpolate_video(clip, tmp_path / "out.mp4", blend)
    found = look(tmp_path / "out.mp4")
    expected = halves([time * TICK for time in times])
    assert all(abs(a - b) <= TICK for a, b in zip(found.times, expected, strict=False))
    assert len(found.times) == 22
    sounds = []
    for path in (clip, tmp_path / "out.mp4"):
        with av.open(str(path)) as container:
            sounds.append([bytes(p) for p in container.demux(audio=0) if p.size])
        with av.open(str(path)) as container:
            assert next(container.decode(video=0)).rotation == -90
    assert sounds[0] == sounds[1]


def test_a_lost_frame_leaves_the_others_where_they_are(write, tmp_path, blend):
    times = [3600 * n for n in range(12) if n != 5]
    clip = write("in.ts", times, audio="aac")
    interpolate_video(clip, tmp_path / "out.mkv", blend)
    found = look(tmp_path / "out.mkv")
    start = found.times[0]
    expected = [start + time * TICK for time in halves(times)]
    assert all(abs(a - b) <= 0.001 for a, b in zip(found.times, expected, strict=False))


def joined(first: Path, second: Path, path: Path) -> Path:
    path.write_bytes(first.read_bytes() + second.read_bytes())
    return path


@pytest.mark.parametrize("later", [0, 20, -3600 * 20])
@pytest.mark.parametrize(("out", "fps"), [("out.mp4", None), ("out.mkv", None), ("out.avi", 50)])
def test_recordings_that_were_joined(write, tmp_path, blend, later, out, fps):
    """Their clocks begin anew: back, or far ahead; one shift moves sound and picture."""
    start = 90_000 * 30
    first = write(
        "a.ts", [start + 3600 * n for n in range(12)], audio="aac", heard=Fraction(30), seconds=0.47
    )
    moved = start + (90_000 * later if later > 0 else later)
    second = write(
        "b.ts", [moved + 3600 * n for n in range(12)], audio="aac", heard=moved * TICK, seconds=0.47
    )
    clip = joined(first, second, tmp_path / "in.ts")
    interpolate_video(clip, tmp_path / out, blend, fps=fps)
    found = look(tmp_path / out)
    assert len(found.times) == 48
    assert all(abs(step - Fraction(1, 50)) <= 0.001 for step in found.steps)
    assert abs(float(found.silent - found.times[-1]) - 0.02) < 0.09


def test_joined_recordings_keep_sound_and_picture_together(cases, tmp_path, blend):
    clip = cases / "concat.ts"
    interpolate_video(clip, tmp_path / "out.mkv", blend)
    with av.open(str(tmp_path / "out.mkv")) as container:
        sounds = [float(p.pts * p.time_base) for p in container.demux(audio=0) if p.size]
    found = look(tmp_path / "out.mkv")
    assert all(abs(step - Fraction(1, 50)) <= 0.001 for step in found.steps)
    first, second = float(found.times[0]), float(found.times[24])
    grid = 1024 / 48_000  # the second half's sound lies on its own grid of packets
    apart = [(first - sounds[0]) % grid, (second - sounds[-1]) % grid]
    assert abs(apart[0] - apart[1]) < 0.0015 or abs(abs(apart[0] - apart[1]) - grid) < 0.0015


def test_the_end_of_a_counter_is_passed(write, tmp_path, blend):
    """MPEG-TS counts to 2^33."""
    start = (1 << 33) - 3600 * 6
    clip = write("in.ts", [start + 3600 * n for n in range(12)], audio="aac", heard=start * TICK)
    interpolate_video(clip, tmp_path / "out.mp4", blend)
    found = look(tmp_path / "out.mp4")
    assert len(found.times) == 24
    assert all(abs(step - Fraction(1, 50)) <= 0.001 for step in found.steps)
    assert found.times[0] < 0.2


@pytest.mark.parametrize("codec", ["h264", "av1"])
def test_the_level_is_that_of_the_frames(write, tmp_path, blend, codec):
    """Not of the unit of time, in which there might be a thousand a second."""
    times = [0, 40, 100, 140]
    clip = write("in.mkv", times, Fraction(1, 1000), "mpeg4", size=(1920, 1080))
    preset = "ultrafast" if codec == "h264" else "13"
    interpolate_video(clip, tmp_path / "out.mkv", blend, codec=codec, preset=preset)
    with av.open(str(tmp_path / "out.mkv")) as container:
        stream = container.streams.video[0]
        assert abs(float(stream.average_rate) / (8 / 0.18) - 1) < 0.02
        if codec == "h264":
            assert stream.codec_context.level <= 42


def test_a_rate_beyond_a_codec_is_refused_before_work(make_clip, tmp_path, blend):
    clip = make_clip(rate=Fraction(240), frames=8)
    with pytest.raises(ValueError, match="480 frames a second and av1 takes at most 240"):
        interpolate_video(clip, tmp_path / "out.mp4", blend, codec="av1")
    with pytest.raises(ValueError, match="1200 frames a second and matroska takes at most 1000"):
        interpolate_video(clip, tmp_path / "out.mkv", blend, multiplier=5)
    assert blend.runs == 0


def test_two_thousand_frames_a_second(make_clip, tmp_path, blend):
    clip = make_clip(rate=Fraction(240), frames=60, size=(32, 16))
    interpolate_video(clip, tmp_path / "out.mp4", blend, multiplier=8, preset="ultrafast")
    found = look(tmp_path / "out.mp4")
    assert found.times == [Fraction(n, 1920) for n in range(480)]


@pytest.mark.parametrize("fps", [None, 60])
def test_a_long_gap_is_held(write, tmp_path, blend, fps):
    times = [0, 40, 80, 120, 160, 200, *range(3200, 3401, 40)]
    clip = write("in.mkv", times, tick=Fraction(1, 1000))
    summary = interpolate_video(clip, tmp_path / "out.mp4", blend, fps=fps)
    found = look(tmp_path / "out.mp4")
    assert summary.held == 1
    end = found.times[-1] + found.steps[-1]
    assert abs(float(end) - 3.44) <= 0.02
    if fps is None:
        assert len(found.times) == 24
        assert found.times[11] == Fraction(3180, 1000)  # the only new frame of the gap
        assert abs(float(found.rate) * 3.44 / 24 - 1) < 0.01
    else:
        assert blend.runs < 40


def test_an_edit_list_hides(cases, tmp_path, blend):
    for out, length in (("out.mp4", 1.2), ("out.mkv", 1.2), ("out.avi", 1.2)):
        summary = interpolate_video(cases / "elst.mp4", tmp_path / out, blend)
        found = look(tmp_path / out)
        assert summary.problems == []
        assert (len(found.times), float(found.times[0])) == (60, 0)
        assert abs(float(found.times[-1]) + 0.02 - length) < 0.03
        assert abs(float(found.silent) - length) < 0.03
        assert abs(found.distance) < 0.005


@pytest.mark.parametrize(
    ("out", "slow"),
    [
        ("out.mp4", 1),
        ("out.mkv", 1),
        ("out.avi", 1),
        ("out.webm", 1),
        ("out.mov", 1),
        ("out.mp4", 4),
        ("out.mkv", 4),
        ("out.webm", 4),
    ],
)
@pytest.mark.parametrize(
    ("name", "first", "heard", "audio"),
    [
        ("late.mkv", 0, Fraction(3, 10), "aac"),
        ("early.mkv", 27_000, Fraction(0), "libopus"),
        ("long.ts", 90_000 * 3600, Fraction(3600), "aac"),
        ("usual.ts", 126_000, Fraction(14, 10), "mp2"),
        ("late.mp4", 0, Fraction(1, 4), "aac"),
        ("early.mp4", 18_000, Fraction(0), "aac"),
        ("late.mov", 0, Fraction(1, 4), "pcm_s16le"),
    ],
)
def test_streams_that_start_apart(write, tmp_path, blend, out, name, first, heard, audio, slow):
    clip = write(name, [first + 3600 * n for n in range(8)], audio=audio, heard=heard, seconds=0.5)
    before = look(clip)
    more = {} if slow == 1 else {"slow_motion": slow}
    interpolate_video(clip, tmp_path / out, blend, **more)
    found = look(tmp_path / out)
    assert abs(min(found.times[0], found.heard)) <= 0.001
    if out == "out.avi":  # only numbers its frames, and its sound begins at once
        late = float(found.times[0]) - max(before.distance * slow, 0)
        assert -0.001 <= late < 0.02  # less than a frame; the sound waits with it
        assert abs(found.heard) < 0.001
    else:
        assert abs(found.distance - before.distance * slow) <= 0.005


def test_avi_with_reordered_frames(cases, write, tmp_path, blend):
    for clip in (cases / "h264b.avi", write("own.avi", list(range(12)), Fraction(1, 25))):
        interpolate_video(clip, tmp_path / "out.mp4", blend)
        assert look(tmp_path / "out.mp4").times == [Fraction(n, 50) for n in range(24)]


def test_bare_pictures_without_times(write, tmp_path, blend):
    clip = write("in.h264", list(range(12)), Fraction(1, 25))
    interpolate_video(clip, tmp_path / "out.mp4", blend)
    assert look(tmp_path / "out.mp4").times == [Fraction(n, 50) for n in range(24)]


@pytest.mark.parametrize("out", ["out.mp4", "out.mkv", "out.avi"])
@pytest.mark.parametrize("offset", [0.25, -0.25])
def test_sound_can_be_moved(make_clip, probe, tmp_path, blend, out, offset):
    clip = make_clip(sound="aac", frames=48)
    interpolate_video(clip, tmp_path / out, blend, audio_offset=offset)
    assert abs(probe(tmp_path / out).click - probe(clip).click - offset) < 0.01
    with pytest.raises(ValueError, match="encoded again"):
        interpolate_video(clip, tmp_path / "b.mp4", blend, audio_offset=offset, audio="copy")


@pytest.mark.parametrize("out", ["out.mp4", "out.mkv"])
def test_several_edits_of_the_pictures(write, tmp_path, blend, out):
    """The second begins within a group of pictures, so decoding goes back before it."""
    clip = write("in.mp4", list(range(40)), Fraction(1, 25), audio="aac", seconds=0.8)
    first = look(clip).times[0]
    with av.open(str(clip)) as container:
        delay = float(-min(p.dts for p in container.demux(video=0) if p.size) * Fraction(1, 12800))
    edit(clip, b"vide", [(0.4, delay + 0.2), (0.4, delay + 0.88)])
    interpolate_video(clip, tmp_path / out, blend, cut_threshold=None)
    found = look(tmp_path / out)
    assert first == found.times[0] == 0
    assert len(found.times) == 40
    assert all(abs(t - Fraction(n, 50)) <= 0.041 for n, t in enumerate(found.times))


@pytest.mark.parametrize("out", ["out.mp4", "out.avi"])
def test_pictures_that_share_a_time(write, tmp_path, blend, out):
    """The second is shown between it and the next, and nothing after it is late."""
    clip = write("in.mkv", [0, 40, 80, 80, 160, 200, 240, 280], Fraction(1, 1000), "ffv1")
    interpolate_video(clip, tmp_path / out, blend, cut_threshold=None)
    assert look(tmp_path / out).times == [Fraction(n, 50) for n in range(16)]


@pytest.mark.parametrize("out", ["out.mp4", "out.mkv", "out.avi"])
def test_several_edits_of_the_sound(tmp_path, blend, out):
    """What lies between them is not heard again where hidden packets could be kept."""
    clip = edit(flashing(tmp_path / "in.mp4", seconds=1), b"soun", [(0.3, 0.0), (0.3, 0.35)])
    interpolate_video(clip, tmp_path / out, blend, cut_threshold=None)
    wanted, found = look(clip), look(tmp_path / out)
    assert events(tmp_path / out).clicks == pytest.approx(events(clip).clicks, abs=0.004)
    assert abs(float(found.silent - found.heard - wanted.silent + wanted.heard)) < 0.033
