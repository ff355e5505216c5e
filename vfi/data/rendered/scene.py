"""A scene drawn at random: a plane behind layers, each with its path, and what lies over it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from vfi.data.rendered.motion import Path, draw_path, scaled, shifted
from vfi.data.rendered.shapes import draw_mask, draw_overlay, premultiplied
from vfi.data.rendered.spec import RenderSpec

Pick = Callable[[], np.ndarray]
"""Gives a photograph at random, (H, W, 3) uint8 RGB, at least as large as the crop."""


@dataclass(frozen=True, eq=False)
class Plane:
    """A picture that moves.

    Attributes:
        texture: (H, W, 4) uint8, premultiplied by its opacity, the last channel.
        placed: (3, 3), from the texture's pixels to the frame's in the middle of the interval.
        path: how it moves from there.
    """

    texture: np.ndarray
    placed: np.ndarray
    path: Path

    def matrix(self, time: float) -> np.ndarray:
        """The (3, 3) homography from the texture's pixels to the frame's at a time."""
        return self.path.at(time) @ self.placed


@dataclass(frozen=True, eq=False)
class Scene:
    """All that is seen, and how it is taken; `RenderSpec` has the distributions.

    Attributes:
        crop: side of the frames, pixels.
        planes: back to front; the first one fills the frame.
        overlay: (crop, crop, 4) premultiplied uint8 that does not move, or None.
        exposure: in intervals; 0 is an instant.
        fade: factor of the brightness from img0 to img1.
        timestep: of the true frame.
    """

    crop: int
    planes: tuple[Plane, ...]
    overlay: np.ndarray | None
    exposure: float
    fade: float
    timestep: float


def draw_scene(spec: RenderSpec, crop: int, pick: Pick, rng: np.random.Generator) -> Scene:
    """A scene at random.

    Args:
        spec: the distributions.
        crop: side of the frames, pixels.
        pick: gives photographs.
        rng: decides.
    """
    still = rng.random() < spec.still
    rests = still or rng.random() < spec.still_background
    speed = 0.0 if still else math.exp(rng.uniform(*np.log(spec.speed)))
    bent = rng.random() < spec.bent
    middle = (crop / 2, crop / 2)
    camera = Path() if rests else draw_path(spec, speed, bent, middle, rng)
    count = int(rng.integers(spec.layers + 1))
    count = max(count, 1) if rests and not still and spec.layers else count
    planes = [_background(spec, crop, pick(), camera, rng)]
    for _ in range(count):
        planes.append(_layer(spec, crop, pick(), camera, speed, bent, rng))
    overlay = draw_overlay(crop, pick(), rng) if rng.random() < spec.overlay else None
    blurred = rng.random() < spec.blurred
    fades = rng.random() < spec.fade
    exposure, fade = rng.uniform(*spec.shutter) / 2, rng.uniform(-1, 1) * spec.fade_depth
    return Scene(
        crop=crop,
        planes=tuple(planes),
        overlay=overlay,
        exposure=exposure if blurred else 0.0,
        fade=1 + fade if fades else 1.0,
        timestep=float(rng.uniform(*spec.timestep)),
    )


def _background(
    spec: RenderSpec, crop: int, photo: np.ndarray, path: Path, rng: np.random.Generator
) -> Plane:
    photo = _turned(photo, rng)
    height, width = photo.shape[:2]
    zoom = max(_zoom(spec, rng), crop / min(height, width))
    left, top = (rng.uniform(0, max(0.0, side * zoom - crop)) for side in (width, height))
    texture = cv2.cvtColor(photo, cv2.COLOR_RGB2RGBA)
    return Plane(texture, shifted(-left, -top) @ scaled(zoom, zoom), path)


def _layer(
    spec: RenderSpec,
    crop: int,
    photo: np.ndarray,
    camera: Path,
    speed: float,
    bent: bool,
    rng: np.random.Generator,
) -> Plane:
    zoom = _zoom(spec, rng)
    sides = rng.uniform(*spec.size, 2) * crop / zoom
    height, width = (
        int(min(max(8, side), full)) for side, full in zip(sides, photo.shape, strict=False)
    )
    top = int(rng.integers(photo.shape[0] - height + 1))
    left = int(rng.integers(photo.shape[1] - width + 1))
    picture = _turned(photo[top : top + height, left : left + width], rng)
    height, width = picture.shape[:2]
    texture = premultiplied(picture, draw_mask(height, width, zoom, spec, rng))
    x, y = rng.uniform(-0.1, 1.1, 2) * crop
    path = draw_path(spec, speed, bent, (x, y), rng).plus(camera, rng.uniform(*spec.follow))
    turn = Path(rotation=rng.uniform(0, 2 * math.pi)).at(1.5)
    placed = shifted(x, y) @ turn @ scaled(zoom, zoom) @ shifted(-width / 2, -height / 2)
    return Plane(texture, placed, path)


def _zoom(spec: RenderSpec, rng: np.random.Generator) -> float:
    return math.exp(rng.uniform(*np.log(spec.zoom)))


def _turned(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The photograph mirrored, and turned by a quarter, each in half of the cases."""
    mirror, turn = rng.random(2) < 0.5
    photo = cv2.flip(photo, 1) if mirror else photo  # much quicker than copying a view
    return cv2.rotate(photo, cv2.ROTATE_90_CLOCKWISE) if turn else photo
