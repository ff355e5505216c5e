"""What an input holds beside plain pictures: kept as it is, or said to be changed or lost."""

import dataclasses
import json
import os
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.helpers.clips import Blend
from vfi.jobs.compare_video import compare_video
from vfi.video import interpolate_video
from vfi.video.job import prepare
from vfi.video.read.light import light_of
from vfi.video.read.media import is_cover
from vfi.video.read.open import open_source
from vfi.video.settings import Settings
from vfi.video.write.light import display
from vfi.video.write.mux import Assembly
from vfi.video.write.segments import SegmentWriter
from vfi.video.write.sinks import VideoSink

TONES = (300, 500, 700, 60, 1100, 1300, 1500, 1700)  # hertz; the fourth is for the deep speaker


def planes(path: Path) -> list[np.ndarray]:
    """The luma of every frame."""
    with av.open(str(path)) as container:
        return [
            np.frombuffer(memoryview(frame.planes[0]), np.uint8)
            .reshape(-1, frame.planes[0].line_size)[: frame.height, : frame.width]
            .copy()
            for frame in container.decode(video=0)
        ]


def raw(path: Path, frames: list[np.ndarray], pix_fmt: str, codec: str = "ffv1", **context) -> Path:
    """Encodes planes of luma; chroma, if any, is gray."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25)
        height, width = frames[0].shape
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        for number, luma in enumerate(frames):
            frame = av.VideoFrame(width, height, pix_fmt)
            for index, plane in enumerate(frame.planes):
                codes = np.frombuffer(memoryview(plane), luma.dtype)
                codes = codes.reshape(-1, plane.line_size // luma.itemsize)
                if index:
                    codes[:] = 128 if luma.itemsize == 1 else 512
                else:
                    codes[: luma.shape[0], : luma.shape[1]] = luma
            frame.pts = number
            for name, value in context.items():
                if name.startswith("color"):
                    setattr(frame, name, value)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("out", "codec"),
    [
        ("a.mov", "prores"),
        ("a.mkv", "prores"),
        ("a.mp4", "mpeg4"),
        ("a.avi", "mpeg4"),
        ("a.mkv", "ffv1"),
        ("a.mp4", "h264"),
        ("a.webm", "vp9"),
        ("a.avi", "ffv1"),
    ],
)
def test_what_is_tagged_is_what_is_there(tmp_path, blend, out, codec):
    ramp = np.tile(np.linspace(2, 250, 64).round().astype(np.uint8), (48, 1))
    clip = raw(tmp_path / "in.mkv", [ramp] * 3, "yuv420p", color_range=2)
    interpolate_video(clip, tmp_path / out, blend, codec=codec)
    images = []
    for path in (clip, tmp_path / out):
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
            gray = frame.reformat(format="gray", dst_color_range=2)
            images.append(gray.to_ndarray().astype(float)[4:-4, 4:-4].mean(0))
    assert np.abs(images[0] - images[1]).mean() <= 1


def test_whiter_than_white_is_kept(tmp_path, blend):
    ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (48, 1))
    frames = [np.roll(ramp, number, 1) for number in range(4)]
    clip = raw(tmp_path / "in.mkv", frames, "yuv420p", color_range=1)
    interpolate_video(clip, tmp_path / "out.mkv", blend, codec="ffv1", cut_threshold=None)
    found = planes(tmp_path / "out.mkv")
    assert all(np.array_equal(a, b) for a, b in zip(found[::2], frames, strict=True))
    middle = (frames[0].astype(int) + frames[1]) / 2
    assert np.abs(found[1] - middle).max() <= 1


@pytest.mark.parametrize(("out", "codec"), [("a.mkv", "ffv1"), ("a.mp4", "h265")])
def test_deep_gray_stays_gray(tmp_path, blend, out, codec):
    ramp = np.tile(np.arange(64, 940, 13, dtype=np.uint16)[:64], (48, 1))
    clip = raw(tmp_path / "in.mkv", [ramp, ramp + 4, ramp + 8], "gray10le")
    assert interpolate_video(clip, tmp_path / out, blend, codec=codec).changed == []
    with av.open(str(tmp_path / out)) as container:
        assert next(container.decode(video=0)).format.name == "gray10le"
    h264 = prepare(clip, tmp_path / "b.mp4", Settings(codec="h264")).writing.assembly.settings
    assert h264.format.pixel_format == "gray10le"  # FFmpeg reads it as yuv420p10le without colour


def spoken(
    path: Path, codec: str, layout: str, rate: int = 48_000, clip: Path | None = None
) -> Path:
    """A clip with a tone of its own in every speaker."""
    channels = av.AudioLayout(layout).nb_channels
    time = np.arange(rate) / rate
    waves = np.stack([0.2 * np.sin(2 * np.pi * tone * time) for tone in TONES[:channels]], 1)
    with av.open(str(path), "w") as output:
        video = output.add_stream("mpeg4", rate=25)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        audio = output.add_stream(codec, rate=rate, layout=layout)
        for number in range(25):
            frame = av.VideoFrame(32, 32, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([16 + 8 * number]) * plane.buffer_size)
            frame.pts = number
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(waves, np.float32).reshape(1, -1), "flt", layout
        )
        frame.sample_rate, frame.pts = rate, 0
        kind = audio.codec_context.codec.audio_formats[0].name
        size = audio.codec_context.frame_size or 1024
        resampler = av.AudioResampler(kind, layout, rate, frame_size=size)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(audio.encode(piece))
        output.mux(audio.encode(None))
    return path


def heard(path: Path) -> tuple[str, list[int], float]:
    """The speakers, the loudest tone of each, and the length in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler("flt", stream.layout.name, 48_000)
        frames = [f for frame in container.decode(stream) for f in resampler.resample(frame)]
        frames += resampler.resample(None)
        wave = np.concatenate([f.to_ndarray() for f in frames], 1).reshape(-1, stream.channels).T
    tones = [int(np.abs(np.fft.rfft(channel[8000:32_000])).argmax() * 2) for channel in wave]
    return stream.layout.name, tones, wave.shape[1] / 48_000


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


