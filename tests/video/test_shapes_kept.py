"""The size and shape of pixels are kept, or said to be changed."""

import dataclasses
from fractions import Fraction

import av
import numpy as np
import pytest

from tests.helpers.signals import planes, raw, remuxed
from vfi.video import interpolate_video
from vfi.video.write.mux import Assembly


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


def test_pictures_for_two_eyes_keep_their_shape(make_clip, tmp_path, blend):
    """A player that is told of them halves their width."""
    clip = remuxed(make_clip(frames=4), tmp_path / "in.mkv", stereo_mode="left_right")
    summary = interpolate_video(clip, tmp_path / "out.mkv", blend)
    assert "two eyes" in summary.lost[0]
    assert summary.changed == []
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.streams.video[0].sample_aspect_ratio in (None, 1)
        assert "stereo_mode" not in container.streams.video[0].metadata


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
