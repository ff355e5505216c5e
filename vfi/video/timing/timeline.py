"""When each output frame is shown and where it lies between input frames, in exact fractions.

All times are seconds as `fractions.Fraction`: frame rates such as 24000/1001 never round, so an
hour of video ends on the right tick. Times are those of the input; slow motion multiplies them only
when they are written.
"""

import dataclasses
import math
from dataclasses import dataclass
from fractions import Fraction

from vfi.video.read.source import SourceInfo

_MAX_TICKS = 1_000_000
_FALLBACK_TICKS = 90_000
_NO_MATTER = Fraction(1, 1000)  # seconds
_LONG_GAP = Fraction(9, 2)  # usual steps
_FINE = 10_000  # units a second, at the least, where the start fits no coarser ones


@dataclass(frozen=True)
class EvenParts:
    """Output times that cut every input interval into ``parts`` equal ones: the multiplier."""

    parts: int

    def between(self, start: Fraction, end: Fraction) -> list[Fraction]:
        """The output times in [start, end), for an interval between successive input frames."""
        return [start + (end - start) * k / self.parts for k in range(self.parts)]

    def hits(self, time: Fraction) -> bool:
        """Whether an input frame's own time is an output time."""
        return True


@dataclass(frozen=True)
class FixedRate:
    """Output times ``origin + n / rate``, whatever the times of the input frames are."""

    rate: Fraction
    origin: Fraction

    def between(self, start: Fraction, end: Fraction) -> list[Fraction]:
        """The output times in [start, end)."""
        first = math.ceil((start - self.origin) * self.rate)
        last = math.ceil((end - self.origin) * self.rate)
        return [self.origin + n / self.rate for n in range(first, last)]

    def hits(self, time: Fraction) -> bool:
        """Whether ``time`` is an output time."""
        return ((time - self.origin) * self.rate).denominator == 1


Cadence = EvenParts | FixedRate


@dataclass(frozen=True)
class Slot:
    """One output frame.

    Attributes:
        time: when it is shown, in seconds of the input.
        timestep: where it lies between the two frames of its step: 0 is the first, 1 the second.
    """

    time: Fraction
    timestep: Fraction


def slots_between(
    times: list[Fraction], start: Fraction, end: Fraction, tick: Fraction = Fraction(0)
) -> tuple[Slot, ...]:
    """Places output times between the frames shown at ``start`` and ``end``.

    Args:
        times: output times in [start, end).
        start: time of the first frame.
        end: time of the second frame.
        tick: input times are known to this many seconds only; an output time as close as that to an
            input frame is that frame, not a network's guess at it.
    """
    slots = []
    for time in times:
        if time - start < tick:
            timestep = Fraction(0)
        elif end - time < tick:
            timestep = Fraction(1)
        else:
            timestep = (time - start) / (end - start)
        slots.append(Slot(time, timestep))
    return tuple(slots)


