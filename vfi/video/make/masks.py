"""Masks and shares of pixels, ``(H, W)`` of 8 bits where 255 is all, as OpenCV likes them.

So are the levels of frames: ``(3 * H, W)`` of 8 bits, red above green above blue.
"""

import functools

import cv2
import numpy as np
from torch import Tensor

_DIRECTIONS = ((1, 0), (2, 1), (1, 1), (1, 2), (0, 1), (-1, 2), (-1, 1), (-2, 1))


def in_levels(frame: Tensor) -> np.ndarray:
    """``(3, H, W)`` in [0, 1] -> ``(3 * H, W)`` levels of 255."""
    planes = frame.float().reshape(-1, frame.shape[-1])
    return cv2.convertScaleAbs(planes.cpu().numpy(), alpha=255)


def planes(levels: np.ndarray) -> np.ndarray:
    """Levels as ``(3, H, W)``."""
    return levels.reshape(3, len(levels) // 3, -1)


def largest(levels: np.ndarray) -> np.ndarray:
    """Levels -> ``(H, W)``: those of the colour with the most."""
    red, green, blue = planes(levels)
    return cv2.max(cv2.max(red, green), blue)


def above(values: np.ndarray, limit: float) -> np.ndarray:
    """A mask of where values are above it."""
    return (values > limit).view(np.uint8) * np.uint8(255)


def ramp(values: np.ndarray, nothing: float, all: float) -> np.ndarray:
    """0 at ``nothing`` and before it, 255 at ``all`` and beyond."""
    slope = 255 / (all - nothing)
    return cv2.addWeighted(values, slope, values, 0, -slope * nothing, dtype=cv2.CV_8U)


def box_sum(values: np.ndarray, side: int) -> np.ndarray:
    """Sums over ``side`` x ``side`` pixels, 0 beyond the borders, float32."""
    return cv2.boxFilter(
        values, cv2.CV_32F, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT
    )


def box_mean(values: np.ndarray, side: int) -> np.ndarray:
    """Means over those of ``side`` x ``side`` pixels that there are, float32."""
    return box_sum(values, side) / _counts(*values.shape, side)


@functools.lru_cache(maxsize=4)
def _counts(height: int, width: int, side: int) -> np.ndarray:
    return box_sum(np.ones((height, width), np.uint8), side)


def dilated(values: np.ndarray, side: int) -> np.ndarray:
    """The largest of ``side`` x ``side`` pixels."""
    return cv2.dilate(values, np.ones((side, side), np.uint8))


def between(mask: np.ndarray, reach: int) -> np.ndarray:
    """A mask of where another one holds on two opposite sides, within ``reach`` pixels each.

    Looked for in 16 directions at half the size.
    """
    height, width = mask.shape
    half = np.ascontiguousarray(
        cv2.dilate(mask, np.ones((2, 2), np.uint8), anchor=(0, 0))[::2, ::2]
    )
    found = np.zeros_like(half)
    for x, y in _DIRECTIONS:
        steps = max(reach // 2 // max(abs(x), abs(y)), 1)
        found = found | (_toward(half, x, y, steps) & _toward(half, -x, -y, steps))
    return cv2.resize(found, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)[:height, :width]


def _toward(mask: np.ndarray, x: int, y: int, steps: int) -> np.ndarray:
    """Where a mask holds anywhere from one to ``steps`` times (x, y) away."""
    return cv2.dilate(mask, _line(x, y, steps))


@functools.lru_cache(maxsize=64)
def _line(x: int, y: int, steps: int) -> np.ndarray:
    ways = np.arange(1, steps + 1)
    line = np.zeros((2 * steps * abs(y) + 1, 2 * steps * abs(x) + 1), np.uint8)
    line[(steps * abs(y) + ways * y), (steps * abs(x) + ways * x)] = 1
    return line
