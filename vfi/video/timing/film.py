"""Film out of 3:2 pulldown: 24 whole frames a second of 30, of which two in five are woven.

Pulldown shows the fields (halves of every second line) of four film frames for 2, 3, 2 and 3 times.
A woven frame is put right by the lines of one of its halves from the frame before, which one
depends on the order of the fields. It is chosen by looking only at the lines that would be
exchanged, and there where they differ: of the right choice they lie smoothly among their
neighbours, of a wrong one they stand out. Then two of every five frames show the same, and one of
them is dropped.

In soft pulldown the frames are whole, but shown for two and three fields in turn: here they get
even times.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from vfi.video.read.source import Picture, Source

_CYCLE = 5
_FILM = Fraction(_CYCLE - 1, _CYCLE)  # film frames a frame of video
_DIFFERENT = 3  # levels
_FEWEST = 20  # values; of fewer nothing can be told
_SMOOTHER = 0.9
_USUAL = 0.5  # of the groups that move hold woven frames


class FilmSource(Source):
    """The film in a telecined input.

    Args:
        source: the input.

    Raises:
        ValueError: if its rate varies in another way than that of such video.
    """

    def __init__(self, source: Source) -> None:
        super().__init__()
        info, self.problems = source.info, source.problems
        self._source = source
        if info.film is not None:
            self.info = dataclasses.replace(
                info, rate=info.film, film=None, step=1 / info.film, slack=Fraction(0)
            )
            return
        if info.rate is None or not info.holds_last:
            raise ValueError(
                f"inverse_telecine needs a video of a constant rate, usually 30000/1001, which "
                f"{info.path} is not"
            )
        self._step = 1 / info.rate
        self.info = dataclasses.replace(
            info,
            rate=info.rate * _FILM,
            step=self._step / _FILM,
            expected=info.expected and math.ceil(info.expected * _FILM),
        )

    def pictures(self) -> Iterator[Picture]:
        """The film's frames, at even times."""
        if self._source.info.film is None:
            yield from self._unwoven()
            return
        start, rate = self.info.start, self._source.info.film
        for picture in self._source.pictures():
            number = round((picture.time - start) * rate)
            yield dataclasses.replace(picture, time=start + number / rate)
        self.end = self._source.end

    def _unwoven(self) -> Iterator[Picture]:
        woven = moving = index = 0
        last = None
        pictures = _matched(self._source.pictures())
        while group := list(itertools.islice(pictures, _CYCLE)):
            start = group[0][0].time
            mended = sum(changed for _, changed in group)
            kept, last = _without_repeat([picture for picture, _ in group], last)
            moving += any(_moves(a, b) for a, b in itertools.pairwise(kept))
            woven += mended > 0
            for number, picture in enumerate(kept):
                time = start + number * self._step / _FILM
                yield dataclasses.replace(picture, time=time, index=index)
                index += 1
        self.end = self._source.end
        if woven < _USUAL * moving:
            self.problems.append(
                f"only {woven} of the {moving} groups of five frames that move hold woven ones; "
                "leave --inverse-telecine out if this is no telecined film"
            )


def _matched(pictures: Iterator[Picture]) -> Iterator[tuple[Picture, bool]]:
    """The pictures put right, each with whether it was woven."""
    before = None
    for picture in pictures:
        right = picture if before is None else _put_right(picture, before)
        yield right, right is not picture
        before = picture


def _put_right(picture: Picture, before: Picture) -> Picture:
    """A frame with half of its lines from the frame before, if it is smoother so."""
    unit = 1 << (picture.spec.depth - 8)
    ratios = [_roughness(picture.planes[0], before.planes[0], half, unit) for half in (0, 1)]
    half = int(ratios[1] < ratios[0])
    if ratios[half] > _SMOOTHER:
        return picture
    planes = []
    for here, there in zip(picture.planes, before.planes, strict=True):
        mended = here.copy()
        mended[half::2] = there[half::2]
        planes.append(mended)
    return dataclasses.replace(picture, planes=planes)


def _roughness(here: np.ndarray, there: np.ndarray, half: int, unit: int) -> float:
    """How much the other frame's lines of a half stand out among this one's, to its own lines."""
    first = half or 2  # a line has two neighbours
    above, below = here[first - 1 : -1 : 2].astype(np.int32), here[first + 1 :: 2].astype(np.int32)
    count = min(len(above), len(below))
    smooth = (above[:count] + below[:count]) / 2
    own, other = (plane[first::2][:count].astype(np.int32) for plane in (here, there))
    changed = np.abs(own - other) > _DIFFERENT * unit
    if np.count_nonzero(changed) < _FEWEST:
        return math.inf
    rough = np.abs(own - smooth)[changed].sum()
    return float(np.abs(other - smooth)[changed].sum() / max(rough, 1))


def _without_repeat(group: list[Picture], before: Picture | None) -> tuple[list[Picture], Picture]:
    """A group without the frame that is most like the one before it; four in five are left."""
    last = group[-1]
    if len(group) - round(len(group) * _FILM):
        earlier = [before, *group[:-1]]
        unlike = [
            math.inf if a is None else _difference(a, b)
            for a, b in zip(earlier, group, strict=True)
        ]
        group = [p for n, p in enumerate(group) if n != int(np.argmin(unlike))]
    return group, last


def _moves(first: Picture, second: Picture) -> bool:
    unit = 1 << (first.spec.depth - 8)
    changed = np.abs(first.planes[0].astype(np.int32) - second.planes[0]) > _DIFFERENT * unit
    return int(np.count_nonzero(changed)) >= 2 * _FEWEST


def _difference(first: Picture, second: Picture) -> float:
    return float(np.abs(first.planes[0].astype(np.int32) - second.planes[0]).mean())