def test_streams_that_are_lost_are_named(tmp_path, make_clip, blend, caplog):
    clip, path = make_clip(sound="aac"), tmp_path / "two.mkv"
    with av.open(str(clip)) as source, av.open(str(path), "w") as output:
        first, sound = source.streams.video[0], source.streams.audio[0]
        streams = [output.add_stream_from_template(s, opaque=True) for s in (first, first, sound)]
        streams[0].metadata.update({"BPS": "1234", "DURATION-eng": "00:00:09.0", "title": "one"})
        streams[2].metadata["_STATISTICS_TAGS"] = "BPS"
        output.metadata["NUMBER_OF_FRAMES-eng"] = "7"
        for packet in source.demux():
            if packet.dts is None:
                continue
            for stream in streams[:2] if packet.stream is first else streams[2:]:
                packet.stream = stream
                output.mux(packet)
    summary = interpolate_video(path, tmp_path / "out.mkv", blend)
    assert summary.changed == ["stream 1 (video, h264): copied, not interpolated"]
    assert "stream 1 (video, h264): copied, not interpolated" in caplog.text
    for number, frames in ((0, 24), (1, 12)):
        with av.open(str(tmp_path / "out.mkv")) as container:
            shown = list(container.decode(video=number))
            assert len(shown) == frames
            assert abs(shown[-1].time - (frames - 1) / 2 / frames) < 0.03
    summary = interpolate_video(path, tmp_path / "out.avi", blend)
    assert "stream 1 (video, h264) is left out" in caplog.text
    assert [text for text in summary.lost if text.startswith("stream 1 (video")]
    with av.open(str(tmp_path / "out.mkv")) as container:
        tags = [container.metadata, *(stream.metadata for stream in container.streams)]
        assert container.streams.video[0].metadata["title"] == "one"
    keys = {key.upper().partition("-")[0] for tag in tags for key in tag}
    assert not keys & {"BPS", "_STATISTICS_TAGS", "NUMBER_OF_FRAMES"}


