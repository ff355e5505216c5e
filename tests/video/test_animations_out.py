"""Animated PNGs, and alpha in animations of every kind."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from PIL import Image

from vfi.video import interpolate_video
from vfi.video.read.open import open_source

SIZE = 24


def drawn(number: int) -> np.ndarray:
    """``(H, W, 4)`` RGBA: a soft square that moves."""
    image = np.zeros((SIZE, SIZE, 4), np.uint8)
    image[6:18, 2 + 2 * number : 12 + 2 * number] = (230, 120, 40, 255 if number else 130)
    return image


def look(path) -> tuple[list[np.ndarray], list[float]]:
    """Frames as RGBA, and for how many seconds each is shown."""
    images, lengths = [], []
    with Image.open(path) as image:
        for number in range(image.n_frames):
            image.seek(number)
            images.append(np.asarray(image.convert("RGBA")))
            lengths.append(float(image.info["duration"]) / 1000)
    return images, lengths


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "images"
    path.mkdir()
    for number in range(4):
        cv2.imwrite(str(path / f"{number}.png"), cv2.cvtColor(drawn(number), cv2.COLOR_RGBA2BGRA))
    return path


def test_an_animated_png_holds_all_of_alpha(folder, tmp_path, blend):
    summary = interpolate_video(folder, tmp_path / "out.apng", blend, input_fps="24000/1001")
    images, lengths = look(tmp_path / "out.apng")
    assert len(images) == summary.frames_out == 7
    assert all(np.array_equal(images[2 * n], drawn(n)) for n in range(4))
    assert abs(int(images[1][8, 3, 3]) - 65) <= 1  # there in the first only, half as opaque
    assert lengths == pytest.approx([1001 / 48000] * 7, abs=1e-5)
    again = interpolate_video(tmp_path / "out.apng", tmp_path / "again.apng", blend, multiplier=2)
    assert again.frames_out == 14
    assert open_source(tmp_path / "again.apng").info.spec.alpha


def test_deep_images_stay_deep(tmp_path, blend):
    folder = tmp_path / "deep"
    folder.mkdir()
    ramp = np.arange(SIZE * SIZE * 3, dtype=np.uint16).reshape(SIZE, SIZE, 3) * 37
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), ramp + 40 * number)
    interpolate_video(folder, tmp_path / "out.apng", blend, cut_threshold=None)
    first = cv2.imread(str(tmp_path / "out.apng"), cv2.IMREAD_UNCHANGED)
    assert first.dtype == np.uint16
    assert np.array_equal(first[..., :3], ramp)


def test_frames_keep_their_own_times(make_clip, tmp_path, blend):
    clip = make_clip(times=[0, 40, 100, 140], tick=Fraction(1, 1000))
    interpolate_video(clip, tmp_path / "out.apng", blend)
    _, lengths = look(tmp_path / "out.apng")
    expected = [0.02, 0.02, 0.03, 0.03, 0.02, 0.02, 0.03, 0.03]
    assert lengths == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", ["in.webp", "in.png", "in.gif"])
def test_alpha_is_seen_whichever_frame_has_it(tmp_path, blend, name):
    """The first frame is opaque everywhere."""
    first = np.full((SIZE, SIZE, 4), 255, np.uint8)
    hole = first.copy()
    hole[6:18, 6:18] = 0
    images = [Image.fromarray(image) for image in (first, hole, hole)]
    if name == "in.gif":  # of which Pillow writes no alpha
        (tmp_path / "images").mkdir()
        for number, image in enumerate(images):
            image.save(tmp_path / "images" / f"{number}.png")
        interpolate_video(tmp_path / "images", tmp_path / name, blend, cut_threshold=None)
    else:
        options = {"lossless": True} if name == "in.webp" else {}
        images[0].save(
            tmp_path / name, save_all=True, append_images=images[1:], duration=100, **options
        )
    assert open_source(tmp_path / name).info.spec.alpha
    interpolate_video(tmp_path / name, tmp_path / "out", blend, cut_threshold=None)
    last = sorted((tmp_path / "out").iterdir())[-1]
    image = cv2.imread(str(last), cv2.IMREAD_UNCHANGED)
    assert image.shape[2] == 4
    assert (image[12, 12, 3], image[0, 0, 3]) == (0, 255)


def test_what_an_animation_cannot_hold_is_named(make_clip, tmp_path, blend, caplog):
    clip = make_clip(sound="aac", frames=4)
    for out in ("out.apng", "out.gif", "folder"):
        summary = interpolate_video(clip, tmp_path / out, blend)
        assert [text for text in summary.lost if text.startswith("stream 1 (audio, aac)")]
    assert caplog.text.count("stream 1 (audio, aac) is left out") == 3


def test_frames_too_short_for_a_gif_are_refused_before_work(tmp_path, blend):
    images = [Image.fromarray(np.full((20, 30, 3), 60 * n, np.uint8)) for n in range(4)]
    first, *rest = images
    first.save(tmp_path / "in.gif", save_all=True, append_images=rest, duration=[100, 10, 20, 100])
    with pytest.raises(ValueError, match="200 frames a second and viewers play at most 50"):
        interpolate_video(tmp_path / "in.gif", tmp_path / "out.gif", blend)
    assert blend.runs == 0
