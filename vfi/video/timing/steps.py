"""From input frames to steps: which output frames lie between which two, and how to make them."""

import logging
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from vfi.video.read.source import Picture, Source
from vfi.video.timing.cuts import Analyser, Relation
from vfi.video.timing.repeats import Holds, is_repeat, marked, nothing_changed, watched
from vfi.video.timing.telecine import SOFT_TELECINE, CombWatch
from vfi.video.timing.timeline import Slot, Timing, slots_between

logger = logging.getLogger(__name__)

_LONGEST_RUN = 8
"""Frames that may be dropped in a row: a longer still is a still, not a low frame rate."""


_FEW_REPEATS, _REPEATED_SHARE = 5, 0.12


@dataclass(frozen=True)
class Step:
    """The output frames from one input frame up to the next.

    Attributes:
        first: the earlier input frame.
        second: the later one; None after the last.
        slots: the output frames, in order.
        hold: show ``first`` in all of them, as nothing can or need be interpolated.
    """

    first: Picture
    second: Picture | None
    slots: tuple[Slot, ...]
    hold: bool


@dataclass(frozen=True)
class Cut:
    """A scene cut: the first frame of the new scene, its time in seconds, and its score."""

    frame: int
    time: float
    score: float


@dataclass
class Tally:
    """What was found while planning.

    Attributes:
        frames: input frames read.
        cuts: scene cuts, in order.
        static_pairs: pairs that did not need the network.
        duplicates: frames left out as repetitions.
        held: frames that were held, as the next was long in coming.
        repeats: frames that repeat the one before in a rhythm, as animation on twos does, and were
            kept.
    """

    frames: int = 0
    cuts: list[Cut] = field(default_factory=list)
    static_pairs: int = 0
    duplicates: int = 0
    held: int = 0
    repeats: int = 0


def plan(
    source: Source, timing: Timing, analyser: Analyser, tally: Tally, drop_duplicates: bool = False
) -> Generator[Step, None, None]:
    """Yields the steps of a whole input, reading it as they are asked for.

    Args:
        source: the input.
        timing: the output times.
        analyser: tells cuts and still pairs.
        tally: is filled in.
        drop_duplicates: leave repeated frames out, so that motion runs evenly from the frame before
            them to the frame after.
    """
    holds = Holds()
    planner = _Planner(source, timing, analyser, tally, drop_duplicates)
    pictures = (marked if drop_duplicates else watched)(source.pictures(), holds)
    combs, dithered = CombWatch(), source.info.path.suffix.lower() == ".gif"  # as if of two moments
    for picture, repeats in pictures:
        if not dithered:
            combs.see(picture)
        yield from planner.take(picture, repeats)
    yield from planner.finish()
    if source.info.film:
        source.problems.append(SOFT_TELECINE)
    if (woven := combs.verdict()) is not None:
        source.problems.append(woven)
    if not drop_duplicates and holds.found > max(_FEW_REPEATS, _REPEATED_SHARE * holds.pairs):
        tally.repeats = holds.found
        logger.warning(
            "%s: %d of %d frames repeat the one before, as in animation on twos or threes; "
            "--duplicates drop makes their motion even",
            source.info.path,
            holds.found,
            tally.frames,
        )


class _Planner:
    """Turns pictures, one after the other, into steps; see `plan`."""

    def __init__(
        self, source: Source, timing: Timing, analyser: Analyser, tally: Tally, drop: bool
    ) -> None:
        self._source = source
        self._timing = timing
        self._analyser = analyser
        self._tally = tally
        self._drop = drop
        self._dropped = 0
        self._kept: Picture | None = None
        self._pending: list[Fraction] = []
        self._latest = source.info.start

    def take(self, picture: Picture, repeats: bool) -> Iterator[Step]:
        """The steps up to a picture, which may repeat the one before, if they are known by now."""
        self._tally.frames += 1
        latest, self._latest = self._latest, picture.time
        if self._kept is None:
            self._kept = picture
            return
        self._pending += self._timing.between(latest, picture.time)
        relation, score = self._analyser.compare(self._kept, picture)
        if self._drop and relation is not Relation.CUT and self._dropped < _LONGEST_RUN:
            still = relation is Relation.STATIC and nothing_changed(self._kept, picture)
            if repeats or still or is_repeat(self._kept, picture):
                self._dropped += 1
                return
        self._count(relation, score, picture)
        departure = self._timing.departure(latest, picture.time)
        if departure == latest:
            departure = self._kept.time
        else:
            self._tally.held += 1
            logger.info("%s: held for %.2f s", _clock(latest), float(departure - latest))
        slots = slots_between(self._pending, departure, picture.time, self._source.info.slack)
        yield Step(self._kept, picture, slots, hold=relation is not Relation.MOTION)
        self._kept, self._pending, self._dropped = picture, [], 0

    def finish(self) -> Iterator[Step]:
        """The frames from the last picture to the end."""
        if self._kept is None:
            raise ValueError(f"no frame of {self._source.info.path} can be decoded; is it damaged?")
        self._tally.duplicates += self._dropped
        cadence, times = self._timing.cadence, self._pending
        if self._source.end is not None:
            times += cadence.between(self._latest, self._source.end)
        elif cadence.hits(self._latest):
            times.append(self._latest)
        slots = tuple(Slot(time, Fraction(0)) for time in times)
        yield Step(self._kept, None, slots, hold=True)

    def _count(self, relation: Relation, score: float, picture: Picture) -> None:
        self._tally.duplicates += self._dropped
        if relation is Relation.STATIC:
            self._tally.static_pairs += 1
        elif relation is Relation.CUT:
            cut = Cut(picture.index, float(picture.time), round(score, 1))
            self._tally.cuts.append(cut)
            logger.info(
                "cut at %s (frame %d, score %.0f): not blended",
                _clock(picture.time),
                cut.frame,
                score,
            )


def _clock(time: Fraction) -> str:
    minutes, seconds = divmod(float(time), 60)
    return f"{int(minutes // 60):02d}:{int(minutes % 60):02d}:{seconds:06.3f}"
