"""One timeline for all streams of a file.

A file's own times may begin anywhere, jump back where recordings were joined, run over the end of
their counter, or be missing. Here they are unrolled: a jump moves all streams by one and the same
shift, so that sound and picture stay as far apart as they were, and the earliest stream begins
at 0.
"""

import dataclasses
import itertools
import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from statistics import median_low

import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from vfi.video.read.media import tick
from vfi.video.read.scan import NO_TIME, Log, Scan

_OVERLAP = Fraction(1, 10)  # seconds of sound that may be lost where recordings were joined
_NEAR = 1  # second


@dataclass(frozen=True)
class Clock:
    """The unrolled timeline of a file.

    Attributes:
        zero: the earliest time of any picture or sound, in seconds of the unrolled file.
        shifts: of each stream, from which packet on its times are moved, and by how many seconds.
        starts: when each stream is first seen or heard, in seconds after `zero`.
        hidden: seconds of each stream, before that, that are decoded but not seen or heard.
        strays: by how many seconds the packets of each sound, if they were put one after the other
            from its start on, would at most be elsewhere than they should.
        pieced: the streams of which parts in the middle are decoded but not seen or heard.
        cut: seconds before `zero` that are not wanted.
        end: of what is wanted, in seconds after `zero`; None if that is the end of the file.
    """

    zero: Fraction = Fraction(0)
    shifts: dict[int, list[tuple[int, Fraction]]] = field(default_factory=dict)
    starts: dict[int, Fraction] = field(default_factory=dict)
    hidden: dict[int, Fraction] = field(default_factory=dict)
    strays: dict[int, float] = field(default_factory=dict)
    pieced: frozenset[int] = frozenset()
    cut: Fraction = Fraction(0)
    end: Fraction | None = None

    def narrowed(self, begin: Fraction, end: Fraction | None) -> "Clock":
        """The timeline of a part, from and to so many seconds after `zero`."""
        return dataclasses.replace(
            self,
            zero=self.zero + begin,
            starts={index: max(start - begin, Fraction(0)) for index, start in self.starts.items()},
            hidden={
                i: h if self.starts[i] >= begin else Fraction(0) for i, h in self.hidden.items()
            },
            strays={i: s if self.starts[i] >= begin else math.inf for i, s in self.strays.items()},
            cut=begin,
            end=None if end is None else end - begin,
        )

    def began_before(self, stream: int) -> bool:
        """Whether a stream's beginning is not wanted."""
        return self.cut > 0 and not self.starts.get(stream)

    def shift(self, stream: int, packet: int) -> Fraction:
        """By how many seconds the times of a stream's packet are moved."""
        moves = self.shifts.get(stream, [])
        place = bisect_right(moves, packet, key=lambda move: move[0])
        return moves[place - 1][1] if place else Fraction(0)

    def packets(
        self, container: InputContainer, stream: Stream, first: int = 0
    ) -> Iterator[Packet]:
        """The packets of a stream with unrolled times, which count from where the file's do.

        Args:
            container: the file.
            stream: whose packets.
            first: the number of the first that is wanted.

        Raises:
            av.error.FFmpegError: where the file breaks off.
        """
        unit, number = tick(stream), 0
        for packet in container.demux(stream):
            if packet.size:
                if shift := round(self.shift(stream.index, number) / unit):
                    packet.pts = None if packet.pts is None else packet.pts + shift
                    packet.dts = None if packet.dts is None else packet.dts + shift
                number += 1
                if number <= first:
                    continue
            yield packet


def unroll(found: Scan) -> Clock:
    """Finds the timeline of a file that was scanned."""
    shifts = _shifts(found)
    clock = Clock(shifts=shifts)
    starts, hidden = {}, {}
    for index in (found.video, *found.sounds):
        log = found.logs[index]
        start = _start(found, index, clock)
        if start is not None:
            starts[index] = start
            hidden[index] = max(start - (log.time(0) or 0) * log.unit, Fraction(0))
    zero = min(starts.values(), default=Fraction(0))
    strays = {i: _strays(found, i, clock, starts[i]) for i in found.sounds if i in starts}
    starts = {index: start - zero for index, start in starts.items()}
    pieced = frozenset(index for index, log in found.logs.items() if log.pieced())
    return Clock(zero, shifts, starts, hidden, strays, pieced)


def entry(found: Scan, clock: Clock, skipped: int) -> tuple[int, int]:
    """Where to begin decoding to see what is shown from the clock's zero on.

    Args:
        found: the file.
        clock: its timeline.
        skipped: pictures that are shown before.

    Returns:
        The number of the packet, and how many of the pictures shown lie before it.
    """
    log, before, best = found.logs[found.video], 0, (0, 0)
    for number, (key, shown) in enumerate(zip(log.keys, log.shown, strict=True)):
        time = log.time(number)
        moved = clock.shift(found.video, number) - clock.zero
        early = time is None or time * log.unit + moved <= 0
        if key and early and before <= skipped:
            best = number, before
        before += shown
    return best


