"""What stands still stays: text, logos and displays over a moving picture.

A network that sees a background move drags what stands before it along. A pixel that is the same in
both frames, as are its neighbours, is therefore kept within a few levels of them, unless something
may have passed over it in between: a ball that lies to its left in one frame and to its right in
the other. Such a thing leaves change on two opposite sides, no farther than things go, and goes
before a background that is still for the most part and hangs together. Letters before a moving
background have change on opposite sides too, but are islands, or most of their surrounding moves.
Elsewhere, along bars and the borders of displays for one, change lies on one side only, and nothing
can have passed.
"""

from collections.abc import Callable
from functools import cached_property

import cv2
import numpy as np
import torch
from torch import Tensor

from vfi.video.timing.cuts import block_means

_STILL, _NOISY = 2.0, 3.6
"""Mean changes of 3x3 pixels that are noise, in a clean and in the worst video, in levels of 255 as
all that follow."""
_STILL_NOISE, _ABOVE_NOISE = 1.15, 1.6
"""What is less than this many times as strong as noise is still, what is more than that moves."""
_QUIET_PART = 0.2
_MOST = 16
"""A change of one pixel that is no noise."""
_SLACK, _FARTHEST = 3, 8
"""By how much a new frame may leave the range of the two, as noise is not frozen, and by how much
it may differ from either."""
_WAY, _SURROUNDING = 10, 8
"""Farthest way that is believed, to each side, and reach of the surrounding: parts of the shorter
side."""
_MOSTLY_MOVING, _MOSTLY_STILL = 0.4, 0.55
_ISLAND = 0.08
"""Part of the picture: still regions that are smaller stand before what moves around them."""
_CRUMB, _CRUMBS = 7, 0.25
"""Where fewer of the pixels around stray than this part, no thing is that would be worth it."""
_CONTRAST, _AROUND = 24, 11
_LEAST_SEEN, _WELL_SEEN = 0.12, 0.25
_ANCHORED, _FAR = 0.05, 3
"""Where less than that is seen to be still, as on a plain wall, things may have come from so many
times as far."""
_LARGE, _EDGED = 0.002, 0.2
"""An island of that part of the picture and more stands still if that part of it is seen to."""
_CELL = 8
_DIRECTIONS = ((1, 0), (2, 1), (1, 1), (1, 2), (0, 1), (-1, 2), (-1, 1), (-2, 1))


