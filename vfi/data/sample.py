"""The embedded sample: synthetic triplets, drawn by this file in whole numbers, the same bits on
every machine.

Textured layers slide on curved paths over each other, some while the light changes. They show
that everything runs and give tests something that moves; their figures say nothing about real
video.
"""

import functools
import hashlib
from collections.abc import Sequence

import cv2
import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from vfi.data.images import Triplet, make_triplet

COUNT = 24
SIZE = 256
_SUBPIXELS = 16
_MARGIN = 48  # pixels of texture around the frame; no layer slides further

_Path = tuple[tuple[int, int], ...]
"""A layer's (dx, dy) in each frame (of a triplet: img0, gt, img1), in 1/16 pixel."""


class SampleTriplets(Dataset[Triplet]):
    """24 triplets of 256x256, rendered when they are asked for (about 30 ms each)."""

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, index: int) -> Triplet:
        if not 0 <= index < COUNT:
            raise IndexError(f"triplet {index} of {COUNT}")
        return make_triplet(render(index), f"sample_{index:02d}", index)

    def identity(self) -> dict[str, object]:
        """What this set is: a synthetic one and no benchmark, with a SHA-256 of its pixels."""
        return {
            "name": "sample (synthetic, no benchmark)",
            "kind": "sample",
            "count": COUNT,
            "sha256": _digest(),
            "fingerprint": "contents",
            "benchmark": False,
        }


@functools.cache
def _digest() -> str:
    digest = hashlib.sha256()
    for index in range(COUNT):
        for frame in render(index):
            digest.update(np.ascontiguousarray(frame).data)
    return digest.hexdigest()


