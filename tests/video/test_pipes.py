"""Frames through pipes: in, out, and to a player that shows them in time."""

import io
import os
import subprocess
import sys
import time
from fractions import Fraction

import numpy as np
import pytest

from tests.helpers.clips import Blend
from vfi.cli import main
from vfi.video import interpolate_video
from vfi.video.read.colour import PixelSpec
from vfi.video.read.y4m import Header, Y4MSource
from vfi.video.write.pace import Pace

HEADER = Header(12, 8, Fraction(24000, 1001), Fraction(4, 3), PixelSpec("yuv", shift=(1, 1)))


def frames(header: Header, count: int) -> list[list[np.ndarray]]:
    rng = np.random.default_rng(0)
    dtype = "<u2" if header.spec.depth > 8 else "u1"
    sizes = header.spec.plane_sizes(header.height, header.width)
    top = 1 << header.spec.depth
    return [[rng.integers(0, top, size).astype(dtype) for size in sizes] for _ in range(count)]


def stream(header: Header, pictures: list[list[np.ndarray]]) -> bytes:
    data = (b"FRAME\n" + b"".join(p.tobytes() for p in planes) for planes in pictures)
    return header.line() + b"".join(data)


@pytest.mark.parametrize("spec", [
    HEADER.spec,
    PixelSpec("yuv", shift=(0, 0), full_range=True),
    PixelSpec("yuv", depth=10, shift=(1, 0)),
    PixelSpec("gray", depth=8),
    PixelSpec("gray", depth=16),
])  # fmt: skip
def test_headers_and_frames_are_read_as_written(spec):
    header = Header(13, 7, Fraction(24000, 1001), Fraction(4, 3), spec)
    pictures = frames(header, 3)
    source = Y4MSource(io.BytesIO(stream(header, pictures)))
    info = source.info
    assert (info.width, info.height, info.rate, info.aspect) == (13, 7, header.rate, header.aspect)
    assert (info.spec.kind, info.spec.depth, info.spec.shift) == (spec.kind, spec.depth, spec.shift)
    assert info.spec.full_range == spec.full_range
    read = list(source.pictures())
    assert [p.time for p in read] == [k / header.rate for k in range(3)]
    assert source.end == 3 / header.rate
    for picture, planes in zip(read, pictures, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(picture.planes, planes, strict=True))


@pytest.mark.parametrize(("line", "said"), [
    (b"", "is empty"),
    (b"RIFF....", "no Y4M video"),
    (b"YUV4MPEG2 W8 F24:1\n", "damaged"),
    (b"YUV4MPEG2 W8 H8 F0:0\n", "no frame rate"),
    (b"YUV4MPEG2 W8 H0 F24:1\n", "8x0"),
    (b"YUV4MPEG2 W8 H8 F24:1 C999\n", "C999"),
])  # fmt: skip
def test_what_is_no_stream_is_refused_in_a_line(line, said):
    with pytest.raises(ValueError, match=said):
        Y4MSource(io.BytesIO(line))


def test_a_stream_that_ends_early_gives_what_it_has():
    source = Y4MSource(io.BytesIO(stream(HEADER, frames(HEADER, 3))[:-5]))
    assert len(list(source.pictures())) == 2
    assert "ends within frame 2" in source.problems[0]


def run(arguments: list[str], data: bytes) -> tuple[bytes, str, int]:
    code = (
        "import sys; from tests.helpers.clips import Blend; from vfi.video import job;"
        "job.resolve_model = lambda *_, **__: (Blend(), 'blend');"
        "from vfi.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], input=data, capture_output=True, timeout=120
    )
    return done.stdout, done.stderr.decode(), done.returncode


def test_standard_output_is_a_stream_of_twice_the_frames():
    pictures = frames(HEADER, 4)
    words = ["interpolate", "-", "-o", "-", "--cut-threshold", "null"]
    out, err, status = run(words, stream(HEADER, pictures))
    assert status == 0, err
    source = Y4MSource(io.BytesIO(out))
    assert (source.info.rate, source.info.aspect) == (2 * HEADER.rate, HEADER.aspect)
    made = list(source.pictures())
    assert len(made) == 8
    for picture, planes in zip(made[::2], pictures, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(picture.planes, planes, strict=True))
    assert "Traceback" not in err
    assert "new frames" in err


