"""Repeated frames: the same drawing or film frame again, under fresh noise or coded anew.

Two ways to tell them, as each is blind where the other sees.

By two frames alone (`is_repeat`): where they show the same, the difference is noise: small, about
as strong everywhere, and so fine that its means over blocks fall with their size. Motion, however
small and slow, leaves something that is not: where an edge moved, the difference has one sign over
a whole stretch, and stands out among the means over blocks of some size; where everything moves a
little, the means over larger blocks are together stronger than noise leaves them; and noise of a
sane video is never as strong as what is left where everything moves much. An encoder's residue is
not noise in this sense.

By rhythm (`Holds`): animation on twos and threes, or film in a faster video, alternates between
frames that change much and frames that hardly change. Measured on six scenes, patterns of 2 and 3,
noise of 0 to 3 levels, H.264 of CRF 12 to 28: the most changed 4x4 block of a repeat differs by 0
to 7 levels (once 15), of moving pairs by 18 and more; more than 0.25 % of the blocks by 3 levels
only where the background moves. Repeats count only among such alternation, so that a still or
slowly moving scene is not taken for one.
"""

import math
import statistics
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from vfi.video.read.source import Picture

_SCALES = (1, 2, 4, 8, 16)
_FLOOR = 0.6
"""Levels of noise that every video is granted: rounding, and what codecs change in what stays."""
_MOST_NOISE = 5.5
"""Levels of the difference of two frames, of which each has 1 / sqrt(2) as much."""
_RESIDUE = 6.0  # levels that codecs change in a pixel of what stays
_GRAIN, _CHROMA_GRAIN = 1.12, 1.45
"""Seen: 1.08 and 1.37 of repeats; of moving pairs 1.13 and more at some size of block."""

_BLOCK = 4
_CHANGED = 3.0  # levels
_PEAK = 16.0
_USUAL_PEAK = 3.5
_SHARE, _USUAL_SHARE = 0.02, 0.001
_CALMER = 0.4
_REACH = 4
_BEFORE, _AFTER = 12, 8
_RHYTHM = 3


@dataclass(frozen=True)
class Activity:
    """How much two successive frames differ.

    Attributes:
        peak: the difference of the most changed 4x4 block of any plane, in levels of 255.
        share: the part of the blocks that differ by 3 levels or more, of the plane with most.
    """

    peak: float
    share: float


class ActivityMeter:
    """Measures each picture against the one before."""

    def __init__(self) -> None:
        self._last: list[np.ndarray] | None = None

    def __call__(self, picture: Picture) -> Activity | None:
        """The activity since the last picture; None for the first."""
        blocks = [_block_means(plane) for plane in picture.planes]
        last, self._last = self._last, blocks
        if last is None:
            return None
        unit = 1 << (picture.spec.depth - 8)
        changes = [cv2.absdiff(a, b) for a, b in zip(last, blocks, strict=True)]
        peak = max(float(change.max()) for change in changes) / unit
        if peak > _PEAK:
            return Activity(peak, 1.0)  # no repeat, whatever the share
        return Activity(peak, max(float((c >= _CHANGED * unit).mean()) for c in changes))


class Holds:
    """Finds repeats by their rhythm, up to 8 frames late.

    Attributes:
        found: how many so far.
        pairs: of how many pairs of successive frames.
    """

    def __init__(self) -> None:
        self._seen: deque[Activity] = deque()
        self._decided = 0  # of those that are still in `_seen`
        self.found = 0
        self.pairs = 0

    def push(self, activity: Activity) -> list[bool]:
        """Takes the next pair; returns whether the second frames of earlier pairs are repeats."""
        self._seen.append(activity)
        return self._decide(len(self._seen) - _AFTER)

    def finish(self) -> list[bool]:
        """The verdicts on the last pairs."""
        return self._decide(len(self._seen))

    def _decide(self, stop: int) -> list[bool]:
        verdicts = []
        if stop > self._decided:
            calm = self._calm()
            verdicts = [self._in_rhythm(calm, k) for k in range(self._decided, stop)]
            self._decided = stop
        while self._decided > _BEFORE + _REACH:
            self._seen.popleft()
            self._decided -= 1
        self.found += sum(verdicts)
        self.pairs += len(verdicts)
        return verdicts

    def _calm(self) -> list[bool]:
        """Which pairs hardly change while others near them, before and after, change much."""
        peaks = [activity.peak for activity in self._seen]
        calm = []
        for k, activity in enumerate(self._seen):
            before, after = peaks[max(k - _REACH, 0) : k], peaks[k + 1 : k + 1 + _REACH]
            # What lies beyond the ends of the video, or is not known yet, may have changed much.
            sides = [max(side) for side in (before, after) if len(side) == _REACH]
            sides = sides or [max(before + after, default=0.0)]
            small = activity.peak <= _PEAK and activity.share <= _SHARE
            calm.append(small and bool(sides) and activity.peak <= _CALMER * min(sides))
        return calm

    def _in_rhythm(self, calm: list[bool], at: int) -> bool:
        if not calm[at]:
            return False
        near = range(max(at - _BEFORE, 0), min(at + 1 + _AFTER, len(calm)))
        found = [self._seen[k] for k in near if calm[k]]
        return (
            len(found) >= _RHYTHM
            and statistics.median(a.peak for a in found) <= _USUAL_PEAK
            and statistics.median(a.share for a in found) <= _USUAL_SHARE
        )


