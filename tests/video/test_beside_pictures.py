"""Sound, subtitles, chapters and tags come out beside the pictures."""

from fractions import Fraction

import av
import pytest

from vfi.video import interpolate_video


@pytest.mark.parametrize(
    ("sound", "name", "out", "written"),
    [
        ("aac", "a.mp4", "out.mp4", "aac"),
        ("libopus", "a.mkv", "out.mkv", "opus"),
        ("aac", "a.mp4", "out.webm", "opus"),
        ("pcm_s16le", "a.mkv", "out.mp4", "aac"),
        ("aac", "a.mp4", "out.avi", "ac3"),
    ],
)
def test_sound_stays_in_sync(make_clip, probe, tmp_path, blend, sound, name, out, written):
    clip = make_clip(name, sound=sound, frames=48)
    interpolate_video(clip, tmp_path / out, blend, preset=None)
    before, after = probe(clip), probe(tmp_path / out)
    assert after.audio == written
    assert abs(after.click - before.click) < 1 / 48
    assert abs(after.sound_seconds - before.sound_seconds) < 0.08


@pytest.mark.parametrize(("slow", "out"), [("4", "out.mp4"), ("5/2", "out.webm"), ("3", "out.mkv")])
def test_slow_motion_stretches_the_sound(make_clip, probe, tmp_path, blend, slow, out):
    clip = make_clip(sound="aac", frames=24)
    interpolate_video(clip, tmp_path / out, blend, slow_motion=slow)
    before, after = probe(clip), probe(tmp_path / out)
    factor = Fraction(slow)
    assert after.rate == 24
    assert after.frames == 24 * factor
    assert abs(after.duration - factor) <= Fraction(1, 24)
    assert abs(after.sound_seconds - float(factor) * before.sound_seconds) < 0.1
    assert abs(after.click - float(factor) * before.click) < 0.06


def test_sound_is_dropped_when_asked(make_clip, probe, tmp_path, blend):
    clip = make_clip(sound="aac", frames=4)
    interpolate_video(clip, tmp_path / "out.mp4", blend, audio="drop")
    assert probe(tmp_path / "out.mp4").kinds == ["video"]


def test_metadata_is_kept(make_clip, probe, tmp_path, blend):
    clip = make_clip(title="Ein Titel", frames=4)
    interpolate_video(clip, tmp_path / "out.mp4", blend)
    found = probe(tmp_path / "out.mp4")
    assert found.metadata["title"] == "Ein Titel"
    assert found.language == "deu"


@pytest.mark.parametrize(("out", "slow"), [("out.mkv", 1), ("out.mp4", 1), ("out.mp4", 2)])
def test_subtitles_and_chapters_are_kept(make_clip, tmp_path, blend, out, slow):
    clip = _with_subtitles(make_clip(frames=48), tmp_path)
    interpolate_video(clip, tmp_path / out, blend, slow_motion=slow)
    with av.open(str(tmp_path / out)) as container:
        assert container.streams.subtitles[0].language == "fra"
        packets = [p for p in container.demux(subtitles=0) if p.size > 2]
        assert [b"Bonjour" in bytes(p) for p in packets] == [True]
        assert abs(float(packets[0].pts * packets[0].time_base) - 0.5 * slow) < 0.06
        assert abs(float(packets[0].duration * packets[0].time_base) - 0.7 * slow) < 0.06
        chapter = container.chapters()[0]
        assert chapter["metadata"]["title"] == "Start"
        assert abs(float(chapter["end"] * chapter["time_base"]) - slow) < 0.01


@pytest.mark.parametrize("out", ["out.mkv", "out.mp4", "out.mov", "out.webm"])
def test_subtitles_that_begin_before_the_pictures(make_clip, tmp_path, blend, probe, out):
    """Pictures begin at 0; of what was shown before nothing can be seen."""
    late = make_clip(times=list(range(24, 72)))
    clip = _with_subtitles(
        late, tmp_path, ((0.2, 0.6, "Never"), (0.8, 1.4, "Salut"), (2, 2.4, "Oui"))
    )
    interpolate_video(clip, tmp_path / out, blend)
    assert probe(tmp_path / out).times[0] == 0
    with av.open(str(tmp_path / out)) as container:
        packets = [p for p in container.demux(subtitles=0) if p.size > 2]
        times = [[float(t * p.time_base) for t in (p.pts, p.duration)] for p in packets]
    assert times == [pytest.approx([0, 0.4], abs=0.02), pytest.approx([1, 0.4], abs=0.02)]


def _with_subtitles(clip, folder, lines=((0.5, 1.2, "Bonjour"),)):
    text, path = folder / "text.srt", folder / "subtitled.mkv"
    numbered = "\n".join(
        f"{number}\n00:00:{begin:06.3f} --> 00:00:{end:06.3f}\n{words}\n".replace(".", ",")
        for number, (begin, end, words) in enumerate(lines, start=1)
    )
    text.write_text(numbered, encoding="utf-8")
    with (
        av.open(str(text)) as words,
        av.open(str(clip)) as video,
        av.open(str(path), "w") as output,
    ):
        chapter = {"id": 1, "start": 0, "end": 1000, "time_base": Fraction(1, 1000)}
        output.set_chapters([{**chapter, "metadata": {"title": "Start"}}])
        pairs = [(video, video.streams.video[0]), (words, words.streams.subtitles[0])]
        streams = [output.add_stream_from_template(stream, opaque=True) for _, stream in pairs]
        streams[1].metadata["language"] = "fra"
        for (container, source), stream in zip(reversed(pairs), reversed(streams), strict=True):
            for packet in container.demux(source):
                if packet.dts is not None:
                    packet.stream = stream
                    output.mux(packet)
    return path


@pytest.mark.parametrize("out", ["out.mp4", "out.mkv"])
def test_a_second_video_of_any_codec_is_copied(make_clip, tmp_path, blend, out):
    """Also AV1, whose decoder goes by another name than its encoder."""
    path = tmp_path / "two.mkv"
    with (
        av.open(str(make_clip("a.mp4", frames=6))) as one,
        av.open(str(make_clip("b.mp4", "libsvtav1", frames=6))) as two,
        av.open(str(path), "w") as output,
    ):
        streams = [
            output.add_stream_from_template(source.streams.video[0], opaque=True)
            for source in (one, two)
        ]
        for source, stream in zip((one, two), streams, strict=True):
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    output.mux(packet)
    summary = interpolate_video(path, tmp_path / out, blend)
    assert summary.lost == []
    with av.open(str(tmp_path / out)) as container:
        assert sum(packet.size > 0 for packet in container.demux(video=1)) == 6