@dataclass(frozen=True)
class Timing:
    """How input times become output frames.

    Attributes:
        cadence: the output times.
        speed: output seconds per input second: 4 is slow motion by 4.
        rate: output frames per second, or None where the output's rate varies.
        time_base: the unit of the output's timestamps in seconds.
        bisects: whether halving intervals again and again reaches every output time.
        step: the usual time between input frames, None if there is none. Where the next frame is
            long in coming, the last one is held and only the last such step is interpolated.
        upward: the part of a unit from which on timestamps are rounded up.
    """

    cadence: Cadence
    speed: Fraction
    rate: Fraction | None
    time_base: Fraction
    bisects: bool = True
    step: Fraction | None = None
    upward: Fraction = Fraction(1, 2)

    def departure(self, start: Fraction, end: Fraction) -> Fraction:
        """From when on the picture changes between frames shown at ``start`` and ``end``."""
        long = self.step is not None and end - start > _LONG_GAP * self.step
        return end - self.step if long and self.step is not None else start

    def between(self, start: Fraction, end: Fraction) -> list[Fraction]:
        """The output times in [start, end), for an interval between successive input frames."""
        departure = self.departure(start, end)
        times = self.cadence.between(departure, end)
        if departure == start:
            return times
        if isinstance(self.cadence, EvenParts):  # as many frames as ever, but for the first
            return [start, *times[1:]]
        return self.cadence.between(start, departure) + times

    def ticks(self, time: Fraction) -> int:
        """The output timestamp of input time ``time``."""
        # Not round(), which sends neighbouring halves to the same even number.
        return math.floor(time * self.speed / self.time_base + 1 - self.upward)

    def numbered(self) -> "Timing":
        """The times of frames that are only numbered, as those of a file of constant rate.

        The first goes to the next whole number: what begins earlier then has to wait for it, for
        less than a frame, and nothing of it is lost.
        """
        if self.rate is None:
            return self
        upward = min(_NO_MATTER * self.rate, Fraction(1, 2))
        return dataclasses.replace(self, time_base=1 / self.rate, upward=upward)

    def late(self, time: Fraction) -> Fraction:
        """By how many seconds of the output a frame is shown late, or early if below 0."""
        return self.ticks(time) * self.time_base - time * self.speed

    def check_model(self, any_timestep: bool) -> None:
        """Makes sure that a model can make these frames.

        Args:
            any_timestep: whether it takes times other than the middle.

        Raises:
            ValueError: if it can only bisect and this needs another time.
        """
        if not any_timestep and not self.bisects:
            raise ValueError(
                "this model only finds the middle of two frames, which gives 2, 4, 8, ... times "
                "the frames of a constant-rate video; use such a multiplier without --fps and "
                "--duplicates drop, or a model that takes any timestep, such as rife_v4.0"
            )


def plan_timing(
    multiplier: int | None,
    fps: Fraction | None,
    slow_motion: Fraction,
    *,
    rate: Fraction | None,
    start: Fraction,
    tick: Fraction,
    fills_gaps: bool = False,
    step: Fraction | None = None,
    grid: Fraction | None = None,
) -> Timing:
    """Turns what the user asked for into output times.

    Args:
        multiplier: output frames per input frame.
        fps: output frames per second; at most one of the two is given. With neither, slow motion
            keeps the input's rate and anything else doubles it.
        slow_motion: output seconds per input second.
        rate: the input's frame rate, None if it varies.
        start: the first frame's time.
        tick: the unit of the input's timestamps.
        fills_gaps: whether duplicates are dropped, so that intervals have any length.
        step: the usual time between input frames.
        grid: the rate that the input would have with frames that it leaves out, for an output whose
            rate cannot vary.
    """
    if grid and rate is None and fps is None:
        parts = multiplier or (2 if slow_motion == 1 else slow_motion)
        multiplier, fps = None, grid * parts / slow_motion
    if multiplier is None and fps is None:
        if slow_motion == 1:
            multiplier = 2
        elif rate is not None:
            fps = rate
        else:
            multiplier = math.ceil(slow_motion)
    if multiplier is None and fps is not None:
        cadence: Cadence = FixedRate(fps * slow_motion, start)
        parts = (fps * slow_motion / rate).numerator if rate else 0
    else:
        parts = multiplier or 2
        cadence = EvenParts(parts)
        fps = rate * parts / slow_motion if rate else None
    bisects = parts > 0 and parts & (parts - 1) == 0 and not fills_gaps
    offset = start * slow_motion
    base = _common_unit(1 / fps, offset) if fps else tick * slow_motion / parts
    if base.denominator > _MAX_TICKS:
        base = 1 / fps / math.ceil(_FINE / fps) if fps else Fraction(1, _FALLBACK_TICKS)
    return Timing(cadence, slow_motion, fps, base, bisects, step)


def expected_frames(info: SourceInfo, timing: Timing) -> int | None:
    """About how many output frames there will be, if that can be told."""
    if timing.rate is not None and info.duration:
        return round(info.duration * timing.speed * timing.rate) + (not info.holds_last)
    parts = getattr(timing.cadence, "parts", None)
    return info.expected * parts if info.expected and parts else None


def _common_unit(a: Fraction, b: Fraction) -> Fraction:
    """The largest unit of which both are whole multiples."""
    denominator = math.lcm(a.denominator, b.denominator)
    return Fraction(math.gcd(int(a * denominator), int(b * denominator)), denominator)
