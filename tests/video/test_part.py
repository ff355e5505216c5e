"""A part of an input: its pictures, sound, subtitles and chapters, and nothing else."""

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from tests.helpers.clips import picture
from vfi.cli import main as command
from vfi.video import interpolate_video
from vfi.video.read.open import open_source
from vfi.video.read.window import Window, parse_time


def test_times_as_people_write_them():
    for text, seconds in (("90", 90), (90.5, 90.5), ("1:30.5", 90.5), ("1:00:00", 3600)):
        assert parse_time(text, "start") == Fraction(seconds)
    for text in ("-1", "soon", "1:2:3:4", "1/0", "1:-2", "", "nan"):
        with pytest.raises(ValueError, match="start is .*; give seconds"):
            parse_time(text, "start")


@pytest.fixture
def grouped(tmp_path):
    """A clip with a key frame every 5 and frames that refer to later ones."""

    def make(name, codec="libx264"):
        path = tmp_path / name
        with av.open(str(path), "w") as output:
            stream = output.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.codec_context.gop_size = 5
            stream.codec_context.max_b_frames = 2
            for number in range(24):
                frame = av.VideoFrame.from_ndarray(picture(number, 64, 48), "rgb24")
                frame = frame.reformat(format="yuv420p")
                frame.pts = number
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        return path

    return make


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("in.mp4", "libx264"),
        ("in.mkv", "libx264"),
        ("in.ts", "libx264"),
        ("in.avi", "libx264"),
        ("in.h264", "libx264"),
        ("in.avi", "mpeg4"),
        ("in.m2v", "mpeg2video"),
        ("in.ts", "mpeg2video"),
        ("in.mkv", "ffv1"),
    ],
)
@pytest.mark.parametrize(("start", "length"), [("0.41", "0.2"), ("0:00:00.44", None)])
def test_pictures_of_a_part(grouped, name, codec, start, length):
    clip = grouped(name, codec)
    window = Window(parse_time(start, "start"), length and parse_time(length, "duration"))
    every, some = open_source(clip), open_source(clip, window=window)
    frames, part = list(every.pictures()), list(some.pictures())
    assert len(frames) == 24
    assert len(part) == some.info.expected
    zero = frames[0].time
    first = next(n for n, f in enumerate(frames) if f.time - zero >= window.start)
    assert len(part) == (5 if length else 24 - first)
    assert part[0].time == 0
    for number, frame in enumerate(part):
        same = frames[first + number]
        assert frame.time == same.time - frames[first].time
        assert all(map(np.array_equal, frame.planes, same.planes))
    assert (every.problems, some.problems) == ([], [])


@pytest.mark.parametrize(
    ("out", "slow"), [("out.mp4", 1), ("out.mkv", 1), ("out.avi", 1), ("out.mp4", 2)]
)
def test_sound_is_cut_with_the_pictures(make_clip, probe, tmp_path, blend, out, slow):
    clip = make_clip(sound="aac", frames=48)
    summary = interpolate_video(
        clip, tmp_path / out, blend, start="0.75", duration=0.5, slow_motion=slow
    )
    found = probe(tmp_path / out)
    start = Fraction(18, 24)
    assert found.frames == 24
    assert abs(found.click - slow * (probe(clip).click - start)) < 0.012 * slow
    assert abs(found.sound_seconds - 0.5 * slow) < 0.05
    assert summary.part == "from 0.75 s to 1.25 s"
    assert (summary.frames_in, summary.problems) == (12, [])


@pytest.mark.parametrize("out", ["out.mkv", "out.mp4"])
def test_subtitles_and_chapters_are_cut(make_clip, tmp_path, blend, out):
    text, path = tmp_path / "text.srt", tmp_path / "in.mkv"
    text.write_text(
        "1\n00:00:00,100 --> 00:00:00,300\nOne\n\n2\n00:00:00,500 --> 00:00:01,200\nTwo\n\n"
        "3\n00:00:01,300 --> 00:00:01,900\nThree\n\n4\n00:00:01,950 --> 00:00:02,000\nFour\n",
        encoding="utf-8",
    )
    edges = [(0, 600), (600, 1500), (1500, 2000)]
    unit = Fraction(1, 1000)
    with (
        av.open(str(text)) as words,
        av.open(str(make_clip(frames=48))) as video,
        av.open(str(path), "w") as output,
    ):
        output.set_chapters(
            [
                {"id": n, "start": a, "end": b, "time_base": unit, "metadata": {"title": str(n)}}
                for n, (a, b) in enumerate(edges, start=1)
            ]
        )
        pairs = [(video, video.streams.video[0]), (words, words.streams.subtitles[0])]
        streams = [output.add_stream_from_template(stream, opaque=True) for _, stream in pairs]
        for (container, source), stream in zip(reversed(pairs), reversed(streams), strict=True):
            for packet in container.demux(source):
                if packet.dts is not None:
                    packet.stream = stream
                    output.mux(packet)
    interpolate_video(path, tmp_path / out, blend, start=0.75, duration=0.75)
    with av.open(str(tmp_path / out)) as container:
        packets = [p for p in container.demux(subtitles=0) if p.size > 2]
        shown = [
            (float(p.pts * p.time_base), float(p.duration * p.time_base), bytes(p)) for p in packets
        ]
        chapters = [
            (c["metadata"]["title"], *(float(c[e] * c["time_base"]) for e in ("start", "end")))
            for c in container.chapters()
        ]
    assert [b"Two" in shown[0][2], b"Three" in shown[1][2], len(shown)] == [True, True, 2]
    assert shown[0][:2] == pytest.approx((0, 0.45), abs=0.002)
    assert shown[1][:2] == pytest.approx((0.55, 0.2), abs=0.002)
    assert [title for title, *_ in chapters] == ["2"]
    assert chapters[0][1:] == pytest.approx((0, 0.75))


def test_a_part_of_images_and_of_an_animation(tmp_path, blend):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(8):
        image = np.full((16, 16, 3), 20 * number, np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), image)
    summary = interpolate_video(
        folder, tmp_path / "out", blend, input_fps=4, start=0.5, duration=0.75
    )
    assert (summary.frames_in, summary.frames_out) == (3, 5)
    made = [int(cv2.imread(str(path))[0, 0, 0]) for path in sorted((tmp_path / "out").iterdir())]
    assert made == [40, 50, 60, 70, 80]
    interpolate_video(folder, tmp_path / "all.gif", blend, input_fps=4)
    summary = interpolate_video(tmp_path / "all.gif", tmp_path / "b.mp4", blend, start=1)
    assert summary.frames_in == 7  # of 15, 8 a second; the first of them is at 1 s
    assert summary.source.frames == 15


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--start", "-3"], "start is '-3'"),
        (["--start", "then"], "start is 'then'; give seconds, such as 90.5, or hours"),
        (["--duration", "0"], "duration is '0'; it must be more than 0"),
        (["--start", "9"], "no frame begins from 9 s to the end; the input's are from 0 to 0.458"),
        (["--start", "0.01", "--duration", "0.01"], "no frame begins from 0.01 s to 0.02 s"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(make_clip, tmp_path, capfd, words, message):
    clip = make_clip()
    out = tmp_path / "out.mp4"
    assert command(["interpolate", str(clip), "-o", str(out), *words]) == 2
    error = capfd.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_two_images_have_no_parts(tmp_path, blend):
    for name in ("0.png", "1.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(ValueError, match="--start and --duration are for more than two images"):
        interpolate_video(
            tmp_path / "0.png", tmp_path / "o.png", blend, second=tmp_path / "1.png", start=1
        )