def watched(pictures: Iterable[Picture], holds: Holds) -> Iterator[tuple[Picture, bool]]:
    """The pictures as they come, none called a repeat, while ``holds`` counts those that are."""
    meter = ActivityMeter()
    for picture in pictures:
        activity = meter(picture)
        if activity is not None:
            holds.push(activity)
        yield picture, False
    holds.finish()


def marked(pictures: Iterable[Picture], holds: Holds) -> Iterator[tuple[Picture, bool]]:
    """The pictures, each with whether it repeats the one before, by ``holds``; up to 8 are held."""
    meter = ActivityMeter()
    waiting: deque[Picture] = deque()
    for picture in pictures:
        activity = meter(picture)
        if activity is None:
            yield picture, False
            continue
        waiting.append(picture)
        for verdict in holds.push(activity):
            yield waiting.popleft(), verdict
    for verdict in holds.finish():
        yield waiting.popleft(), verdict


def is_repeat(first: Picture, second: Picture) -> bool:
    """Whether two frames of one size show the same but for noise."""
    unit = float(1 << (first.spec.depth - 8))
    for a, b in zip(first.planes, second.planes, strict=True):
        # The mean of normal noise is 0.8 of its strength: most moving pairs go no further.
        if cv2.norm(a, b, cv2.NORM_L1) > 0.8 * _MOST_NOISE * unit * a.size:
            return False
    # Where chroma was averaged on its way, so was its noise.
    grains = (_GRAIN, _CHROMA_GRAIN, _CHROMA_GRAIN) if first.spec.kind == "yuv" else (_GRAIN,) * 3
    return all(
        _is_noise(cv2.subtract(b, a, dtype=cv2.CV_32F) / unit, grain)
        for a, b, grain in zip(first.planes, second.planes, grains, strict=False)
    )


def nothing_changed(first: Picture, second: Picture) -> bool:
    """Whether no value of two frames differs by more than what an encoder leaves."""
    limit = _RESIDUE * (1 << (first.spec.depth - 8))
    return all(
        cv2.norm(a, b, cv2.NORM_INF) <= limit
        for a, b in zip(first.planes, second.planes, strict=True)
    )


def _is_noise(difference: np.ndarray, grain: float) -> bool:
    """Whether ``(H, W)`` differences in levels of 255 are nothing but noise.

    Args:
        difference: of the pixels.
        grain: how much stronger than those of noise without any the means over blocks may be.
    """
    strength = 0.0
    for scale in _SCALES:
        if scale > 1:
            difference = _halved(difference)
        if not difference.size:
            break
        here = cv2.norm(difference, cv2.NORM_L2) / math.sqrt(difference.size)
        if scale == 1:
            strength = here
            if strength > _MOST_NOISE:
                return False
        elif here > (grain + 3 / math.sqrt(2 * difference.size)) * strength / scale:
            return False
        largest = cv2.norm(difference, cv2.NORM_INF)
        if largest > _reach_of_noise(difference.size) * max(strength, _FLOOR) / scale:
            return False
    return True


def _halved(values: np.ndarray) -> np.ndarray:
    """Means over 2x2; what is left over at the right and bottom edges is dropped."""
    height, width = values.shape[0] // 2, values.shape[1] // 2
    if not height or not width:
        return values[:0]
    even = np.ascontiguousarray(values[: 2 * height, : 2 * width])
    return cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)


def _reach_of_noise(count: int) -> float:
    """What the largest of ``count`` values of normal noise never is, in deviations."""
    return math.sqrt(2 * math.log(count + 1)) + 2.5


def _block_means(plane: np.ndarray) -> np.ndarray:
    height, width = plane.shape
    size = (max(width // _BLOCK, 1), max(height // _BLOCK, 1))
    return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
