"""Paths of planes: a homography for every time.

Coordinates are continuous, in pixels: the middle of the first pixel is at (0.5, 0.5).
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from vfi.data.rendered.spec import RenderSpec

_USUAL_SPEED = 12.0  # pixels, for which RenderSpec gives rotation and the like
_TILT_AT = 100.0  # pixels off the middle, where RenderSpec gives the perspective


@dataclass(frozen=True)
class Path:
    """How a plane moves in the interval, relative to where it is in the middle of it.

    Attributes:
        shift: translation (x, y) in the interval, pixels.
        bend: (x, y) of the path's middle off the straight one, pixels.
        rotation: radians.
        scale: natural logarithm of the growth.
        shear: without unit.
        tilt: perspective (x, y), change of the magnification per pixel.
        pivot: (x, y) that all but the translation leaves where it is, pixels.
    """

    shift: tuple[float, float] = (0.0, 0.0)
    bend: tuple[float, float] = (0.0, 0.0)
    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    tilt: tuple[float, float] = (0.0, 0.0)
    pivot: tuple[float, float] = (0.0, 0.0)

    def at(self, time: float) -> np.ndarray:
        """The (3, 3) homography from the plane as it is in the middle to the plane at a time."""
        since = time - 0.5
        off = 4 * time * (1 - time)
        move = [s * since + b * off for s, b in zip(self.shift, self.bend, strict=True)]
        angle, growth = self.rotation * since, math.exp(self.scale * since)
        cos, sin = growth * math.cos(angle), growth * math.sin(angle)
        skew = np.array([[1, self.shear * since, 0], [0, 1, 0], [0, 0, 1]])
        turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        lean = np.array([[1, 0, 0], [0, 1, 0], [self.tilt[0] * since, self.tilt[1] * since, 1]])
        x, y = self.pivot
        return shifted(x + move[0], y + move[1]) @ turn @ skew @ lean @ shifted(-x, -y)

    def plus(self, other: "Path", share: float) -> "Path":
        """This path and a share of the other's, about this one's pivot."""

        def pair(name: str) -> tuple[float, float]:
            (x, y), (a, b) = getattr(self, name), getattr(other, name)
            return x + share * a, y + share * b

        return replace(
            self,
            shift=pair("shift"),
            bend=pair("bend"),
            rotation=self.rotation + share * other.rotation,
            scale=self.scale + share * other.scale,
            shear=self.shear + share * other.shear,
            tilt=pair("tilt"),
        )


def draw_path(
    spec: RenderSpec, speed: float, bent: bool, pivot: tuple[float, float], rng: np.random.Generator
) -> Path:
    """A path at random; see `RenderSpec`.

    Args:
        spec: the distributions.
        speed: standard deviation of the translation, pixels.
        bent: whether it may leave the straight line.
        pivot: what it turns about, (x, y) in pixels.
        rng: decides.
    """
    direction = rng.uniform(0, 2 * math.pi)
    length = min(abs(rng.normal(0, speed)), spec.furthest)
    rest = rng.normal(size=7) * (speed / _USUAL_SPEED)
    tilted = rng.random() < spec.perspective_share
    tilt = spec.perspective / _TILT_AT * tilted
    bend = rng.normal(size=2) * spec.bend * length * bent
    return Path(
        shift=(length * math.cos(direction), length * math.sin(direction)),
        bend=(float(bend[0]), float(bend[1])),
        rotation=spec.rotation * rest[0],
        scale=spec.scale * rest[1],
        shear=spec.shear * rest[2],
        tilt=(float(tilt * np.clip(rest[3], -4, 4)), float(tilt * np.clip(rest[4], -4, 4))),
        pivot=pivot,
    )


def shifted(x: float, y: float) -> np.ndarray:
    """The (3, 3) matrix of a translation by (x, y)."""
    return np.array([[1.0, 0, x], [0, 1.0, y], [0, 0, 1.0]])


def scaled(x: float, y: float) -> np.ndarray:
    """The (3, 3) matrix that multiplies x and y."""
    return np.diag([x, y, 1.0])


def transform(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points ``(..., 2)``, (x, y), through a homography."""
    x, y = points[..., 0], points[..., 1]
    rows = [m[0] * x + m[1] * y + m[2] for m in matrix]
    return np.stack([rows[0] / rows[2], rows[1] / rows[2]], -1)
