"""Whether a file is as long as it says."""

import pytest

from tests.helpers.media import Pictures, Sound, make
from vfi.video import interpolate_video
from vfi.video.read.open import open_source
from vfi.video.read.whole import cut_off

FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}


@pytest.mark.parametrize(
    ("name", "pictures", "options"),
    [
        ("in.mp4", Pictures(), {"movflags": "faststart"}),
        ("in.mp4", Pictures(options={"g": "3"}), FRAGMENTS),
        ("in.mkv", Pictures(), {}),
        ("in.avi", Pictures(codec="mpeg4"), {}),
        ("in.wmv", Pictures(codec="wmv2"), {}),
        ("in.gif", Pictures(codec="gif", pix_fmt="rgb8"), {}),
        ("in.ts", Pictures(), {}),
        ("in.vob", Pictures(codec="mpeg2video"), {}),
        ("in.mpg", Pictures(codec="mpeg1video"), {}),
        ("in.y4m", Pictures(codec="rawvideo"), {}),
        ("in.mjpeg", Pictures(codec="mjpeg", pix_fmt="yuvj420p"), {}),
        ("in.obu", Pictures(codec="libsvtav1"), {}),
    ],
)
def test_a_file_that_was_cut_off_is_told_from_a_whole_one(tmp_path, name, pictures, options):
    clip = make(tmp_path / name, pictures, **options)
    assert cut_off(clip) is None
    problems = open_source(clip).problems
    assert all("--input-fps" in problem for problem in problems)
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) * 9 // 10])
    assert cut_off(clip).startswith("truncated")
    assert any("truncated" in problem for problem in open_source(clip).problems)


@pytest.mark.parametrize(
    ("name", "codec", "said"),
    [
        ("in.h264", "libx264", "1 frames are damaged and shown as far as they could be decoded"),
        ("in.m2v", "mpeg2video", "1 frames are damaged and shown as far as they could be decoded"),
        ("in.nut", "libx264", "could not be decoded"),
    ],
)
def test_a_last_frame_that_is_not_whole(tmp_path, blend, name, codec, said):
    """Bare streams say no length. Of others threads may pass over what is held back at the end,
    frames that were whole, too; one thread, on one core, passes over the packet alone."""
    options = {"g": "12"}
    if codec == "libx264":  # else its bits vary, and with them where the cut falls
        options["x264-params"] = "cpu-independent=1"
    clip = make(tmp_path / name, Pictures(range(24), codec=codec, options=options))
    assert not any(
        "frames" in p for p in interpolate_video(clip, tmp_path / "a.mkv", blend).problems
    )
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) * 6 // 10 - 37])
    summary = interpolate_video(clip, tmp_path / "b.mkv", blend)
    assert any(said in problem for problem in summary.problems)


def test_a_bare_stream_of_av1_with_two_pictures_of_which_one_is_whole(tmp_path, blend):
    """The length of what is cut off is no unit of time."""
    clip = make(tmp_path / "in.obu", Pictures(range(2), codec="libsvtav1", size=(128, 96)))
    data = clip.read_bytes()
    clip.write_bytes(data[:-9])
    summary = interpolate_video(clip, tmp_path / "out.mkv", blend)
    assert summary.problems[0] == "truncated: it ends within a picture"
    assert summary.output_fps == "50"


def test_what_says_no_length_is_not_cut_off(tmp_path):
    clip = make(tmp_path / "in.mkv", Pictures(), live="1")
    assert cut_off(clip) is None
    other = tmp_path / "empty.avi"
    other.write_bytes(b"RIFF\0\0\0\0AVI ")
    assert cut_off(other) is None


def test_an_animation_that_was_cut_off_is_no_image(tmp_path):
    clip = tmp_path / "in.webp"
    clip.write_bytes(b"RIFF\xff\0\0\0WEBPVP8X")
    with pytest.raises(ValueError, match="truncated: it holds 16 of 263 bytes"):
        open_source(clip)


def test_sound_of_which_nothing_can_be_read_is_left_out(tmp_path, blend):
    clip = make(tmp_path / "in.ts", Pictures(range(40)), [Sound(seconds=1.6)])
    data = clip.read_bytes()
    for size in range(188 * 20, 188 * 9, -188):  # until too little is there to know its kind
        clip.write_bytes(data[:size])
        summary = interpolate_video(clip, tmp_path / "out.mkv", blend, cut_threshold=None)
        if summary.lost:
            break
    assert "nothing of it can be read" in summary.lost[0]
