"""From input frames to steps: which output frames lie between which two, and how to make them."""

import logging
from collections.abc import Generator
from dataclasses import dataclass, field
from fractions import Fraction

from vfi.video.read.source import Picture, Source
from vfi.video.timing.cuts import Analyser, Relation
from vfi.video.timing.timeline import Slot, Timing, slots_between

logger = logging.getLogger(__name__)

_LONGEST_RUN = 8
"""Frames that may be dropped in a row: a longer still is a still, not a low frame rate."""


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
    """

    frames: int = 0
    cuts: list[Cut] = field(default_factory=list)
    static_pairs: int = 0
    duplicates: int = 0


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
    slack = source.info.slack
    kept: Picture | None = None
    pending: list[Fraction] = []
    latest = source.info.start
    dropped = 0
    for picture in source.pictures():
        tally.frames += 1
        if kept is None:
            kept, latest = picture, picture.time
            continue
        pending += timing.cadence.between(latest, picture.time)
        latest = picture.time
        relation, score = analyser.compare(kept, picture)
        if relation is Relation.STATIC and drop_duplicates and dropped < _LONGEST_RUN:
            dropped += 1
            continue
        tally.duplicates += dropped
        if relation is Relation.STATIC:
            tally.static_pairs += 1
        elif relation is Relation.CUT:
            tally.cuts.append(Cut(picture.index, float(picture.time), round(score, 1)))
            logger.info(
                "cut at %s (frame %d, score %.0f): not blended",
                _clock(picture.time),
                picture.index,
                score,
            )
        slots = slots_between(pending, kept.time, picture.time, slack)
        yield Step(kept, picture, slots, hold=relation is not Relation.MOTION)
        kept, pending, dropped = picture, [], 0
    if kept is not None:
        tally.duplicates += dropped
        if source.end is not None:
            pending += timing.cadence.between(latest, source.end)
        elif timing.cadence.hits(latest):
            pending.append(latest)
        yield Step(kept, None, tuple(Slot(time, Fraction(0)) for time in pending), hold=True)


def _clock(time: Fraction) -> str:
    minutes, seconds = divmod(float(time), 60)
    return f"{int(minutes // 60):02d}:{int(minutes % 60):02d}:{seconds:06.3f}"
