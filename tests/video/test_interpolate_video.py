"""Real files in and out: counts and times, by probing the output."""

import itertools
import json
import os
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from tests.helpers.paths import ROOT
from vfi.video import interpolate_video

NTSC = Fraction(24000, 1001)


@pytest.mark.parametrize(
    ("codec", "name", "out", "written"),
    [
        ("libx264", "a.mp4", "out.mp4", "h264"),
        ("libx265", "a.mkv", "out.mkv", "h264"),
        ("libvpx-vp9", "a.webm", "out.webm", "vp9"),
        ("mpeg4", "a.avi", "out.avi", "mpeg4"),
        ("mpeg4", "a.mp4", "out.mov", "h264"),
    ],
)
def test_doubling_a_constant_rate_is_exact(
    make_clip, probe, tmp_path, blend, codec, name, out, written
):
    clip = make_clip(name, codec, rate=NTSC)
    summary = interpolate_video(clip, tmp_path / out, blend, multiplier=2)
    found = probe(tmp_path / out)
    tick = Fraction(1, 1000) if out.endswith(("mkv", "webm")) else 0
    assert found.codec == written
    assert found.frames == summary.frames_out == 24
    assert summary.generated == blend.runs == 11
    assert all(abs(t - n / (2 * NTSC)) <= tick for n, t in enumerate(found.times))
    assert abs(found.duration - 12 / NTSC) <= tick
    assert abs(found.rate / (2 * NTSC) - 1) < 1e-6  # FFmpeg rounds what Matroska says


def test_h265_of_pieces_shorter_than_its_delay(make_clip, probe, tmp_path):
    """x265 takes a short stream's decoding times from memory it has not set (its issue 781)."""
    work = (
        "import sys; from tests.helpers.clips import Blend; "
        "from vfi.video import interpolate_video; "
        "interpolate_video(sys.argv[1], sys.argv[2], Blend(), codec='h265', segment=3)"
    )
    clip, out = make_clip(frames=4), tmp_path / "out.mp4"
    subprocess.run(
        [sys.executable, "-c", work, clip, out],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "MALLOC_PERTURB_": "1",  # glibc fills memory with bytes of 254
        },
        check=True,
    )
    assert probe(out).frames == 8


@pytest.mark.parametrize("fps", ["60", "60000/1001", "25", "120"])
def test_any_rate_is_met_exactly(make_clip, probe, tmp_path, blend, fps):
    clip = make_clip(rate=NTSC, frames=24)
    interpolate_video(clip, tmp_path / "out.mp4", blend, fps=fps)
    found = probe(tmp_path / "out.mp4")
    rate = Fraction(fps)
    assert found.rate == rate
    assert [t * rate for t in found.times] == list(range(found.frames))
    assert abs(found.duration - 24 / NTSC) <= 1 / rate


def test_generated_frames_lie_where_their_time_says(make_clip, probe, tmp_path, blend):
    clip = make_clip(rate=24, frames=6, pix_fmt="yuv444p", size=(64, 48))
    source = [image.astype(float) for image in probe(clip).images]
    interpolate_video(clip, tmp_path / "out.mp4", blend, fps=60, crf=0)
    found = probe(tmp_path / "out.mp4")
    for number in range(12):
        place = Fraction(number, 60) * 24
        k, t = int(place), float(place % 1)
        expected = source[k] * (1 - t) + source[k + 1] * t
        assert np.abs(found.images[number] - expected).mean() < 1.0


def test_variable_rate_is_kept(make_clip, probe, tmp_path, blend):
    times = [0, 33, 66, 120, 150, 290, 320]
    clip = make_clip(times=times, tick=Fraction(1, 1000))
    interpolate_video(clip, tmp_path / "out.mp4", blend, multiplier=2)
    found = probe(tmp_path / "out.mp4")
    middles = [Fraction(a + b, 2) for a, b in itertools.pairwise(times)]
    expected = sorted([Fraction(t) for t in times] + middles)
    assert found.frames == 14
    assert [t * 1000 for t in found.times][:13] == expected


def test_variable_rate_becomes_constant(make_clip, probe, tmp_path, blend):
    times = [0, 33, 66, 120, 150, 290, 320]
    clip = make_clip(times=times, tick=Fraction(1, 1000))
    interpolate_video(clip, tmp_path / "out.mp4", blend, fps=50)
    found = probe(tmp_path / "out.mp4")
    assert found.rate == 50
    assert [t * 50 for t in found.times] == list(range(found.frames))


def test_frames_that_a_constant_rate_lacks_are_made(make_clip, probe, tmp_path, blend):
    clip = make_clip("in.mkv", times=[0, 33, 67, 100, 200, 233], tick=Fraction(1, 1000))
    summary = interpolate_video(clip, tmp_path / "out.avi", blend, cut_threshold=None)
    found = probe(tmp_path / "out.avi")
    assert [t * 60 for t in found.times][:16] == list(range(16))
    assert "becomes 60 a second" in summary.changed[0]


