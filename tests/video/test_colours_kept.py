"""Colours, ranges and depths are kept as they are, or said to be changed."""

import av
import cv2
import numpy as np
import pytest

from tests.helpers.signals import planes, raw
from vfi.video import interpolate_video
from vfi.video.job import prepare
from vfi.video.read.open import open_source
from vfi.video.settings import Settings


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