class StillPair:
    """Two frames, and what stands still in both; found out when it is first needed.

    That is decided on the CPU and in 8 bits: in floats it takes longer than the network.

    Args:
        first: ``(3, H, W)`` in [0, 1].
        second: likewise.
        levels: gives frames as `in_levels` does.

    Attributes:
        frames: as given.
    """

    def __init__(
        self, first: Tensor, second: Tensor, levels: Callable[[Tensor], np.ndarray] | None = None
    ) -> None:
        self.frames = first, second
        self._levels = levels or in_levels

    def hold(self, made: Tensor) -> Tensor:
        """A frame ``(3, H, W)`` between them with what stands still put back; itself if nothing."""
        strays = self._strays(in_levels(made))
        if not strays.any():
            return made
        strays &= self._still
        if not strays.any():
            return made
        share = self._share * self._certainty(strays)
        if not share.any():
            return made
        held = made.clone()
        _put_back(held, *self.frames, share)
        return held

    def _certainty(self, strays: np.ndarray) -> np.ndarray:
        """How sure it is that nothing passed over a still pixel, ``(H, W)`` in [0, 1].

        Args:
            strays: mask ``(H, W)`` of still pixels that were made to look otherwise.
        """
        worthless = _above(-_sum(strays, _CRUMB), -255 * _CRUMBS * _CRUMB**2)
        islands, anchored_islands = self._islands
        sure = np.maximum(self._overlaid, _full(worthless | islands)) * self._anchored
        passed = self._passed
        if (strays & self._flat & ~passed).any():
            passed = passed | self._passed_from_afar
        return np.maximum(sure, _full(anchored_islands | ~passed))

    def _strays(self, made: np.ndarray) -> np.ndarray:
        """A mask of where a frame ``(H, W, 3)``, in levels, is out of the range of the two."""
        low, high = self._range
        outside = cv2.add(cv2.subtract(made, high), cv2.subtract(low, made))
        return _above(_largest(outside), 2 * _SLACK)

    @cached_property
    def _range(self) -> tuple[np.ndarray, np.ndarray]:
        first, second = self._both
        return cv2.min(first, second), cv2.max(first, second)

    @cached_property
    def _both(self) -> tuple[np.ndarray, np.ndarray]:
        first, second = self.frames
        return self._levels(first), self._levels(second)

    @cached_property
    def _motion(self) -> tuple[np.ndarray, np.ndarray]:
        return _motion(cv2.subtract(*reversed(self._range)))

    @property
    def _share(self) -> np.ndarray:
        """``(H, W)`` how still pixels stand among others that do, in [0, 1]."""
        return self._motion[1]

    @cached_property
    def _still(self) -> np.ndarray:
        return _above(self._share, 0)

    @cached_property
    def _seen(self) -> np.ndarray:
        """A mask of still pixels that are seen to be: they have contrast, and that in both frames.

        Flat areas look the same wherever they move; so does what a thin thing moves across.
        """
        return self._still & _contrasted(*self._both)

    @cached_property
    def _islands(self) -> tuple[np.ndarray, np.ndarray]:
        return _islands(self._still, self._seen)

    @cached_property
    def _overlaid(self) -> np.ndarray:
        return _overlaid(self._still)

    @cached_property
    def _anchored(self) -> np.ndarray:
        """``(H, W)`` in [0, 1]: how much of what is still around a pixel is seen to be."""
        around = _sum(cv2.copyTo(self._share, self._seen), _AROUND)
        return _ramp(around / (_sum(self._share, _AROUND) + 1e-4), _LEAST_SEEN, _WELL_SEEN)

    @cached_property
    def _flat(self) -> np.ndarray:
        return _above(-self._anchored, -_ANCHORED)

    @cached_property
    def _passed(self) -> np.ndarray:
        """A mask of where something may have passed over a pixel."""
        return _between(self._motion[0])

    @cached_property
    def _passed_from_afar(self) -> np.ndarray:
        return self._flat & _between(self._motion[0], _FAR)


def _put_back(frame: Tensor, first: Tensor, second: Tensor, share: np.ndarray) -> None:
    """Moves a frame ``(3, H, W)``, in place, by that share into the range of the two."""
    x, y, width, height = cv2.boundingRect(_above(share, 0))
    rows, columns = slice(y, y + height), slice(x, x + width)
    inside, first, second = (image[:, rows, columns] for image in (frame, first, second))
    middle, half = (first + second) / 2, (first - second).abs_() / 2
    reach = torch.minimum(half + _SLACK / 255, (_FARTHEST / 255 - half).clamp_(min=0))
    held = inside.clamp(middle - reach, middle + reach)
    weight = cv2.merge([share[rows, columns]] * 3)  # to repeat it in memory is faster than there
    inside.lerp_(held, torch.from_numpy(weight).permute(2, 0, 1).to(frame))


def in_levels(frame: Tensor) -> np.ndarray:
    """``(3, H, W)`` in [0, 1] -> ``(H, W, 3)`` levels of 255."""
    return cv2.convertScaleAbs(frame.float().permute(1, 2, 0).contiguous().cpu().numpy(), alpha=255)


def _above(values: np.ndarray, limit: float) -> np.ndarray:
    """255 where values are above it, else 0, as OpenCV likes its masks."""
    return (values > limit).view(np.uint8) * np.uint8(255)


def _largest(colours: np.ndarray) -> np.ndarray:
    """``(H, W, 3)`` -> ``(H, W)``."""
    red, green, blue = cv2.split(colours)
    return cv2.max(cv2.max(red, green), blue)


