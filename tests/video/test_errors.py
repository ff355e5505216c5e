"""What a user can get wrong: one clear error each, before any work, and nothing left behind."""

import os
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.helpers.media import Pictures, make
from vfi.video import interpolate_video
from vfi.video.read.open import open_source


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"multiplier": 2, "fps": 60}, "multiplier 2 and fps 60 were both given"),
        ({"multiplier": 1}, "multiplier is 1; it must be 2 or more"),
        ({"fps": "fast"}, "fps is 'fast'; give a positive number"),
        ({"fps": -1}, "fps is -1"),
        ({"slow_motion": 0.5}, "slow_motion is 0.5; it must be 1 or more"),
        ({"codec": "h266"}, "unknown codec 'h266'; choose from auto, h264"),
        ({"codec": "prores"}, r"\.mp4 files cannot hold prores; choose from h264"),
        ({"crf": 99}, "crf is 99; h264 takes 0 to 51"),
        ({"preset": "warp"}, "preset is 'warp'; h264 takes ultrafast"),
        ({"bit_depth": 12}, "bit_depth is 12; choose from 8, 10"),
        ({"codec": "vp9", "bit_depth": 10}, r"vp9 writes \[8\] bits here, not 10"),
        ({"audio": "loud"}, "audio is 'loud'; choose from auto, copy, drop"),
        ({"audio": "copy", "slow_motion": 2}, "cannot copy the sound .* slowed down"),
        ({"duplicates": "?"}, "duplicates is '\\?'; choose from keep, drop"),
        ({"flow_scale": 3}, "flow_scale is 3; choose from 0.25"),
        ({"tile": 100, "tile_overlap": 60}, "tile is 100 with an overlap of 60"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"threads": 0}, "threads is 0"),
        ({"threads": "2"}, "threads is '2'; it must be"),
        ({"multiplier": 2.5}, "multiplier is 2.5; it must be a whole number"),
        ({"crf": 20.5}, "crf is 20.5; it must be a whole number"),
        ({"segment": "5"}, "segment is '5'; it must be a whole number"),
        ({"audio_offset": float("inf")}, "audio_offset is inf; it must be a number"),
        ({"static_threshold": "x"}, "static_threshold is 'x'; it must be a number"),
        ({"cut_threshold": -1}, "cut_threshold is -1"),
        ({"second": "a.png"}, "a.png does not exist"),
        ({"input_fps": 10}, "--input-fps is for images"),
    ],
)
def test_settings(make_clip, tmp_path, blend, settings, message):
    clip = make_clip(frames=3, sound="aac")
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        interpolate_video(clip, tmp_path / "out.mp4", blend, **settings)
    assert blend.runs == 0
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("out.xyz", r"cannot tell what to write from the name .*out\.xyz; end it in \.mp4"),
        ("in.mp4", "is the input"),
    ],
)
def test_outputs(make_clip, tmp_path, blend, out, message):
    with pytest.raises(ValueError, match=message):
        interpolate_video(make_clip(frames=3), tmp_path / out, blend)


@pytest.mark.parametrize("size", [(70, 24), (8, 8), (40, 31)])
def test_pictures_with_which_the_encoder_of_av1_never_ends_are_refused(tmp_path, blend, size):
    clip = make(tmp_path / "in.nut", Pictures(range(3), codec="png", size=size, pix_fmt="rgb24"))
    with pytest.raises(ValueError, match=f"of 32 pixels and more on each .* {size[0]}x{size[1]}"):
        interpolate_video(clip, tmp_path / "out.mp4", blend, codec="av1")
    assert blend.runs == 0


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs a folder root cannot write")
def test_unwritable_output(make_clip, blend):
    with pytest.raises(ValueError, match="cannot write to the folder /proc/"):
        interpolate_video(make_clip(frames=3), "/proc/nowhere/out.mp4", blend)