class _Dice:
    """Whole numbers from PCG64's raw stream, which numpy promises never to change."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def between(self, low: int, high: int) -> int:
        """A number from ``low`` to ``high``, both included."""
        return low + int(self._bits.random_raw()) % (high - low + 1)

    def bytes(self, *shape: int) -> np.ndarray:
        """Uniform uint8 numbers."""
        count = int(np.prod(shape))
        raw = self._bits.random_raw(-(-count // 8)).astype("<u8")
        return raw.view(np.uint8)[:count].reshape(shape)


def sample_pairs() -> list[tuple[Tensor, Tensor]]:
    """Three pairs of frames ``(1, 3, 256, 256)`` in [0, 1] that move by 1, 6 and 12 pixels: what
    runtimes are compared on.
    """
    triplets = [make_triplet(render(index), f"sample_{index:02d}", index) for index in (0, 3, 6)]
    return [(item["img0"][None] / 255, item["img1"][None] / 255) for item in triplets]


def render(index: int) -> list[np.ndarray]:
    """(img0, gt, img1), each (256, 256, 3) uint8 RGB; motion grows with the index."""
    dice = _Dice(1000 + index)
    speed = 8 + 14 * index  # 1/16 pixel from one frame to the next: 0.5 to 20.6 pixels
    layers: list[tuple[np.ndarray, _Path, Sequence[int] | None]]
    layers = [(_texture(dice), _path(dice, speed // 3), None)]
    for _ in range(dice.between(2, 4)):
        layers.append((_texture(dice), _path(dice, speed), _shape(dice)))
    light = dice.between(-20, 20) if index % 3 == 2 else 0
    return [_compose(layers, time, 256 + light * (time - 1)) for time in range(3)]


def clip(count: int = 24) -> list[np.ndarray]:
    """A clip of one scene: ``count`` frames ``(256, 256, 3)`` of uint8 RGB, 2 or more.

    A background and three shapes slide evenly over each other.
    """
    dice = _Dice(2000)
    layers = [(_texture(dice), _straight(dice, 200, count), None)]
    shapes = [(_texture(dice), _straight(dice, 700, count), _shape(dice)) for _ in range(3)]
    return [_compose([*layers, *shapes], time, 256) for time in range(count)]


def _straight(dice: _Dice, reach: int, count: int) -> _Path:
    """Even steps through (0, 0), ``reach`` 1/16 pixel to either side."""
    x, y = _direction(dice, reach)
    last = count - 1
    return tuple(((2 * t - last) * x // last, (2 * t - last) * y // last) for t in range(count))


def _texture(dice: _Dice) -> np.ndarray:
    """Noise of six scales around a colour, (352, 352, 3) uint16 in 0..255."""
    side = SIZE + 2 * _MARGIN
    total = np.zeros((side, side, 3), np.int16)
    for cell, weight in ((88, 5), (44, 4), (22, 4), (11, 4), (4, 4), (2, 2)):
        grid = dice.bytes(side // cell, side // cell, 4).astype(np.int32)
        grid = (5 * grid[:, :, 3:] + grid[:, :, :3]) // 6  # mostly grey, with a little colour
        # the exact variant of linear resizing is the one with the same bits everywhere
        smooth = cv2.resize(
            grid.astype(np.uint8), (side, side), interpolation=cv2.INTER_LINEAR_EXACT
        )
        total += np.int16(weight) * (smooth.astype(np.int16) - np.int16(128))
    colour = np.array([dice.between(60, 195) for _ in range(3)], np.int16)
    return np.clip(colour + (total >> 3), 0, 255).astype(np.uint16)


def _path(dice: _Dice, speed: int) -> _Path:
    """A curve through (0, 0) at the middle frame, bent by up to a quarter of its speed."""
    vx, vy = _direction(dice, speed)
    ax, ay = _direction(dice, speed // 4)
    return ((ax - vx, ay - vy), (0, 0), (ax + vx, ay + vy))


def _direction(dice: _Dice, length: int) -> tuple[int, int]:
    # points on the circle of radius 25: whole numbers, no sine
    x, y = ((25, 0), (24, 7), (20, 15), (15, 20), (7, 24), (0, 25))[dice.between(0, 5)]
    return (
        length * x * (2 * dice.between(0, 1) - 1) // 25,
        length * y * (2 * dice.between(0, 1) - 1) // 25,
    )


def _shape(dice: _Dice) -> Sequence[int]:
    """Kind (0 box, 1 diamond, 2 disc), centre (x, y) and half sizes in 1/16 pixel."""
    kind = dice.between(0, 2)
    centre = [_SUBPIXELS * dice.between(40, SIZE - 40) for _ in range(2)]
    halves = [_SUBPIXELS * dice.between(20, 64) for _ in range(2)]
    return (kind, *centre, *halves)


def _compose(
    layers: Sequence[tuple[np.ndarray, _Path, Sequence[int] | None]], time: int, light: int
) -> np.ndarray:
    frame = np.zeros((SIZE, SIZE, 3), np.uint16)  # 255 * 256 + 128 is the largest number in use
    for texture, path, shape in layers:
        moved = _slide(texture, *path[time])
        if shape is None:
            frame = moved
        else:
            cover = _cover(shape, *path[time])[:, :, None]
            frame = (
                moved * cover + frame * (np.uint16(256) - cover) + np.uint16(128)
            ) >> np.uint16(8)
    return np.clip((frame.astype(np.int32) * light + 128) >> 8, 0, 255).astype(np.uint8)


def _slide(texture: np.ndarray, dx: int, dy: int) -> np.ndarray:
    """The frame's part of a texture moved by (dx, dy) 1/16 pixel: bilinear, in whole numbers."""
    top, y = divmod(_SUBPIXELS * _MARGIN - dy, _SUBPIXELS)
    left, x = divmod(_SUBPIXELS * _MARGIN - dx, _SUBPIXELS)
    part = texture[top : top + SIZE + 1, left : left + SIZE + 1]
    x, y, one = np.uint16(x), np.uint16(y), np.uint16(_SUBPIXELS)
    rows = part[:-1] * (one - y) + part[1:] * y
    return (rows[:, :-1] * (one - x) + rows[:, 1:] * x + np.uint16(128)) >> np.uint16(8)


def _cover(shape: Sequence[int], dx: int, dy: int) -> np.ndarray:
    """How much of a pixel a shape covers, (256, 256) uint16 in 0..256; soft by one pixel."""
    kind, centre_x, centre_y, half_x, half_y = shape
    axis = np.arange(SIZE, dtype=np.int32) * _SUBPIXELS
    x = np.abs(axis - centre_x - dx)[None, :]
    y = np.abs(axis - centre_y - dy)[:, None]
    if kind == 0:
        inside = np.minimum(half_x - x, half_y - y)
    elif kind == 1:
        inside = half_x - x - y * half_x // half_y
    else:
        inside = (half_x * half_x - x * x - y * y) // (2 * half_x)
    return np.clip(128 + inside * _SUBPIXELS, 0, 256).astype(np.uint16)
