"""Kinds of files that few programs write: read with the right times and the right way up."""

from fractions import Fraction

import av
import numpy as np
import pytest

from tests.helpers.clips import picture
from tests.helpers.media import Pictures, Sound, make
from vfi.video import interpolate_video
from vfi.video.read.open import open_source


@pytest.mark.parametrize(
    ("name", "pictures"),
    [
        ("in.avi", Pictures(range(8))),
        ("in.mxf", Pictures(range(8), pix_fmt="yuv422p")),  # H.264's times are those of decoding
    ],
)
def test_pictures_that_are_told_in_the_order_of_decoding(tmp_path, name, pictures):
    source = open_source(make(tmp_path / name, pictures))
    times = [(shown.time, shown.index) for shown in source.pictures()]
    assert times == [(Fraction(n, 25), n) for n in range(8)]


BARE = [
    ("in.h264", Pictures(range(8), Fraction(1, 12))),
    ("in.m1v", Pictures(range(8), codec="mpeg1video", context={"max_b_frames": 2})),
    ("in.drc", Pictures(range(8), codec="vc2", context={"bit_rate": 10_000_000})),
    ("in.vob", Pictures(range(8))),  # the first alone has a time
]


@pytest.mark.parametrize(("name", "pictures"), BARE)
def test_pictures_of_which_it_is_told_how_long_they_last(tmp_path, name, pictures):
    source = open_source(make(tmp_path / name, pictures))
    assert [shown.time for shown in source.pictures()] == [n * pictures.tick for n in range(8)]
    assert source.problems == []


def test_a_bare_stream_without_a_rate_may_be_given_one(tmp_path):
    clip = make(tmp_path / "in.mjpeg", Pictures(range(8), codec="mjpeg", pix_fmt="yuvj420p"))
    said, given = open_source(clip), open_source(clip, fps=Fraction(12))
    assert "25 are assumed" in said.problems[0]
    assert [shown.time for shown in given.pictures()] == [Fraction(n, 12) for n in range(8)]
    with pytest.raises(ValueError, match="its own frame times"):
        open_source(make(tmp_path / "in.mp4"), fps=Fraction(12))


@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "mpeg2video"])
def test_asf_tells_of_reordered_pictures_when_they_are_decoded(tmp_path, codec):
    pictures = Pictures(range(8), codec=codec, context={"max_b_frames": 2})
    source = open_source(make(tmp_path / "in.wmv", pictures, [Sound("pcm_s16le")]))
    assert [shown.time for shown in source.pictures()] == [Fraction(n, 25) for n in range(8)]


def test_sound_whose_last_samples_have_no_time(tmp_path, blend):
    clip = make(tmp_path / "in.wmv", Pictures(range(8), codec="wmv2"), [Sound("wmav2")])
    interpolate_video(clip, tmp_path / "out.mp4", blend, cut_threshold=None)
    with av.open(str(tmp_path / "out.mp4")) as container:
        heard = sum(frame.samples for frame in container.decode(audio=0))
    assert abs(heard / 48_000 - 0.48) < 0.06


def test_pictures_that_are_decoded_from_the_bottom_up(tmp_path):
    clip = make(tmp_path / "in.nut", Pictures(range(2), codec="amv", pix_fmt="yuvj420p"))
    with av.open(str(clip)) as container:
        frame = next(container.decode(video=0))
        assert frame.planes[0].line_size < 0
    shown = next(open_source(clip).pictures())
    wanted = picture(0, 64, 48).mean(axis=(1, 2))
    found = shown.rgb().numpy().mean(axis=(0, 2)) * 255
    assert np.abs(wanted - found).max() < 12


def test_a_length_that_counts_from_zero_is_not_taken_for_missing_pictures(tmp_path):
    """ASF and Matroska count so; the first picture is shown later."""
    pictures = Pictures(range(60, 72), codec="msmpeg4")
    for name in ("in.wmv", "in.mkv"):
        assert open_source(make(tmp_path / name, pictures)).problems == []


def test_a_clock_that_runs_over_is_no_truncation(tmp_path):
    clip = make(tmp_path / "in.ts", Pictures(range(2386090, 2386110)), [Sound(heard=95443.6)])
    source = open_source(clip)
    assert source.problems == []
    times = [shown.time - source.info.start for shown in source.pictures()]
    assert times == [Fraction(n, 25) for n in range(20)]


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (3, 70)])
def test_tiny_pictures_without_loss(tmp_path, blend, size):
    clip = make(tmp_path / "in.nut", Pictures(range(3), codec="png", size=size, pix_fmt="rgb24"))
    interpolate_video(clip, tmp_path / "out.mkv", blend, codec="ffv1", cut_threshold=None)
    with av.open(str(tmp_path / "out.mkv")) as container:
        frames = list(container.decode(video=0))
    assert [(frame.width, frame.height) for frame in frames] == [size] * 6


@pytest.mark.parametrize("out", ["out.avi", "out.gif", "out"])
def test_a_picture_that_is_shown_askew(tmp_path, blend, out):
    clip = make(tmp_path / "in.mp4", Pictures(range(3), aspect=Fraction(4, 3), turn=45))
    said = " ".join(interpolate_video(clip, tmp_path / out, blend).changed)
    assert "turned by quarters only" in said
    assert ("pixels are not square" in said) == (out != "out.avi")  # MPEG-4 tells it
    assert interpolate_video(clip, tmp_path / "out.mkv", blend).changed == []


@pytest.mark.parametrize(("codec", "said"), [("mpeg4", True), ("av1", True), ("vp9", False)])
def test_chroma_of_less_resolution_is_named(tmp_path, blend, codec, said):
    pictures = Pictures(range(3), codec="ffv1", pix_fmt="yuv444p")
    clip = make(tmp_path / "in.mkv", pictures)
    summary = interpolate_video(clip, tmp_path / "out.mkv", blend, codec=codec)
    assert any("chroma of less resolution" in line for line in summary.changed) == said
