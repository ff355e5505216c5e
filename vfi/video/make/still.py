"""What stands still stays: text, logos and displays over a moving picture.

A network that sees a background move drags what stands before it along. A pixel that is the same in
both frames, as are its neighbours, is therefore kept within a few levels of them, unless something
may have passed over it in between: a ball that lies to its left in one frame and to its right in
the other. Such a thing leaves change on two opposite sides, no farther than things go, and goes
before a background that is still for the most part and hangs together. Letters before a moving
background have change on opposite sides too, but are islands, or most of their surrounding moves;
the ground between letters that move before it does, too, see `vfi.video.make.front`. Elsewhere,
along bars and the borders of displays for one, change lies on one side only, and nothing can have
passed.
"""

from collections.abc import Callable
from functools import cached_property

import cv2
import numpy as np
import torch
from torch import Tensor

from vfi.video.make.front import Front
from vfi.video.make.masks import (
    above,
    between,
    box_mean,
    box_sum,
    dilated,
    in_levels,
    largest,
    planes,
    ramp,
)
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
_CONTRAST, _AROUND = 20, 11
_LEAST_SEEN, _WELL_SEEN = 0.12, 0.25
_ANCHORED, _FAR = 0.05, 3
"""Where less than that is seen to be still, as on a plain wall, things may have come from so many
times as far."""
_LARGE, _EDGED = 0.002, 0.2
"""An island of that part of the picture and more stands still if that part of it is seen to."""
_CELL = 8


class StillPair:
    """Two frames, and what stands still in both; found out when it is first needed.

    That is decided on the CPU and in 8 bits, see `vfi.video.make.masks`: in floats it takes longer
    than the network.

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

    def hold(self, made: Tensor, timestep: float = 0.5) -> Tensor:
        """A frame ``(3, H, W)`` between them with what stands still put back; itself if nothing.

        Args:
            made: the frame.
            timestep: when it is shown, between 0 (the first) and 1 (the second).
        """
        levels = in_levels(made)
        strays = self._strays(levels)
        if not strays.any():
            return made
        strays &= self._still
        if not strays.any():
            return made
        return self._put_back(made, levels, self._certainty(strays, timestep))

    def _put_back(self, made: Tensor, levels: np.ndarray, certainty: np.ndarray) -> Tensor:
        """Moves pixels of a frame, which has these levels, into the range of the two."""
        lowest, highest = self._sure
        outside = cv2.max(cv2.subtract(lowest, levels), cv2.subtract(levels, highest))
        where = np.flatnonzero(cv2.min(largest(outside), certainty & self._still) > 0)
        if not where.size:
            return made
        share = self._share.ravel()[where] * certainty.ravel()[where].astype(np.float32) / 255
        low, high, weight = (
            torch.from_numpy(values).to(made)
            for values in (_at(where, self._range[0]), _at(where, self._range[1]), share)
        )
        bottom = torch.maximum(low - _SLACK, high - _FARTHEST) / 255
        top = torch.minimum(high + _SLACK, low + _FARTHEST) / 255
        held = made.clone(memory_format=torch.contiguous_format)
        pixels = held.view(3, -1)
        found = pixels[:, where]
        pixels[:, where] = found.lerp_(found.clamp(bottom, top), weight / 255)
        return held

    def _certainty(self, strays: np.ndarray, timestep: float) -> np.ndarray:
        """How sure it is that nothing passed over a still pixel, ``(H, W)``.

        Args:
            strays: mask ``(H, W)`` of still pixels that were made to look otherwise.
            timestep: see `hold`.
        """
        worthless = above(-box_sum(strays, _CRUMB), -255 * _CRUMBS * _CRUMB**2)
        islands, anchored_islands = self._islands
        sure = cv2.max(self._overlaid, worthless | islands)
        sure = cv2.multiply(sure, self._anchored, scale=1 / 255)
        passed = self._passed
        if (strays & self._flat & ~passed).any():
            passed = passed | self._passed_from_afar
        sure = cv2.max(sure, anchored_islands | ~passed)
        if (strays & passed & sure).any() and self._front.found:
            sure = sure & ~self._front.covers(timestep)
        return sure

    def _strays(self, made: np.ndarray) -> np.ndarray:
        """A mask of where a frame, in levels, is out of the range of the two."""
        low, high = self._range
        outside = cv2.add(cv2.subtract(made, high), cv2.subtract(low, made))
        return above(largest(outside), 2 * _SLACK)

    @cached_property
    def _range(self) -> tuple[np.ndarray, np.ndarray]:
        first, second = self._both
        return cv2.min(first, second), cv2.max(first, second)

    @cached_property
    def _sure(self) -> tuple[np.ndarray, np.ndarray]:
        """From where to where a pixel may stay as it is, however its level was rounded."""
        low, high = self._range
        slack, farthest = (np.full_like(low, levels - 1) for levels in (_SLACK, _FARTHEST))
        lowest = cv2.max(cv2.subtract(low, slack), cv2.subtract(high, farthest))
        return lowest, cv2.min(cv2.add(high, slack), cv2.add(low, farthest))

    @cached_property
    def _both(self) -> tuple[np.ndarray, np.ndarray]:
        first, second = self.frames
        return self._levels(first), self._levels(second)

    @cached_property
    def _motion(self) -> tuple[np.ndarray, np.ndarray]:
        return _motion(cv2.subtract(*reversed(self._range)))

    @property
    def _share(self) -> np.ndarray:
        """How still pixels stand among others that do."""
        return self._motion[1]

    @cached_property
    def _still(self) -> np.ndarray:
        return above(self._share, 0)

    @cached_property
    def _seen(self) -> np.ndarray:
        """A mask of still pixels that are seen to be: they differ from another one in both frames.

        Flat areas look the same wherever they move; so does what a thin thing moves across. What
        lies between letters that move differs from some in one frame, from others in the other.
        """
        return self._still & _contrasted(*self._range)

    @cached_property
    def _front(self) -> Front:
        return Front(*self._both, self._motion[0])

    @cached_property
    def _islands(self) -> tuple[np.ndarray, np.ndarray]:
        return _islands(self._still, self._seen)

    @cached_property
    def _overlaid(self) -> np.ndarray:
        return _overlaid(self._still)

    @cached_property
    def _anchored(self) -> np.ndarray:
        """How much of what is still around a pixel is seen to be."""
        seen = box_sum(self._share & self._seen, _AROUND)
        return ramp(seen / (box_sum(self._share, _AROUND) + 1), _LEAST_SEEN, _WELL_SEEN)

    @cached_property
    def _flat(self) -> np.ndarray:
        return ~above(self._anchored, 255 * _ANCHORED)

    @cached_property
    def _passed(self) -> np.ndarray:
        """A mask of where something may have passed over a pixel."""
        return between(self._motion[0], self._way)

    @cached_property
    def _passed_from_afar(self) -> np.ndarray:
        return self._flat & between(self._motion[0], _FAR * self._way)

    @property
    def _way(self) -> int:
        return max(min(self._share.shape) // _WAY, 1)


def _at(where: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """``(3, N)`` levels of N pixels."""
    return np.take(planes(levels).reshape(3, -1), where, axis=1)


def _motion(change: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A mask of pixels that change, and how still pixels stand among others that do.

    Args:
        change: levels.
    """
    moves = above(largest(change), _MOST)
    red, green, blue = planes(change)
    total = red.astype(np.uint16)  # OpenCV's sum of 8 bits to 16 takes three times as long
    total += green
    total += blue
    around = box_mean(total, 3) / 3
    noise = _noise(around)
    still = ramp(around, _ABOVE_NOISE * noise, _STILL_NOISE * noise)
    return moves, still & ~dilated(moves, 3)


