"""Frames woven from two moments: film at 24 a second in video of 30, and interlaced video.

A woven frame shows combs where things move: a line differs from both its neighbours, to the same
side, while these agree. In 3:2 pulldown two of every five frames are woven, always the same two; in
that of some cameras (2:3:3:2) one is; in interlaced video all are that show motion.
"""

from collections import deque

import numpy as np

from vfi.video.read.source import Picture

_CYCLE = 5
_STEP = 12  # levels between a line and both its neighbours
_AGREE = 8  # levels between these two
_COLUMNS = 8
_SAMPLED = 64  # columns at the least, where there are as many
_CLEAR = 0.002
"""Part of the pixels in combs, above what the picture's own stripes have."""
_TIMES = 3
_FEWEST = 20
_FEWEST_PIXELS = 24  # in combs: a few pixels of a tiny picture stand so by chance
_FEWEST_GROUPS = 4
_MOST_GROUPS = 0.7  # of those of five frames with combs have them in the same two
_MOST_FRAMES = 0.7
_STEADY = 0.03  # part by which combs of a picture that stands still, as of stripes, may change

TELECINE = (
    "telecined (3:2): one or two of every five frames are woven from two of the film, which blends "
    "them into each other; --inverse-telecine restores the film first"
)
SOFT_TELECINE = (
    "film of 24 frames a second, shown for two and three fields of 60 in turn (soft 3:2 pulldown), "
    "so that motion is uneven; --inverse-telecine makes its times even"
)
INTERLACED = (
    "interlaced: its frames are woven from two moments, which gives torn edges; deinterlace it "
    "first, for example with ffmpeg -vf bwdif"
)
PARTLY_INTERLACED = INTERLACED.replace("interlaced: its", "interlaced in part: many of its")


def combed(picture: Picture) -> float:
    """The part of the pixels, on some columns, that stand in combs.

    Fine texture looks the same among the lines of each half, so what is found there is taken off.
    """
    unit = 1 << (picture.spec.depth - 8)
    plane = picture.planes[0]
    kind = np.int16 if picture.spec.depth < 15 else np.int32
    lines = plane[:, :: max(1, min(_COLUMNS, plane.shape[1] // _SAMPLED))].astype(kind)
    if len(lines) < 6:
        return 0.0
    texture = max(_alternating(lines[half::2], unit) for half in (0, 1))
    found = _alternating(lines, unit) - texture
    return found if found * lines.size >= _FEWEST_PIXELS else 0.0


def _alternating(lines: np.ndarray, unit: int) -> float:
    above, here, below = lines[:-2], lines[1:-1], lines[2:]
    low = np.minimum(here - above, here - below)
    high = np.maximum(here - above, here - below)
    apart = (low > _STEP * unit) | (high < -_STEP * unit)
    return float((apart & (np.abs(above - below) < _AGREE * unit)).mean())


class CombWatch:
    """Looks at each frame of a video, in order."""

    def __init__(self) -> None:
        self._sums = np.zeros(_CYCLE)
        self._group = np.zeros(_CYCLE)
        self._groups = 0  # with combs
        self._pairs = np.zeros(_CYCLE)  # those with most of them in a frame and the next
        self._ones = np.zeros(_CYCLE)  # those with all of them in frames that stand alone
        self._frames = 0
        self._woven = 0
        self._recent: deque[float] = deque([0.0], _FEWEST)
        self._partly = False  # for as many frames in a row

    def see(self, picture: Picture) -> None:
        """Takes the next frame."""
        share = combed(picture)
        place = self._frames % _CYCLE
        self._sums[place] += share
        self._group[place] = share
        if place == _CYCLE - 1 and self._group.any():
            both = np.minimum(self._group, np.roll(self._group, -1))
            self._groups += 1
            (self._pairs if both.any() else self._ones)[
                int(np.argmax(both if both.any() else self._group))
            ] += 1
        self._woven += share > _CLEAR
        self._recent.append(share)
        least, most = min(self._recent), max(self._recent)
        self._partly |= least > _TIMES * _CLEAR and most - least > _STEADY * most
        self._frames += 1

    def verdict(self) -> str | None:
        """What the video is and what to do about it, if it is one of these."""
        if self._frames < _FEWEST:
            return None
        phases = self._sums * _CYCLE / self._frames
        first = int(np.argmax(phases + np.roll(phases, -1)))
        alone = int(np.argmax(phases))
        for places, groups in (
            ([first, (first + 1) % _CYCLE], self._pairs[first]),
            ([alone], self._ones[alone]),
        ):
            usual = groups >= max(_FEWEST_GROUPS, _MOST_GROUPS * self._groups)
            others = np.delete(phases, places)
            if usual and phases[places].min() > _TIMES * others.max() + _CLEAR:
                return TELECINE
        if self._woven > _MOST_FRAMES * self._frames and phases.min() > _TIMES * _CLEAR:
            return INTERLACED
        return PARTLY_INTERLACED if self._partly else None
