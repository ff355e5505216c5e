"""Repeated frames: animation on twos and threes under noise, raw and encoded."""

import itertools
import logging
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from vfi.video import interpolate_video
from vfi.video.read.colour import PixelSpec
from vfi.video.read.open import open_source
from vfi.video.read.source import Picture, Source, SourceInfo
from vfi.video.timing.cuts import Analyser
from vfi.video.timing.repeats import Holds, is_repeat, marked
from vfi.video.timing.steps import Tally, plan
from vfi.video.timing.timeline import plan_timing

RGB = PixelSpec("rgb", full_range=True)
SIZE = (144, 112)


def background(width: int) -> np.ndarray:
    rng = np.random.default_rng(4)
    coarse = rng.integers(40, 210, (16, width // 8, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, SIZE[1]), interpolation=cv2.INTER_CUBIC).astype(np.float32)


def drawing(kind: str, number: int) -> np.ndarray:
    """``(H, W, 3)`` levels of a drawing of a scene."""
    width, height = SIZE
    if kind == "pan":
        return background(400)[:, 2 * number : 2 * number + width]
    image = background(width)
    if kind == "ball":
        centre = (int(16 * (20 + 3.3 * number)) % (16 * width), 16 * 60)
        cv2.circle(image, centre, 12 * 16, (230, 60, 50), -1, cv2.LINE_AA, 4)
    if kind == "mouth":
        cv2.ellipse(image, (70, 60), (8, 2 + number % 3), 0, 0, 360, (240, 20, 20), -1, cv2.LINE_AA)
    if kind == "dot":  # 5x5 pixels that move by a quarter of a pixel
        shift = np.float32([[1, 0, 40 + number / 4], [0, 1, 50]])
        dot = cv2.warpAffine(np.ones((5, 5), np.float32), shift, (width, height))
        image = image * (1 - dot[..., None]) + (image.mean() + 90) * dot[..., None]
    return image


def film(kind: str, pattern: tuple[int, ...], count: int = 36, noise: float = 2.0):
    """Frames of drawings shown ``pattern`` times each, and the number of the drawing of each."""
    rng = np.random.default_rng(1)
    numbers = [n for n, times in zip(range(count), itertools.cycle(pattern)) for _ in range(times)]
    numbers = numbers[:count]
    images = [drawing(kind, n) + rng.normal(0, noise, (SIZE[1], SIZE[0], 3)) for n in numbers]
    return [np.clip(np.rint(image), 0, 255).astype(np.uint8) for image in images], numbers


def encode(path, images, codec="libx264", pixel_format="yuv420p", **options):
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=24, options=options)
        stream.width, stream.height, stream.pix_fmt = *SIZE, pixel_format
        for image in images:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        output.mux(stream.encode())
    return path


class Frames(Source):
    """Images at 24 a second."""

    def __init__(self, images: list[np.ndarray]) -> None:
        super().__init__()
        self._images = images
        rate = Fraction(24)
        height, width = images[0].shape[:2]
        self.info = SourceInfo(Path("frames"), width, height, RGB, rate=rate, expected=len(images))
        self.end = len(images) / rate

    def pictures(self):
        for index, image in enumerate(self._images):
            planes = [np.ascontiguousarray(image[..., channel]) for channel in (1, 2, 0)]
            yield Picture(planes, RGB, Fraction(index, 24), index)


def steps_of(source: Source, drop: bool = True, fps: int | None = None):
    rate = source.info.rate
    timing = plan_timing(
        None if fps else 2,
        fps and Fraction(fps),
        Fraction(1),
        rate=rate,
        start=Fraction(0),
        tick=Fraction(1, 24),
    )
    tally = Tally()
    return list(plan(source, timing, Analyser(), tally, drop)), tally


def dropped(source: Source) -> set[int]:
    """The numbers of the frames that were left out."""
    steps, tally = steps_of(source)
    kept = {step.first.index for step in steps}
    assert tally.duplicates == tally.frames - len(kept)
    return set(range(tally.frames)) - kept


@pytest.mark.parametrize("kind", ["ball", "pan", "mouth"])
@pytest.mark.parametrize("pattern", [(2,), (3,), (2, 3), (1, 2, 1, 3)])
@pytest.mark.parametrize("noise", [0, 2])
def test_repeats_are_found_and_no_moving_frame(kind, pattern, noise):
    images, numbers = film(kind, pattern, noise=noise)
    repeats = {k for k in range(1, len(numbers)) if numbers[k] == numbers[k - 1]}
    found = dropped(Frames(images))
    assert found <= repeats
    assert len(found) >= 0.95 * len(repeats)


@pytest.mark.parametrize("kind", ["ball", "pan"])
@pytest.mark.parametrize("pattern", [(2,), (3,), (2, 3)])
@pytest.mark.parametrize("crf", ["12", "23"])
def test_encoding_hides_no_repeats(tmp_path, kind, pattern, crf):
    images, numbers = film(kind, pattern)
    repeats = {k for k in range(1, len(numbers)) if numbers[k] == numbers[k - 1]}
    found = dropped(open_source(encode(tmp_path / "a.mkv", images, crf=crf)))
    assert found <= repeats
    assert len(found) >= 0.95 * len(repeats)


@pytest.mark.parametrize("kind", ["ball", "pan", "mouth", "dot"])
@pytest.mark.parametrize("noise", [0, 1, 2])
def test_motion_on_ones_is_no_repetition(kind, noise):
    images, _ = film(kind, (1,), count=16, noise=noise)
    assert not dropped(Frames(images))


@pytest.mark.parametrize("fade", [1.0, 2.0])
def test_a_slow_fade_is_no_repetition(fade):
    images, _ = film("still", (16,), count=16)
    faded = [np.clip(i - fade * k, 0, 255).astype(np.uint8) for k, i in enumerate(images)]
    assert not dropped(Frames(faded))


def test_deep_pictures_are_judged_alike():
    deep = PixelSpec("gray", 10)
    rng = np.random.default_rng(0)
    base = background(SIZE[0])[..., 0] * 4

    def noisy(image):
        plane = np.rint(image + rng.normal(0, 8, image.shape)).clip(0, 1023).astype(np.uint16)
        return Picture([plane], deep, Fraction(0), 0)

    assert is_repeat(noisy(base), noisy(base))
    assert not is_repeat(noisy(base), noisy(np.roll(base, 1, 1)))


@pytest.mark.parametrize("pattern", [(2,), (3,), (2, 3)])
@pytest.mark.parametrize("fps", [None, 60])
def test_motion_is_even_over_the_hold(pattern, fps):
    images, numbers = film("ball", pattern)
    positions = []
    steps, _ = steps_of(Frames(images), fps=fps)
    for step in steps[:-1]:
        first, second = numbers[step.first.index], numbers[step.second.index]
        positions += [first + (second - first) * float(slot.timestep) for slot in step.slots]
    moves = np.diff(positions)
    assert moves.std() / moves.mean() < 0.3
    assert sum(len(step.slots) for step in steps) == (len(images) * (fps or 48)) // 24


def test_repeats_are_marked_in_time_and_none_is_lost():
    images, _ = film("pan", (2,), count=20)
    holds = Holds()
    pairs = list(marked(Frames(images).pictures(), holds))
    assert [picture.index for picture, _ in pairs] == list(range(20))
    assert [repeats for _, repeats in pairs] == [k % 2 == 1 for k in range(20)]
    assert (holds.found, holds.pairs) == (10, 19)
    assert [p.index for p, _ in marked(Frames(images[:1]).pictures(), Holds())] == [0]
    assert not list(marked(iter(()), Holds()))


def test_the_default_keeps_repeats_and_says_so(tmp_path, blend, probe, caplog):
    images, _ = film("pan", (2,))
    clip = encode(tmp_path / "a.mkv", images)
    with caplog.at_level(logging.WARNING):
        summary = interpolate_video(clip, tmp_path / "kept.mkv", blend, codec="ffv1")
    assert (summary.repeats, summary.duplicates) == (18, 0)
    (line,) = [r.getMessage() for r in caplog.records if "--duplicates drop" in r.getMessage()]
    assert "18 of 36 frames repeat the one before" in line
    summary = interpolate_video(clip, tmp_path / "even.mkv", blend, codec="ffv1", duplicates="drop")
    assert (summary.repeats, summary.duplicates) == (0, 18)
    kept, even = probe(tmp_path / "kept.mkv"), probe(tmp_path / "even.mkv")
    assert kept.frames == even.frames == 72
    assert kept.end == even.end


def test_plain_motion_is_not_called_animation(tmp_path, blend, caplog):
    images, _ = film("pan", (1,), count=20)
    clip = encode(tmp_path / "a.mkv", images)
    assert interpolate_video(clip, tmp_path / "b.mkv", blend, codec="ffv1").repeats == 0
    assert "--duplicates" not in caplog.text