PLAYER = """
import sys
data = sys.stdin.buffer.read()
open({out!r}, "wb").write(data)
"""
"""Takes all at once, as a player with a large buffer does."""


class Slow(Blend):
    """Takes longer for a frame than two input frames are shown."""

    def forward(self, *args, **kwargs):
        time.sleep(0.12)
        return super().forward(*args, **kwargs)


@pytest.fixture
def player(tmp_path, monkeypatch):
    """Makes a Python program the player that is found."""
    if os.name != "posix":
        pytest.skip("the player is a script")

    def make(program: str) -> None:
        path = tmp_path / "mpv"
        path.write_text(f"#!{sys.executable}\n{program}")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    return make


@pytest.mark.parametrize("network", [Blend, Slow])
def test_a_player_gets_every_original_and_new_frames_that_are_in_time(
    network, tmp_path, player, make_clip
):
    out = tmp_path / "shown"
    player(PLAYER.format(out=str(out)))
    summary = interpolate_video(make_clip(frames=12), "-", network(), play=True)
    with out.open("rb") as shown:
        pictures = list(Y4MSource(shown).pictures())
    assert len(pictures) == 24 == summary.frames_out
    assert summary.generated + summary.dropped == 11
    same = [np.array_equal(a.planes[0], b.planes[0]) for a, b in zip(pictures, pictures[1:])]  # noqa: B905, RUF007
    assert sum(same[:-1:2]) == summary.dropped
    assert not any(same[1:-1:2])  # the next original comes
    if network is Slow:
        assert 5 < summary.dropped < 11


def test_without_a_player_one_line_says_what_to_install(tmp_path, monkeypatch, make_clip):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="install mpv or ffplay"):
        interpolate_video(make_clip(), "-", Blend(), play=True)


def test_a_player_that_is_closed_ends_the_job(player, make_clip):
    player("import sys\nsys.stdin.buffer.read(9000)\n")
    clip = make_clip(frames=40, size=(320, 240))
    summary = interpolate_video(clip, "-", Blend(), play=True)
    assert summary.frames_out <= 80


def test_a_player_that_fails_is_told(player, make_clip):
    player("raise SystemExit(1)\n")
    with pytest.raises(OSError, match=r"mpv ended with status 1 after \d+ frames"):
        interpolate_video(make_clip(frames=40, size=(320, 240)), "-", Blend(), play=True)


def test_the_clock_stands_still_while_the_player_takes_nothing():
    now = [0.0]
    pace = Pace(now=lambda: now[0])
    assert not pace.late(Fraction(0))
    pace.delivered(Fraction(0), waited=False)
    pace.took(0.05)
    assert not pace.late(Fraction(1, 10))
    assert pace.late(Fraction(1, 25))
    now[0] = 60.0
    assert pace.late(Fraction(1))
    pace.delivered(Fraction(1), waited=True)
    assert not pace.late(Fraction(11, 10))
    assert pace.late(Fraction(26, 25))


@pytest.mark.parametrize(("words", "said"), [
    (["-o", "-", "--resume"], "--resume has no meaning for a pipe"),
    (["-o", "-", "--crf", "20"], "crf has no meaning for a pipe"),
    (["-o", "-", "--json"], "both go to standard output"),
    (["-o", "out.mp4", "--play"], "leave --output out"),
])  # fmt: skip
def test_what_a_pipe_cannot_do_is_refused(words, said, make_clip, caplog):
    assert main(["interpolate", str(make_clip()), *words]) == 2
    assert said in caplog.text


@pytest.mark.parametrize("words", [["--start", "1"], ["--duration", "1"]])
def test_a_part_of_a_pipe_is_refused(tmp_path, capfd, words):
    assert main(["interpolate", "-", "-o", str(tmp_path / "out.mp4"), *words]) == 2
    assert "--start and --duration need a file; - is read once" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []
