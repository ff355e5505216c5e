"""No input and no output of another run is written over; a file is whole when it has its name."""

import os
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.helpers.clips import Blend
from vfi.jobs.compare_video import compare_video
from vfi.video import interpolate_video
from vfi.video.write.segments import SegmentWriter
from vfi.video.write.sinks import VideoSink


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
