"""What moves before a still ground, as tickers and credits do, and where it is in between.

A still thing before what moves, and a moving thing before what is still, look alike at any one
pixel. But what moves in the back appears whole wherever it is seen to go from one place to another;
between letters that move in front, the ground shows, which does not go along.
"""

import cv2
import numpy as np
import torch

from vfi.video.make.masks import above, dilated, planes

_SAME = 24
"""Levels of 255 by which what went from one place to another may have changed."""
_MOST = 0.25
"""The ground shows in most of the picture: what moves in more of it is the ground itself."""
_GOES, _SHOWS = 0.5, 0.04
"""Least parts of what may have gone along: that which did, and that which is ground between."""
_GREEN = 1


class Front:
    """What may move before a still ground.

    Args:
        first: levels of a frame, see `vfi.video.make.masks`.
        second: of the next one.
        moves: mask ``(H, W)`` of where they differ.

    Attributes:
        found: whether there is something.
    """

    def __init__(self, first: np.ndarray, second: np.ndarray, moves: np.ndarray) -> None:
        self._frames = planes(first), planes(second)
        self._moves = moves
        self.found = 0 < np.count_nonzero(moves) < _MOST * moves.size and self._shows_ground()

    def _shows_ground(self) -> bool:
        first, second = self._frames
        self._way = x, y = _way(first[_GREEN], second[_GREEN], self._moves)
        both = self._moves & _from(self._moves, x, y)
        goes = both & _same(first, _from(second, x, y))
        ground = both & ~goes & _same(second, _from(first, -x, -y))
        count, gone, shown = (np.count_nonzero(mask) for mask in (both, goes, ground))
        return bool(gone > _GOES * count and shown > _SHOWS * count)

    def covers(self, timestep: float) -> np.ndarray:
        """A mask of where it is, between 0 (the first frame) and 1 (the second)."""
        x, y = (-round(way * timestep) for way in self._way)
        ahead = x + self._way[0], y + self._way[1]
        moves = _from(self._moves, x, y) & _from(self._moves, *ahead)
        first, second = self._frames
        return dilated(moves & _same(_from(first, x, y), _from(second, *ahead)), 3)


def _way(first: np.ndarray, second: np.ndarray, moves: np.ndarray) -> tuple[int, int]:
    """How far most of what moves goes to the right and down, by phase correlation.

    Args:
        first: ``(H, W)``.
        second: likewise.
        moves: likewise, a mask.
    """
    left, top, width, height = cv2.boundingRect(moves)
    first, second, moves = (
        values[top : top + height, left : left + width] for values in (first, second, moves)
    )
    there = torch.from_numpy(moves > 0)
    frames = torch.from_numpy(np.stack([first, second])).float()
    means = (frames * there).sum((1, 2), keepdim=True) / there.sum()
    spectra = torch.fft.rfft2((frames - means) * there)
    cross = spectra[0].conj() * spectra[1]
    cross /= cross.abs() + 1e-3 * cross.abs().max() + 1e-9
    found = torch.fft.fftshift(torch.fft.irfft2(cross, (height, width)))
    row, column = height // 2, width // 2
    found[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = -1  # the mask itself
    y, x = divmod(int(found.argmax()), width)
    return x - column, y - row


def _from(values: np.ndarray, x: int, y: int) -> np.ndarray:
    """``(..., H, W)``: each pixel from so far right and down; 0 from beyond the borders."""
    moved = np.zeros_like(values)
    height, width = values.shape[-2:]
    to, source = (
        (..., slice(max(-b, 0), height - max(b, 0)), slice(max(-a, 0), width - max(a, 0)))
        for a, b in ((x, y), (-x, -y))
    )
    moved[to] = values[source]
    return moved


def _same(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """A mask of where colours ``(3, H, W)`` are."""
    change = cv2.absdiff(first, second)
    return ~above(cv2.max(cv2.max(change[0], change[1]), change[2]), _SAME)