def _motion(change: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A mask of pixels that change; how still, from 0 to 1, pixels stand among others that do.

    Args:
        change: ``(H, W, 3)`` levels.
    """
    moves = _above(_largest(change), _MOST)
    red, green, blue = cv2.split(change)
    total = cv2.add(cv2.add(red, green, dtype=cv2.CV_16U), blue, dtype=cv2.CV_16U)
    around = _sum(total, 3) / (3 * _sum(np.ones_like(red), 3))
    noise = _noise(around)
    still = _ramp(around, _ABOVE_NOISE * noise, _STILL_NOISE * noise)
    return moves, cv2.copyTo(still, ~_dilated(moves, 3))


def _noise(around: np.ndarray) -> float:
    """The change that is noise, by the quietest part of the picture."""
    sample = around[::4, ::4].ravel()
    at = max(int(_QUIET_PART * sample.size), 1) - 1
    return float(np.clip(_ABOVE_NOISE * np.partition(sample, at)[at], _STILL, _NOISY))


def _ramp(values: np.ndarray, nothing: float, all: float) -> np.ndarray:
    """0 at ``nothing`` and before it, 1 at ``all`` and beyond."""
    share = (values - nothing) / (all - nothing)
    return np.clip(share, 0, 1, out=share)


def _sum(values: np.ndarray, side: int) -> np.ndarray:
    """Sums over ``side`` x ``side`` pixels, 0 beyond the borders, float32."""
    return cv2.boxFilter(
        values, cv2.CV_32F, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT
    )


def _dilated(values: np.ndarray, side: int) -> np.ndarray:
    return cv2.dilate(values, np.ones((side, side), np.uint8))


def _contrasted(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """A mask of where pixels up to two away differ in a colour, to one side in both frames."""
    around = np.ones((5, 5), np.uint8)
    brighter = (cv2.subtract(cv2.dilate(image, around), image) for image in (first, second))
    darker = (cv2.subtract(image, cv2.erode(image, around)) for image in (first, second))
    return _above(_largest(cv2.max(cv2.min(*brighter), cv2.min(*darker))), _CONTRAST)


def _full(mask: np.ndarray) -> np.ndarray:
    """A mask as shares: 1 where it holds."""
    return mask.astype(np.float32) / 255


def _overlaid(still: np.ndarray) -> np.ndarray:
    """``(H, W)`` in [0, 1]: how much moves around a pixel, by the mask of what is still."""
    height, width = still.shape
    cells = block_means(still, _CELL) / 255
    side = 2 * max(min(still.shape) // _SURROUNDING // _CELL, 1) + 1
    share = _sum(cells, side) / _sum(np.ones_like(cells), side)
    overlaid = _ramp(share, _MOSTLY_STILL, _MOSTLY_MOVING)
    return cv2.resize(overlaid, None, fx=_CELL, fy=_CELL)[:height, :width]


def _islands(still: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which still regions hang together and are small, and which of them are well seen to be still.

    Args:
        still: mask ``(H, W)``.
        seen: likewise, see `StillPair`.

    Returns:
        Two masks.
    """
    count, labels = cv2.connectedComponents(still, connectivity=4)
    areas = np.bincount(labels.ravel(), minlength=count)
    island = areas < _ISLAND * still.size
    island[0] = False  # what moves
    marked = np.bincount(labels.ravel()[np.flatnonzero(seen)], minlength=count)
    anchored = island & (areas >= _LARGE * still.size) & (marked > _EDGED * areas)
    kinds = np.take((island + 2 * anchored).astype(np.uint8), np.asarray(labels, np.int32))
    return _above(kinds, 0), _above(kinds, 1)


def _between(moves: np.ndarray, times: int = 1) -> np.ndarray:
    """A mask of where motion lies on two opposite sides, within so many times the usual way each.

    Looked for in 16 directions at half the size.
    """
    height, width = moves.shape
    reach = times * max(min(height, width) // _WAY, 1)
    half = np.ascontiguousarray(
        cv2.dilate(moves, np.ones((2, 2), np.uint8), anchor=(0, 0))[::2, ::2]
    )
    found = np.zeros_like(half)
    for x, y in _DIRECTIONS:
        steps = max(reach // 2 // max(abs(x), abs(y)), 1)
        found = found | (_toward(half, x, y, steps) & _toward(half, -x, -y, steps))
    return cv2.resize(found, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)[:height, :width]


def _toward(mask: np.ndarray, x: int, y: int, steps: int) -> np.ndarray:
    """Where a mask holds anywhere from one to ``steps`` times (x, y) away."""
    ways = np.arange(1, steps + 1)
    line = np.zeros((2 * steps * abs(y) + 1, 2 * steps * abs(x) + 1), np.uint8)
    line[(steps * abs(y) + ways * y), (steps * abs(x) + ways * x)] = 1
    return cv2.dilate(mask, line)
