"""The true motion of a scene is what its frames show."""

import dataclasses
import math

import cv2
import numpy as np
import pytest

from tests.data.test_rendered import PLAIN
from tests.helpers.photos import picture
from vfi.data.rendered.drawing import draw_frames, true_motion
from vfi.data.rendered.motion import Path, scaled, shifted, transform
from vfi.data.rendered.scene import Plane, Scene, draw_scene

SIDE = 64


def plane(path: Path, photo: np.ndarray, zoom: float = 1.0, at: float = 20.0) -> Plane:
    texture = cv2.cvtColor(photo, cv2.COLOR_RGB2RGBA)
    return Plane(texture, shifted(-at, -at) @ scaled(zoom, zoom), path)


def scene(*planes: Plane, **changes: object) -> Scene:
    plain = {"overlay": None, "exposure": 0.0, "fade": 1.0, "timestep": 0.5}
    return Scene(SIDE, planes, **plain | changes)


def test_a_path_is_where_it_says_at_its_ends_and_in_the_middle() -> None:
    path = Path(shift=(8, -4), bend=(1, 2))
    where = [transform(path.at(time), np.zeros(2)).tolist() for time in (0, 0.5, 1)]
    assert where == [[-4, 2], [1, 2], [4, -2]]
    turned = Path(rotation=math.pi / 2, scale=math.log(4), pivot=(10, 0))
    assert np.allclose(transform(turned.at(0.5), np.array([3.0, 7])), [3, 7])
    there = transform(turned.at(1), np.array([12.0, 0]))  # a quarter's half, doubled
    assert np.allclose(there, [10 + 4 * math.cos(math.pi / 4), 4 * math.sin(math.pi / 4)])


def test_following_adds_a_share_of_the_other_path() -> None:
    camera = Path(shift=(10, 0), rotation=0.2, pivot=(1, 1))
    layer = Path(shift=(1, 5), pivot=(7, 7)).plus(camera, 0.5)
    assert layer.shift == (6, 5)
    assert (layer.rotation, layer.pivot) == (0.1, (7, 7))


def test_a_translation_by_whole_pixels_moves_whole_pixels() -> None:
    photo = picture(0, 140, 140)
    img0, gt, img1 = draw_frames(scene(plane(Path(shift=(6, -4)), photo)), 2)
    for frame, other, (x, y) in ((img0, gt, (3, -2)), (gt, img1, (3, -2)), (img0, img1, (6, -4))):
        inner = frame[10:-10, 10:-10]
        moved = other[10 + y : SIDE - 10 + y, 10 + x : SIDE - 10 + x]
        assert np.abs(inner.astype(int) - moved).max() <= 1
    # at the photograph's own size, area-averaging what is drawn finer softens by a quarter pixel
    assert np.abs(gt[10:-10, 10:-10].astype(int) - photo[30:74, 30:74]).mean() < 3


def warped(frame: np.ndarray, flow: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    return cv2.remap(frame, x + flow[0], y + flow[1], cv2.INTER_CUBIC)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("timestep", [0.5, 0.2])
def test_frames_warped_by_the_true_flow_give_the_true_frame(seed: int, timestep: float) -> None:
    rng = np.random.default_rng(seed)
    spec = dataclasses.replace(
        PLAIN, layers=3, zoom=(1.0, 1.2), fence=0, timestep=(timestep, timestep), speed=(6.0, 12.0)
    )
    drawn = draw_scene(spec, SIDE, lambda: picture(int(rng.integers(9)), 140, 160), rng)
    img0, gt, img1 = draw_frames(drawn, 2)
    truth = true_motion(drawn)
    for side, frame in enumerate((img0, img1)):
        seen = ~truth.occluded[side]
        assert seen.mean() > 0.2
        guess = warped(frame, truth.flow[2 * side : 2 * side + 2])
        error, unmoved = (np.abs(f.astype(int) - gt).max(-1)[seen] for f in (guess, frame))
        assert np.median(error) <= 2  # not the mean, as the edges of layers mix two planes
        changed = unmoved > 12
        assert changed.mean() < 0.25 or np.median(error[changed]) < 0.4 * np.median(
            unmoved[changed]
        )


def test_what_a_layer_hides_is_known() -> None:
    patch = plane(Path(shift=(20, 0)), picture(1, 20, 20), at=-22.0)  # 22 to 42, in the middle
    truth = true_motion(scene(plane(Path(), picture(0, 140, 140)), patch))
    hidden0, hidden1 = truth.occluded
    assert hidden0[30, 12:22].all()  # where the layer was
    assert not hidden0[30, 42:52].any()
    assert hidden1[30, 42:52].all()  # where it will be
    assert not truth.occluded[:, 30, 24:40].any()
    assert (truth.flow[:, 30, 30] == (-10, 0, 10, 0)).all()
    assert not truth.flow[:, 5].any()
    assert truth.motion < 20


def test_what_leaves_the_frame_is_occluded() -> None:
    truth = true_motion(scene(plane(Path(shift=(20, 0)), picture(0, 140, 140))))
    assert truth.occluded[0, :, :10].all()
    assert not truth.occluded[0, :, 11:].any()
    assert truth.occluded[1, :, -10:].all()
    assert truth.motion == pytest.approx(20)


def test_fine_photographs_are_shrunk_before_they_alias() -> None:
    checks = (np.indices((400, 400)).sum(0) % 2 * 255).astype(np.uint8)
    photo = np.dstack([checks] * 3)
    frames = draw_frames(scene(plane(Path(shift=(3.3, 1.7)), photo, zoom=0.2, at=5)), 2)
    assert all(np.abs(frame.astype(int) - 127).max() < 12 for frame in frames)
