"""Sound and picture stay as far apart as they were, measured by what is seen and heard."""

from fractions import Fraction

import pytest

from tests.helpers.sync import events, flashing
from vfi.video import interpolate_video

OUTS = ["out.mp4", "out.mov", "out.mkv", "out.webm", "out.avi"]


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize(
    ("sound", "later", "frames"),
    [
        ("aac", Fraction(0), 16),
        ("aac", Fraction(3, 1000), 16),
        ("mp2", Fraction(11, 1000), 15),
        ("ac3", Fraction(-1, 100), 17),
    ],
)
def test_in_both_halves_of_joined_recordings(tmp_path, blend, out, sound, later, frames):
    parts = [
        flashing(tmp_path / f"{n}.ts", 30, 30 + n * later, sound, frames=frames) for n in (0, 1)
    ]
    clip = tmp_path / "in.ts"
    clip.write_bytes(b"".join(part.read_bytes() for part in parts))
    fps = {"fps": 50} if out == "out.avi" else {}
    interpolate_video(clip, tmp_path / out, blend, cut_threshold=None, **fps)
    wanted = [distance for part in parts for distance in events(part).apart]
    found = events(tmp_path / out)
    errors = [a - b for a, b in zip(found.apart, wanted, strict=True)]
    assert len(errors) == 2
    assert max(map(abs, errors)) < 0.001
    assert abs(errors[0] - errors[1]) < 0.0005


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize(
    ("name", "sound", "first", "heard"),
    [
        ("in.mkv", "aac", Fraction(0), Fraction(0)),
        ("in.mkv", "aac", Fraction(0), Fraction(3, 10)),
        ("in.mp4", "aac", Fraction(1, 5), Fraction(0)),
        ("in.ts", "mp2", Fraction(14, 10), Fraction(14, 10)),
        ("in.mkv", "libmp3lame", Fraction(13, 1000), Fraction(0)),
        ("in.mkv", "libopus", Fraction(0), Fraction(13, 1000)),
        ("in.mov", "pcm_s16le", Fraction(7, 1000), Fraction(0)),
        ("in.mkv", "ac3", Fraction(0), Fraction(0)),
        ("in.mkv", "libmp3lame", Fraction(0), Fraction(0)),
        ("in.mov", "pcm_s16le", Fraction(0), Fraction(-1, 10)),
    ],
)
def test_of_streams_that_start_apart(tmp_path, blend, out, name, sound, first, heard):
    """AVI only numbers its frames: the picture waits for the next number, and the sound with it."""
    clip = flashing(tmp_path / name, first, heard, sound)
    interpolate_video(clip, tmp_path / out, blend, cut_threshold=None)
    before, found = events(clip), events(tmp_path / out)
    assert abs(found.apart[0] - before.apart[0]) < 0.0015
    assert min(found.first, found.heard) < 0.001
    late = found.first - max(before.first - before.heard, 0)
    assert -0.001 < late < (0.02 if out == "out.avi" else 0.001)


def test_sound_that_numbers_cannot_place_is_encoded_again(tmp_path, blend):
    """AVI numbers the packets of sound: a gap among them would be gone."""
    even = flashing(tmp_path / "even.mkv", sound="libmp3lame", rate=44_100, seconds=3)
    kept = interpolate_video(even, tmp_path / "even.avi", blend, cut_threshold=None).kept
    assert kept == ["stream 1 (audio, mp3): copied"]
    parts = [flashing(tmp_path / f"{n}.ts", 30, 30, "mp2", seconds=0.5) for n in (0, 1)]
    (tmp_path / "in.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    summary = interpolate_video(tmp_path / "in.ts", tmp_path / "out.avi", blend, cut_threshold=None)
    assert summary.kept == ["stream 1 (audio, mp2): re-encoded"]
