import itertools
import os
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from vfi.video.read.colour import PixelSpec
from vfi.video.read.open import open_source
from vfi.video.read.source import Picture
from vfi.video.timing.cuts import Analyser, Relation, cut_score, is_static, thumbnail

RGB = PixelSpec("rgb", full_range=True)


def picture(image: np.ndarray) -> Picture:
    planes = [np.ascontiguousarray(image[..., channel]) for channel in (1, 2, 0)]
    return Picture(planes, RGB, Fraction(0), 0)


def scene(seed: int, height: int = 96, width: int = 128) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 10, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def relation(a: np.ndarray, b: np.ndarray, **options: float) -> Relation:
    return Analyser(**options).compare(picture(a), picture(b))[0]


def test_another_scene_is_a_cut():
    assert relation(scene(0), scene(1)) is Relation.CUT


@pytest.mark.parametrize("shift", [2, 6, 12])
def test_a_pan_is_motion(shift):
    wide = scene(0, width=160)
    assert relation(wide[:, :128], wide[:, shift : shift + 128]) is Relation.MOTION


def test_flat_colours_of_one_brightness_are_told_apart():
    red, green = np.full((64, 64, 3), (200, 0, 0)), np.full((64, 64, 3), (0, 102, 0))
    assert relation(red.astype(np.uint8), green.astype(np.uint8)) is Relation.CUT


@pytest.mark.parametrize("steps", [8, 24])
def test_a_fade_to_black_is_motion(steps):
    levels = [(scene(0) * (1 - k / steps)).astype(np.uint8) for k in range(steps)]
    assert all(relation(a, b) is Relation.MOTION for a, b in itertools.pairwise(levels))


def test_noise_is_neither_a_cut_nor_static():
    rng = np.random.default_rng(0)
    a = scene(0).astype(int)
    noisy = [np.clip(a + rng.normal(0, 6, a.shape), 0, 255).astype(np.uint8) for _ in range(2)]
    assert relation(*noisy) is Relation.MOTION


@pytest.mark.parametrize("shift", [1, 3, 8])
def test_moving_fine_texture_is_motion(shift):
    wide = np.random.default_rng(0).integers(0, 255, (120, 180, 3)).astype(np.uint8)
    assert relation(wide[:, :160], wide[:, shift : shift + 160]) is Relation.MOTION


def test_threshold_is_the_users():
    assert relation(scene(0), scene(1), cut_threshold=None) is Relation.MOTION
    assert relation(scene(0), np.roll(scene(0), 9, 1), cut_threshold=0) is Relation.CUT


def test_equal_and_almost_equal_frames_are_static():
    a = scene(0)
    b = a.copy()
    b[5, 5] ^= 1
    assert relation(a, a) is Relation.STATIC
    assert relation(a, b) is Relation.STATIC


def test_a_small_moving_thing_is_not_static():
    a = scene(0, 360, 640)
    b = a.copy()
    b[100:104, 200:204] += 60
    assert not is_static(picture(a), picture(b), 0.5)


def test_depth_does_not_matter_to_what_is_static():
    deep = PixelSpec("rgb", 10, full_range=True)
    a = [np.full((20, 20), 400, np.uint16)] * 3
    near = Picture([plane + 1 for plane in a], deep, Fraction(0), 0)
    far = Picture([plane + 8 for plane in a], deep, Fraction(0), 0)
    base = Picture(a, deep, Fraction(0), 0)
    assert is_static(base, near, 0.5)
    assert not is_static(base, far, 0.5)


def test_the_quick_bound_never_hides_a_cut():
    a, b = thumbnail(picture(scene(0))), thumbnail(picture(scene(3)))
    assert cut_score(a, b, enough=30) == cut_score(a, b)


@pytest.mark.skipif("VFI_DATA" not in os.environ, reason="needs VFI_DATA")
@pytest.mark.parametrize(
    ("name", "cuts"),
    [("bikes.mp4", [30, 76, 137, 187, 242]), ("baby_balloon.mp4", [6]), ("cat.mp4", [])],
)
def test_cuts_of_real_clips(name, cuts):
    analyser, last, found = Analyser(), None, []
    for frame in open_source(Path(os.environ["VFI_DATA"]) / "train_clips" / name).pictures():
        if last is not None and analyser.compare(last, frame)[0] is Relation.CUT:
            found.append(frame.index)
        last = frame
    assert found == cuts