def test_variable_rate_needs_a_container_that_holds_it(make_clip, tmp_path, blend):
    clip = make_clip(times=[0, 33, 81, 200], tick=Fraction(1, 1000))
    with pytest.raises(ValueError, match=r"frame rate varies, which \.avi"):
        interpolate_video(clip, tmp_path / "out.avi", blend)


def test_a_cut_is_not_blended(make_clip, probe, tmp_path, blend, caplog):
    clip = make_clip(frames=12, cut_at=5)
    with caplog.at_level("INFO"):
        summary = interpolate_video(clip, tmp_path / "out.mp4", blend, multiplier=4, crf=10)
    found, source = probe(tmp_path / "out.mp4"), probe(clip)
    assert [cut.frame for cut in summary.cuts] == [5]
    assert "cut at 00:00:00.208 (frame 5" in caplog.text
    for number in range(16, 20):  # from frame 4 up to frame 5
        assert np.abs(found.images[number] - source.images[4].astype(float)).mean() < 3
    assert np.abs(found.images[20] - source.images[5].astype(float)).mean() < 3
    blended = interpolate_video(clip, tmp_path / "all.mp4", blend, cut_threshold=None)
    assert blended.cuts == []


def test_static_pairs_skip_the_network(make_clip, probe, tmp_path, blend):
    clip = make_clip(frames=12, still=range(4, 9), codec="ffv1", name="in.mkv")
    summary = interpolate_video(clip, tmp_path / "out.mp4", blend)
    assert summary.static_pairs == 4
    assert blend.runs == 11 - 4
    assert probe(tmp_path / "out.mp4").frames == 24


def test_duplicates_are_interpolated_across(make_clip, probe, tmp_path, blend):
    clip = make_clip(frames=12, still=range(4, 7), codec="ffv1", name="in.mkv", size=(64, 48))
    summary = interpolate_video(clip, tmp_path / "out.mkv", blend, duplicates="drop", codec="ffv1")
    found, source = probe(tmp_path / "out.mkv"), probe(clip)
    assert (summary.duplicates, summary.frames_out) == (2, 24)
    first, second = source.images[4].astype(float), source.images[7].astype(float)
    for step in range(6):
        t = step / 6
        assert np.abs(found.images[8 + step] - (first * (1 - t) + second * t)).max() <= 3


def test_summary_is_written(make_clip, tmp_path, blend):
    summary = interpolate_video(make_clip(), tmp_path / "out.mp4", blend)
    written = json.loads((tmp_path / "out.mp4.json").read_text())
    assert written["frames_in"] == summary.frames_in == 12
    assert written["frames_out"] == 24
    assert written["output_fps"] == "48"
    assert min(written["fps"], written["real_time_factor"]) > 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4", "out.mp4", "out.mp4.json"]


def test_models_that_halve_reach_other_times_by_bisection(
    make_clip, probe, tmp_path, halving, blend
):
    clip = make_clip(frames=5)
    for name, model in (("a.mkv", halving), ("b.mkv", blend)):
        interpolate_video(clip, tmp_path / name, model, multiplier=4, codec="ffv1")
    assert halving.runs == 12
    for a, b in zip(
        probe(tmp_path / "a.mkv").images, probe(tmp_path / "b.mkv").images, strict=True
    ):
        assert np.abs(a.astype(int) - b).mean() < 0.2
    with pytest.raises(ValueError, match="only finds the middle"):
        interpolate_video(clip, tmp_path / "c.mkv", halving, multiplier=3)
    with pytest.raises(ValueError, match="only finds the middle"):
        interpolate_video(clip, tmp_path / "c.mkv", halving, fps=60)


@pytest.mark.parametrize("batch_size", [3, 8])
def test_batches_change_nothing(make_clip, probe, tmp_path, blend, batch_size):
    clip = make_clip(frames=8)
    interpolate_video(clip, tmp_path / "a.mkv", blend, codec="ffv1", multiplier=3)
    blend.batches.clear()
    interpolate_video(
        clip, tmp_path / "b.mkv", blend, codec="ffv1", multiplier=3, batch_size=batch_size
    )
    assert max(blend.batches) == batch_size
    images = [probe(tmp_path / name).images for name in ("a.mkv", "b.mkv")]
    assert np.array_equal(*images)


@pytest.mark.parametrize(("preset", "search"), [(None, "dia"), ("faster", "dia"), ("fast", "hex")])
def test_the_default_preset_searches_in_small_steps(make_clip, tmp_path, blend, preset, search):
    interpolate_video(make_clip(), tmp_path / "out.mp4", blend, preset=preset)
    said = (tmp_path / "out.mp4").read_bytes()  # x264 tells its settings in the stream
    assert f" me={search} ".encode() in said
    assert (b" ref=1 " in said) == (search == "dia")
