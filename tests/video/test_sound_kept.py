"""The sound of an input is copied, or becomes the nearest that the output can hold."""

import pytest

from tests.helpers.signals import heard, spoken
from vfi.video import interpolate_video


@pytest.mark.parametrize(
    ("codec", "layout", "rate", "out", "slow", "expected"),
    [
        ("ac3", "5.1(side)", 48_000, "a.webm", 1, "5.1"),
        ("ac3", "5.1(side)", 48_000, "a.mp4", 2, "5.1"),
        ("ac3", "5.1(side)", 48_000, "a.avi", 1, "5.1(side)"),
        ("flac", "7.1", 48_000, "a.mov", 1, "7.1"),
        ("flac", "7.1", 48_000, "a.webm", 1, "7.1"),
        ("flac", "7.1", 48_000, "a.avi", 1, "5.1(side)"),
        ("flac", "stereo", 96_000, "a.mov", 1, "stereo"),
        ("flac", "stereo", 96_000, "a.webm", 1, "stereo"),
        ("aac", "stereo", 16_000, "a.avi", 1, "stereo"),
        ("aac", "mono", 16_000, "a.webm", 1, "mono"),
        ("flac", "5.0(side)", 48_000, "a.webm", 1, "5.1"),
        ("flac", "6.1", 48_000, "a.mp4", 2, "7.1"),
        ("flac", "2.1", 48_000, "a.webm", 1, "5.1"),
    ],
)
def test_the_nearest_sound_is_written(tmp_path, blend, codec, layout, rate, out, slow, expected):
    clip = spoken(tmp_path / "in.mkv", codec, layout, rate)
    settings = {"slow_motion": slow} if slow > 1 else {}
    summary = interpolate_video(clip, tmp_path / out, blend, **settings)
    _, before, length = heard(clip)
    found, after, longer = heard(tmp_path / out)
    assert found == expected
    assert abs(longer - length * slow) < 0.05
    if expected.partition("(")[0] == layout.partition("(")[0]:
        near = [abs(a - b) <= 4 for a, b in zip(before, after, strict=True)]
        assert all(near[:3] + near[4:])
    else:
        assert [text for text in summary.changed if "becomes" in text]
        assert after[:2] == before[:2]


def test_sound_that_matroska_has_no_name_for_is_encoded_again(tmp_path, blend):
    clip = spoken(tmp_path / "in.mov", "pcm_alaw", "mono", 8000)
    summary = interpolate_video(clip, tmp_path / "out.mkv", blend)
    assert summary.kept == ["stream 1 (audio, pcm_alaw): re-encoded"]
    assert heard(tmp_path / "out.mkv")[1] == heard(clip)[1]