def _noise(around: np.ndarray) -> float:
    """The change that is noise, by the quietest part of the picture."""
    sample = around[::4, ::4].ravel()
    at = max(int(_QUIET_PART * sample.size), 1) - 1
    return float(np.clip(_ABOVE_NOISE * np.partition(sample, at)[at], _STILL, _NOISY))


def _contrasted(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """A mask of where a pixel up to two away differs in a colour, to one side in both frames.

    Args:
        low: the lesser levels of both frames.
        high: the greater ones.
    """
    around, found = np.ones((5, 5), np.uint8), []
    for lowest, highest in zip(planes(low), planes(high), strict=True):
        brighter = cv2.subtract(cv2.dilate(lowest, around), highest)
        darker = cv2.subtract(lowest, cv2.erode(highest, around))
        found.append(cv2.max(brighter, darker))
    return above(largest(np.vstack(found)), _CONTRAST)


def _overlaid(still: np.ndarray) -> np.ndarray:
    """How much moves around a pixel, by the mask of what is still."""
    height, width = still.shape
    cells = block_means(still, _CELL) / 255
    side = 2 * max(min(still.shape) // _SURROUNDING // _CELL, 1) + 1
    overlaid = ramp(box_mean(cells, side), _MOSTLY_STILL, _MOSTLY_MOVING)
    return cv2.resize(overlaid, None, fx=_CELL, fy=_CELL)[:height, :width]


def _islands(still: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which still regions hang together and are small, and which of them are well seen to be still.

    Args:
        still: mask ``(H, W)``.
        seen: likewise, see `StillPair`.

    Returns:
        Two masks.
    """
    count, labels = cv2.connectedComponentsWithAlgorithm(still, 4, cv2.CV_32S, cv2.CCL_WU)
    counts = np.bincount((2 * labels + (seen & 1)).ravel(), minlength=2 * count)
    marked = counts[1::2]
    areas = counts[::2] + marked
    island = areas < _ISLAND * still.size
    island[0] = False  # what moves
    anchored = island & (areas >= _LARGE * still.size) & (marked > _EDGED * areas)
    kinds = np.take((island + 2 * anchored).astype(np.uint8), np.asarray(labels, np.int32))
    return above(kinds, 0), above(kinds, 1)