def display_times(found: Scan, clock: Clock) -> list[Fraction]:
    """When each picture is shown, in order, in seconds after the clock's zero.

    Of pictures that share a time, those after the first are moved on, at most half of the way to
    the next.
    """
    times = sorted(time - clock.zero for time in _times(found, found.video, clock))
    gaps = [b - a for a, b in itertools.pairwise(times) if b > a]
    step = median_low(gaps) if gaps else Fraction(0)
    for number in range(1, len(times)):
        last = times[number - 1]
        if step and times[number] <= last:
            later = bisect_right(times, last, number)
            half = (times[later] - last) / 2 if later < len(times) else step
            times[number] = last + min(step, half)
    return times


def _times(found: Scan, stream: int, clock: Clock) -> Iterator[Fraction]:
    """When what a stream's packets hold is seen or heard, in seconds of the unrolled file.

    Where there is only an order, these are the times of decoding: what is decoded as the n-th need
    not be shown as that, but something is shown at every time.
    """
    log = found.logs[stream]
    decoding = found.by_order and stream == found.video
    for number, shown in enumerate(log.shown):
        time = log.dts[number] if decoding and log.dts[number] != NO_TIME else log.time(number)
        if shown and time is not None:
            yield time * log.unit + clock.shift(stream, number)


def _start(found: Scan, stream: int, clock: Clock) -> Fraction | None:
    """When a stream is first seen or heard, in seconds of the unrolled file."""
    log, first = found.logs[stream], min(_times(found, stream, clock), default=None)
    if first is None or stream == found.video or log.start is None:
        return first
    said = log.start * log.unit  # this knows of samples that are decoded but not heard
    return said if abs(said - first) < _NEAR else first


def _strays(found: Scan, stream: int, clock: Clock, start: Fraction) -> float:
    """See `Clock.strays`; of packets of equal length, half-hidden ones at the start left out."""
    times = np.array([float(time - start) for time in _times(found, stream, clock)])
    if len(times) < 2:
        return 0.0
    times = times[times >= -np.median(np.diff(times)) / 2]
    even = np.linspace(times[0], times[-1], len(times))
    return float(abs(times[0]) + np.abs(times - even).max())


def _shifts(found: Scan) -> dict[int, list[tuple[int, Fraction]]]:
    jumps = {index: log.jumps(found.resets) for index, log in found.logs.items()}
    lead = found.video if jumps.get(found.video) else None
    places = [found.logs[lead].places[n] for n in jumps[lead]] if lead is not None else []
    if not places:
        return {i: _chained(found.logs[i], own) for i, own in jumps.items() if own}
    parts = {i: _parts(found.logs[i], jumps[i], places) for i in found.logs}
    shifts = [Fraction(0)]
    for part in range(1, len(places) + 1):
        shifts.append(_next_shift(found, parts, part, shifts[-1]))
    return {
        index: [(own[part], shifts[part]) for part in range(1, len(shifts))]
        for index, own in parts.items()
    }


def _parts(log: Log, jumps: list[int], places: list[int]) -> list[int]:
    """The packets with which a stream's parts begin, and the number of all of them.

    A stream changes to the next part at a jump of its own, if it has as many as the pictures; or
    else where they do in the file.
    """
    if len(jumps) != len(places):
        jumps = [bisect_right(log.places, place - 1) for place in places]
    return [0, *jumps, len(log.pts)]


def _next_shift(found: Scan, parts: dict[int, list[int]], part: int, before: Fraction) -> Fraction:
    """The shift of a part: its pictures follow those before, and hardly any sound is lost."""
    wanted = []
    for index in (found.video, *found.sounds):
        own = parts[index]
        last = found.logs[index].span(own[part - 1], own[part])
        this = found.logs[index].span(own[part], own[part + 1])
        if last and this:
            lost = Fraction(0) if index == found.video else _OVERLAP
            wanted.append(last[1] + before - this[0] - lost)
    return max(wanted, default=before)


def _chained(log: Log, jumps: list[int]) -> list[tuple[int, Fraction]]:
    """Shifts of a stream that jumps while the pictures do not: its parts follow each other."""
    edges = [0, *jumps, len(log.pts)]
    shift, moves = Fraction(0), []
    for first, middle, last in zip(edges, edges[1:], edges[2:], strict=False):
        before, after = log.span(first, middle), log.span(middle, last)
        if before and after:
            shift += before[1] - after[0]
        moves.append((middle, shift))
    return moves
