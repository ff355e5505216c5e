"""Folders of images, two images, GIFs, and frames in memory."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from vfi.video import interpolate_frames, interpolate_video
from vfi.video.read.open import open_source


@pytest.fixture
def folder(tmp_path):
    """Five flat images; their names sort naturally, not as text."""
    path = tmp_path / "images"
    path.mkdir()
    for number in range(5):
        image = np.full((30, 40, 3), (20 + 40 * number, 100, 50), np.uint8)
        cv2.imwrite(str(path / f"f{number * 3}.png"), image)
    (path / "notes.txt").write_text("not an image")
    return path


def levels(path):
    return [int(cv2.imread(str(file))[0, 0, 0]) for file in sorted(path.iterdir())]


def test_folder_to_folder(folder, tmp_path, blend):
    summary = interpolate_video(folder, tmp_path / "out", blend, multiplier=4, cut_threshold=None)
    assert levels(tmp_path / "out") == list(range(20, 181, 10))
    assert (summary.frames_in, summary.frames_out) == (5, 17)
    assert sorted(p.name for p in (tmp_path / "out").iterdir())[0] == "000001.png"


@pytest.mark.parametrize("name", ["._f0.png", ".hidden.png", "._f3.PNG"])
def test_hidden_files_are_no_images(folder, tmp_path, blend, name):
    (folder / name).write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
    (folder / "folder.png").mkdir()
    for number in (9, 12):
        (folder / f"f{number}.png").unlink()
    summary = interpolate_video(folder, tmp_path / "out", blend, cut_threshold=None)
    assert (summary.frames_in, summary.frames_out) == (3, 5)


GLASS = np.dstack([np.full((30, 40, 3), (200, 100, 50)), np.full((30, 40), 90)]).astype(np.uint8)


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        (Image.fromarray(GLASS), Image.fromarray(GLASS), "tiff"),
        (Image.fromarray(GLASS[..., :3]), Image.fromarray(GLASS), "png"),
        (Image.fromarray(GLASS[..., 0]), Image.fromarray(GLASS[..., [0, 3]], "LA"), "png"),
        (Image.fromarray(GLASS[..., 0]), Image.fromarray(GLASS[..., 1] * np.uint16(257)), "png"),
    ],
)
def test_images_of_several_kinds_are_read_as_they_are(tmp_path, first, second, kind):
    for name, image in (("0", first), ("1", second)):
        image.save(tmp_path / f"{name}.{kind}")
    source = open_source(tmp_path)
    for shown, image in zip(source.pictures(), (first, second), strict=True):
        wanted = np.asarray(image.convert("RGBA") if image.mode != "I;16" else image)
        wanted = wanted.reshape(30, 40, -1) / np.iinfo(wanted.dtype).max
        found = shown.whole().numpy().transpose(1, 2, 0)
        assert np.abs(found - wanted[..., : found.shape[2]]).max() < 1e-6


def test_folder_to_video(folder, tmp_path, blend, probe):
    interpolate_video(folder, tmp_path / "out.mp4", blend, input_fps="30000/1001", multiplier=2)
    found = probe(tmp_path / "out.mp4")
    assert (found.frames, found.rate) == (9, Fraction(60000, 1001))
    assert found.tags == (1, 1, 1, 1)
    assert abs(int(found.images[0][0, 0, 2]) - 20) <= 3


def test_video_to_folder_is_upright(make_clip, tmp_path, blend, probe):
    clip = make_clip(frames=3, rotation=-90)
    interpolate_video(clip, tmp_path / "out", blend)
    image = cv2.imread(str(tmp_path / "out" / "000001.png"))[..., ::-1]
    turned = np.rot90(probe(clip).images[0], -1)
    assert image.shape == turned.shape == (96, 64, 3)
    assert np.abs(image.astype(int) - turned).mean() < 3


def test_sixteen_bits_stay_sixteen(tmp_path, blend):
    path = tmp_path / "deep"
    path.mkdir()
    for number in range(2):
        cv2.imwrite(str(path / f"{number}.png"), np.full((8, 8, 3), 1000 + 400 * number, np.uint16))
    interpolate_video(path, tmp_path / "out", blend, cut_threshold=None, static_threshold=0)
    image = cv2.imread(str(tmp_path / "out" / "000002.png"), cv2.IMREAD_UNCHANGED)
    assert image.dtype == np.uint16
    assert (image == 1200).all()


@pytest.mark.parametrize(("out", "frames"), [("out", 5), ("out.gif", 5), ("out.mp4", 5)])
def test_two_images(folder, tmp_path, blend, out, frames, probe):
    summary = interpolate_video(
        folder / "f0.png",
        tmp_path / out,
        blend,
        second=str(folder / "f12.png"),
        multiplier=4,
        cut_threshold=None,
    )
    assert summary.frames_out == frames
    if out == "out":
        assert levels(tmp_path / "out") == [20, 60, 100, 140, 180]
    else:
        assert probe(tmp_path / out).frames == frames


def test_two_images_make_one(folder, tmp_path, blend):
    interpolate_video(folder / "f0.png", tmp_path / "mid.png", blend, second=folder / "f3.png")
    assert (cv2.imread(str(tmp_path / "mid.png"))[..., 0] == 40).all()
    with pytest.raises(ValueError, match=r"mid\.png is one image, the middle"):
        interpolate_video(
            folder / "f0.png", tmp_path / "mid.png", blend, second=folder / "f3.png", multiplier=4
        )
    with pytest.raises(ValueError, match=r"mid\.png is one image; give two images"):
        interpolate_video(folder, tmp_path / "mid.png", blend)


def test_gif_in_and_out(make_clip, tmp_path, blend, probe):
    clip = make_clip(frames=6, rate=10)
    interpolate_video(clip, tmp_path / "a.gif", blend)
    first = probe(tmp_path / "a.gif")
    assert (first.frames, first.rate) == (12, 20)
    assert abs(first.duration - Fraction(6, 10)) <= Fraction(1, 50)
    assert np.abs(first.images[0].astype(int) - probe(clip).images[0]).mean() < 10
    interpolate_video(tmp_path / "a.gif", tmp_path / "b.mp4", blend)
    assert probe(tmp_path / "b.mp4").frames == 24


def test_gifs_of_more_than_viewers_play_are_refused(make_clip, tmp_path, blend):
    with pytest.raises(ValueError, match="48 frames|60 frames"):
        interpolate_video(make_clip(), tmp_path / "a.gif", blend, fps=60)


def test_frames_in_memory_as_arrays(blend):
    frames = [np.full((8, 9, 3), level, np.uint8) for level in (10, 20, 40)]
    out = list(interpolate_frames(frames, 2, blend, cut_threshold=None))
    assert [int(frame[0, 0, 0]) for frame in out] == [10, 15, 20, 30, 40]
    assert out[0] is not frames[0]
    assert (out[1].dtype, out[1].shape) == (np.uint8, (8, 9, 3))


def test_frames_in_memory_as_tensors(halving):
    frames = (torch.full((3, 8, 9), level) for level in (0.0, 0.5))
    out = list(interpolate_frames(frames, 4, halving, cut_threshold=None))
    assert [round(frame[0, 0, 0].item(), 3) for frame in out] == [0, 0.125, 0.25, 0.375, 0.5]
    assert (out[1] * out[1].requires_grad_()).sum().requires_grad


def test_frames_in_memory_respect_cuts_and_stills(blend):
    rng = np.random.default_rng(0)
    a, b = (cv2.resize(rng.integers(0, 255, (6, 8, 3)).astype(np.uint8), (96, 64)) for _ in "ab")
    out = list(interpolate_frames([a, a, b], 2, blend))
    assert blend.runs == 0
    assert all(np.array_equal(frame, a) for frame in out[:4])
    assert np.array_equal(out[4], b)


def shown(kind, levels, buffer=None):
    """Flat frames of a kind; with a buffer, one object filled anew for each."""
    for level in levels:
        frame = np.full((8, 9, 3), level, np.uint8)
        frame = frame if kind == "array" else torch.from_numpy(frame).permute(2, 0, 1) / 255
        if buffer is None:
            yield frame
            continue
        if not buffer:
            buffer.append(frame)
        buffer[0][...] = frame
        yield buffer[0]


@pytest.mark.parametrize("kind", ["array", "tensor"])
@pytest.mark.parametrize("multiplier", [2, 4])
def test_one_buffer_filled_again_is_as_good_as_fresh_frames(blend, kind, multiplier):
    levels = (10, 20, 20, 40)
    fresh, again = (
        list(interpolate_frames(shown(kind, levels, buffer), multiplier, blend, cut_threshold=None))
        for buffer in (None, [])
    )
    assert len(fresh) == len(again) == 3 * multiplier + 1
    assert all((a == b).all() for a, b in zip(fresh, again, strict=True))
    assert len({id(frame) for frame in again}) == len(again)


@pytest.mark.parametrize("kind", ["array", "tensor"])
def test_results_may_be_changed_while_more_are_made(blend, kind):
    levels = (10, 20, 20, 40)
    changed = []
    for frame in interpolate_frames(shown(kind, levels), 4, blend, cut_threshold=None):
        changed.append(np.array(frame) if kind == "array" else frame.clone())
        frame[...] = 0
    kept = list(interpolate_frames(shown(kind, levels), 4, blend, cut_threshold=None))
    assert all((a == b).all() for a, b in zip(kept, changed, strict=True))


def test_frames_are_made_as_they_are_asked_for(blend):
    def endless():
        number = 0
        while True:
            yield np.full((8, 8, 3), number % 250, np.uint8)
            number += 1

    stream = interpolate_frames(endless(), 2, blend)
    assert int(next(stream)[0, 0, 0]) == 0


@pytest.mark.parametrize(
    "frames",
    [
        [np.zeros((8, 8), np.uint8)],
        [np.zeros((8, 8, 3), np.float32)],
        [np.zeros((8, 8, 3), np.uint8), np.zeros((9, 8, 3), np.uint8)],
        [np.zeros((8, 8, 3), np.uint8), torch.zeros(3, 8, 8)],
    ],
)
def test_bad_frames_are_described(blend, frames):
    with pytest.raises(ValueError, match=r"a frame is (ndarray|Tensor) \("):
        list(interpolate_frames(frames, 2, blend))


def test_bad_multipliers_are_told_at_once(blend, halving):
    with pytest.raises(ValueError, match="multiplier is 1"):
        interpolate_frames([], 1, blend)
    with pytest.raises(ValueError, match="multiplier 3 is beyond it"):
        interpolate_frames([], 3, halving)