def test_sound_that_does_not_fit_is_not_copied(make_clip, tmp_path, blend):
    clip = make_clip("a.mkv", sound="pcm_s16le", frames=3)
    with pytest.raises(ValueError, match="a mp4 file cannot hold pcm_s16le; use --audio auto"):
        interpolate_video(clip, tmp_path / "out.mp4", blend, audio="copy")


def test_missing_input(tmp_path, blend):
    with pytest.raises(FileNotFoundError, match=r"no\.mp4 does not exist"):
        interpolate_video(tmp_path / "no.mp4", tmp_path / "out.mp4", blend)


def test_text_named_as_a_video(tmp_path, blend):
    (tmp_path / "text.mp4").write_text("hello " * 100)
    with pytest.raises(ValueError, match=r"cannot read .*text\.mp4 as a video"):
        interpolate_video(tmp_path / "text.mp4", tmp_path / "out.mp4", blend)


def test_empty_file(tmp_path, blend):
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(ValueError, match=r"cannot read .*empty\.mp4"):
        interpolate_video(tmp_path / "empty.mp4", tmp_path / "out.mp4", blend)


def test_sound_without_pictures(tmp_path, blend):
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 48000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with pytest.raises(ValueError, match=r"sound\.mp4 has no video stream"):
        interpolate_video(path, tmp_path / "out.mp4", blend)


def test_images_of_two_sizes(tmp_path, blend):
    folder = tmp_path / "images"
    folder.mkdir()
    for number, width in enumerate((8, 8, 9)):
        cv2.imwrite(str(folder / f"{number}.png"), np.zeros((8, width, 3), np.uint8))
    with pytest.raises(ValueError, match=r"2\.png is 9x8 but .*0\.png is 8x8"):
        interpolate_video(folder, tmp_path / "out", blend)


def test_images_that_are_none(tmp_path, blend):
    folder = tmp_path / "images"
    folder.mkdir()
    with pytest.raises(ValueError, match="holds 0 images"):
        interpolate_video(folder, tmp_path / "out", blend)
    for name in ("0.png", "1.png"):
        (folder / name).write_text("hello")
    with pytest.raises(ValueError, match=r"0\.png cannot be read as an image"):
        interpolate_video(folder, tmp_path / "out", blend)


def test_one_image_needs_another(tmp_path, blend):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match="give the other one with --second"):
        interpolate_video(tmp_path / "a.png", tmp_path / "out", blend)


def test_folders_are_not_overwritten(make_clip, tmp_path, blend):
    out = tmp_path / "out"
    out.mkdir()
    (out / "precious.txt").touch()
    with pytest.raises(ValueError, match="give the name of a new folder"):
        interpolate_video(make_clip(frames=3), out, blend)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_a_pipe_is_refused_before_there_is_any_work(make_clip, tmp_path, blend):
    os.mkfifo(tmp_path / "out.mp4")
    with pytest.raises(ValueError, match=r"out\.mp4 is a device or a pipe"):
        interpolate_video(make_clip(frames=3), tmp_path / "out.mp4", blend)
    with pytest.raises(ValueError, match=r"out\.mp4 is a device or a pipe; give a file, or -"):
        open_source(tmp_path / "out.mp4")
    assert blend.runs == 0


def test_unknown_models_and_devices(make_clip, tmp_path):
    clip = make_clip(frames=3)
    with pytest.raises((ValueError, FileNotFoundError), match="no_such_model"):
        interpolate_video(clip, tmp_path / "out.mp4", "no_such_model")
    with pytest.raises(ValueError, match="cannot use the device 'gpu9'"):
        interpolate_video(clip, tmp_path / "out.mp4", device="gpu9")


def test_an_error_of_the_encoder_is_raised_and_nothing_is_left_open(
    make_clip, tmp_path, blend, monkeypatch
):
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    clip = make_clip(frames=12)
    monkeypatch.setattr("vfi.video.write.sinks.VideoSink.write", fail)
    with pytest.raises(OSError, match="No space left"):
        interpolate_video(clip, tmp_path / "out.mp4", blend)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]