@pytest.mark.parametrize("link", ["same", "hard", "soft"])
def test_an_input_is_never_overwritten(tmp_path, blend, link):
    for name, level in (("0.png", 40), ("1.png", 90)):
        cv2.imwrite(str(tmp_path / name), np.full((16, 16, 3), level, np.uint8))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for victim in ("0.png", "1.png"):
        out = tmp_path / victim
        if link != "same":
            out = tmp_path / f"link{victim}"
            (out.hardlink_to if link == "hard" else out.symlink_to)(tmp_path / victim)
        with pytest.raises(ValueError, match="is the input"):
            interpolate_video(tmp_path / "0.png", out, blend, second=str(tmp_path / "1.png"))
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_compare_does_not_write_among_its_images(tmp_path):
    for number in range(3):
        image = np.full((16, 16, 3), 40 + 9 * number, np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for name, message in (("1.png", "is the input"), ("new.png", "among the images")):
        with pytest.raises(ValueError, match=message):
            compare_video(str(tmp_path), str(tmp_path / name), ["blend"])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.skipif(os.name == "nt", reason="a colon is no part of a name there")
def test_a_colon_in_a_relative_name(make_clip, tmp_path, blend, monkeypatch):
    make_clip("a:b.mp4", frames=4)
    monkeypatch.chdir(tmp_path)
    for out in ("c:d.mkv", "e:f.gif", "file:g.mp4"):
        interpolate_video("a:b.mp4", out, blend, **({} if "gif" not in out else {"fps": 25}))
        assert Path(out).exists()


def test_two_runs_into_one_output(make_clip, tmp_path, blend):
    clip, out = make_clip(), tmp_path / "out.mp4"

    class Second(Blend):
        said = ""

        def forward(self, *args, **kwargs):
            if not Second.said:
                with pytest.raises(ValueError, match="another run is writing") as error:
                    interpolate_video(clip, out, Blend())
                Second.said = str(error.value)
            return super().forward(*args, **kwargs)

    summary = interpolate_video(clip, out, Second())
    assert str(out) in Second.said
    with av.open(str(out)) as container:
        assert sum(1 for _ in container.decode(video=0)) == summary.frames_out == 24
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4", "out.mp4.json"]
    interpolate_video(clip, out, blend)


def test_frames_are_counted_before_the_file_gets_its_name(make_clip, tmp_path, blend, monkeypatch):
    finish = VideoSink.finish

    def lossy(self, end):
        self._writer.close()
        segments = sorted(self._work.folder.glob("*.mkv"))
        segments[0].unlink()
        finish(self, end)

    monkeypatch.setattr(VideoSink, "finish", lossy)
    with pytest.raises(OSError, match="holds 16 frames of the 24"):
        interpolate_video(make_clip(), tmp_path / "out.mp4", blend, segment=8)
    assert not (tmp_path / "out.mp4").exists()


def test_no_more_frames_are_called_safe_than_are_there(
    tmp_path, make_clip, blend, monkeypatch, caplog
):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vfi.video.write.mux.Assembly.write", fail)
    with pytest.raises((OSError, ValueError), match="No space"):
        interpolate_video(make_clip(), tmp_path / "out.mp4", blend, segment=10)
    assert "stopped with 24 frames safe" in caplog.text
    folder = tmp_path / "out.mp4.parts"
    assert SegmentWriter.__doc__
    assert len(list(folder.glob("*.mkv"))) == 3


def test_a_size_that_changes_is_said_and_keeps_its_shape(tmp_path, blend):
    path = tmp_path / "in.h264"
    data = b""
    for width, height in ((64, 48), (96, 48)):
        part = tmp_path / f"{width}.h264"
        frames = [np.full((height, width), 200, np.uint8)] * 4
        raw(part, frames, "yuv420p", "libx264")
        data += part.read_bytes()
    path.write_bytes(data)
    summary = interpolate_video(path, tmp_path / "out.mp4", blend, codec="h264", cut_threshold=None)
    assert [text for text in summary.problems if "changes from 64x48 to 96x48" in text]
    last = planes(tmp_path / "out.mp4")[-1]
    assert last.shape == (48, 64)
    assert last[24, 32] > 190
    assert last[2, 32] < 30  # 96x48 in 64x48 is 64x32 between bars


def test_the_report_is_what_a_probe_says(make_clip, tmp_path, blend):
    clip = make_clip("in.mkv", sound="aac", rate=Fraction(24000, 1001))
    interpolate_video(clip, tmp_path / "out.mp4", blend, crf=30)
    report = json.loads((tmp_path / "out.mp4.json").read_text(encoding="utf-8"))
    for key, path in (("source", clip), ("result", tmp_path / "out.mp4")):
        with av.open(str(path)) as container:
            stream, facts = container.streams.video[0], report[key]
            assert facts["container"] == container.format.name
            assert facts["codec"] == stream.codec_context.codec.canonical_name
            assert facts["pixel_format"] == stream.codec_context.pix_fmt
            assert abs(facts["duration"] - container.duration / av.time_base) < 1e-6
            assert abs(facts["rate"] - float(stream.average_rate)) < 0.01 * facts["rate"]
    assert report["kept"] == ["stream 1 (audio, aac): copied"]
    assert report["changed"] == report["lost"] == []
    assert report["settings"]["crf"] == "30"
    assert report["device"] == "cpu"


MATROSKA = [("a.mkv", codec) for codec in ("h264", "h265", "vp9", "av1", "mpeg4", "ffv1", "prores")]
OTHERS = [("a.webm", "vp9"), ("a.webm", "av1"), ("a.mp4", "av1"), ("a.mp4", "h265")]
OTHERS += [("a.mov", "prores"), ("a.avi", "mpeg4")]


@pytest.mark.parametrize(("out", "codec"), MATROSKA + OTHERS)
@pytest.mark.parametrize("turn", [None, -90])
def test_pixels_that_are_not_square(tmp_path, blend, out, codec, turn):
    clip, aspect = tmp_path / "in.mp4", Fraction(32, 27)
    with av.open(str(clip), "w") as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        stream.metadata["title"] = "Ein Titel"
        if turn:
            stream.set_display_rotation(turn)
        for number in range(3):
            frame = av.VideoFrame(64, 48, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([60 + 9 * number]) * plane.buffer_size)
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    interpolate_video(clip, tmp_path / out, blend, codec=codec)
    with av.open(str(tmp_path / out)) as container:
        stream = container.streams.video[0]
        turned = turn and out.endswith("avi")
        assert stream.sample_aspect_ratio == (1 / aspect if turned else aspect)
        if out.endswith("mkv"):
            assert "." not in stream.metadata.get("title", "")
        assert len(list(container.decode(video=0))) == 6


@pytest.mark.parametrize(
    ("out", "codec"),
    [
        ("a.mkv", "h265"),
        ("a.mkv", "vp9"),
        ("a.mkv", "ffv1"),
        ("a.mp4", "h265"),
        ("a.mp4", "av1"),
        ("a.mp4", "h264"),
        ("a.webm", "av1"),
    ],
)
def test_the_light_of_hdr(cases, tmp_path, blend, out, codec):
    interpolate_video(cases / "hdr10.mkv", tmp_path / out, blend, codec=codec)
    found = []
    for path in (cases / "hdr10.mkv", tmp_path / out):
        with av.open(str(path)) as container:
            light = light_of(next(container.decode(video=0)))
        found.append((display(light, 50_000, 10_000), light.levels))
    assert found[0] == found[1]
    assert found[0][1] == (1000, 400)


def test_light_that_is_lost_is_said(cases, tmp_path, blend, caplog):
    summary = interpolate_video(cases / "hdr10.mkv", tmp_path / "out.mov", blend, codec="prores")
    assert summary.changed == ["prores in mov does not tell the light of HDR"]
    assert "does not tell the light" in caplog.text


@pytest.mark.parametrize("out", ["a.mp4", "a.mov", "a.mkv", "a.avi"])
def test_a_phones_tags(make_clip, tmp_path, blend, out):
    clip, path = make_clip(), tmp_path / "phone.mov"
    tags = {"com.apple.quicktime.make": "Apple", "title": "Ein Titel"}
    with (
        av.open(str(clip)) as source,
        av.open(str(path), "w", container_options={"movflags": "use_metadata_tags"}) as output,
    ):
        output.metadata.update(tags)
        stream = output.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    summary = interpolate_video(path, tmp_path / out, blend)
    with av.open(str(tmp_path / out)) as container:
        held = {key.lower(): value for key, value in container.metadata.items()}
    assert held["title"] == "Ein Titel"
    kept = held.get("com.apple.quicktime.make") == "Apple"
    assert kept != any("com.apple.quicktime.make" in text for text in summary.lost)
    assert kept or out == "a.avi"


def remuxed(clip: Path, path: Path, **tags: str) -> Path:
    """The pictures of a clip in another file, with tags of the stream."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0], opaque=True)
        stream.metadata.update(tags)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    return path


def test_pictures_for_two_eyes_keep_their_shape(make_clip, tmp_path, blend):
    """A player that is told of them halves their width."""
    clip = remuxed(make_clip(frames=4), tmp_path / "in.mkv", stereo_mode="left_right")
    summary = interpolate_video(clip, tmp_path / "out.mkv", blend)
    assert "two eyes" in summary.lost[0]
    assert summary.changed == []
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.streams.video[0].sample_aspect_ratio in (None, 1)
        assert "stereo_mode" not in container.streams.video[0].metadata


def test_a_time_code_is_no_loss_and_other_data_is_named(make_clip, tmp_path, blend, caplog):
    """PyAV tells no four letters of a data stream, nor any codec."""
    clip = make_clip(frames=4)
    coded = remuxed(clip, tmp_path / "in.mov", timecode="01:00:00:00")
    with av.open(str(coded)) as container:
        assert [stream.type for stream in container.streams] == ["video", "data"]
    summary = interpolate_video(coded, tmp_path / "a.mkv", blend)
    assert (summary.lost, caplog.text) == ([], "")
    tape = make_clip("in.mxf", "mpeg2video", frames=4, rate=Fraction(25))
    summary = interpolate_video(tape, tmp_path / "a.mp4", blend)
    assert not any("timecode" in line for line in summary.lost)  # a stream holds it
    caplog.clear()
    path = tmp_path / "in.ts"
    with av.open(str(clip)) as source, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0], opaque=True)
        data = output.add_data_stream("bin_data")
        for packet in source.demux(video=0):
            if packet.dts is not None:
                note = av.Packet(b"note")
                note.pts = note.dts = packet.dts
                note.stream, note.time_base = data, packet.time_base
                packet.stream = stream
                output.mux(packet)
                output.mux(note)
    summary = interpolate_video(path, tmp_path / "b.mkv", blend)
    assert len(summary.lost) == 1
    assert summary.lost[0].startswith("stream 1 (data, ")
    assert summary.lost[0].endswith("data beside the video is not kept")
    assert caplog.text.count("is left out") == 1


@pytest.mark.parametrize(("out", "kept"), [("a.mp4", True), ("a.mkv", True), ("a.mov", False)])
def test_cover_art(make_clip, tmp_path, blend, out, kept):
    encoded, cover = cv2.imencode(".png", np.full((16, 24, 3), (40, 120, 230), np.uint8))
    assert encoded
    clip, path = make_clip(frames=4, sound="aac"), tmp_path / "in.mkv"
    with av.open(str(clip)) as source, av.open(str(path), "w") as output:
        pairs = {
            stream.index: output.add_stream_from_template(stream, opaque=True)
            for stream in source.streams
        }
        output.add_attachment("cover.png", "image/png", cover.tobytes())
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = pairs[packet.stream.index]
                output.mux(packet)
    summary = interpolate_video(path, tmp_path / out, blend)
    with av.open(str(tmp_path / out)) as container:
        covers = [s for s in container.streams.video if is_cover(s)]
        assert len(covers) == int(kept)
        if kept:
            image = next(container.decode(covers[0])).to_ndarray(format="bgr24")
            assert image.shape == (16, 24, 3)
            assert image[8, 12].tolist() == [40, 120, 230]
    assert kept != bool(summary.lost)
    assert summary.changed == []


def test_rgb_stays_rgb_without_loss(tmp_path, blend):
    rng = np.random.default_rng(0)
    for depth, kind in ((8, np.uint8), (16, np.uint16)):
        folder = tmp_path / str(depth)
        folder.mkdir()
        images = [rng.integers(0, 1 << depth, (17, 23, 3)).astype(kind) for _ in range(3)]
        for number, image in enumerate(images):
            cv2.imwrite(str(folder / f"{number}.png"), image)
        for out in ("out.mkv", "out.avi"):
            path = tmp_path / f"{depth}{out}"
            interpolate_video(folder, path, blend, codec="ffv1", cut_threshold=None)
            found = list(open_source(path).pictures())
            assert found[0].spec.kind == "rgb"
            for picture, image in zip(found[::2], images, strict=True):
                green, blue, red = picture.planes
                assert np.array_equal(np.dstack([blue, green, red]), image)


def test_what_is_read_back_differently_is_said(make_clip, tmp_path, blend, monkeypatch, caplog):
    """A muxer that does not do as it is told, as there are."""
    open_output = Assembly._begin

    def forgetful(self, output, segment, ticks):
        aspect = dataclasses.replace(self.settings, aspect=None)
        video = open_output(dataclasses.replace(self, settings=aspect), output, segment, ticks)
        video.codec_context.sample_aspect_ratio = Fraction(1)
        return video

    clip = raw(
        tmp_path / "in.mp4",
        [np.full((48, 64), 90 + n, np.uint8) for n in range(3)],
        "yuv420p",
        "mpeg4",
        sample_aspect_ratio=Fraction(4, 3),
    )
    monkeypatch.setattr(Assembly, "_begin", forgetful)
    monkeypatch.setattr(Assembly, "_lacks_words", lambda self: False)
    summary = interpolate_video(clip, tmp_path / "out.mkv", blend, codec="ffv1")
    assert summary.changed == ["ffv1 in matroska does not tell that pixels are not square"]
    assert "does not tell that pixels are not square" in caplog.text


@pytest.mark.parametrize(("depth", "kind"), [("gray", np.uint8), ("gray16le", np.uint16)])
@pytest.mark.parametrize("codec", ["h264", "mpeg4"])
def test_gray_of_no_range_looks_as_it_did(tmp_path, blend, depth, kind, codec):
    """FFmpeg, and so players, take it for full range."""
    ramp = np.tile(np.linspace(2, 250, 64).round().astype(kind), (48, 1))
    clip = raw(tmp_path / "in.mkv", [ramp << (8 if kind is np.uint16 else 0)] * 3, depth)
    interpolate_video(clip, tmp_path / "out.mp4", blend, codec=codec)
    images = []
    for path in (clip, tmp_path / "out.mp4"):
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0)).reformat(format="gray", dst_color_range=2)
        images.append(frame.to_ndarray().astype(float)[4:-4, 4:-4])
    assert np.abs(images[0] - images[1]).mean() <= 1.5
