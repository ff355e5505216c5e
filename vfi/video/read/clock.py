"""One timeline for all streams of a file.

A file's own times may begin anywhere, jump back where recordings were joined, run over the end of
their counter, or be missing. Here they are unrolled: a jump moves all streams by one and the same
shift, so that sound and picture stay as far apart as they were, and the earliest stream begins
at 0.
"""

import itertools
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from statistics import median_low

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from vfi.video.read.media import is_cover, open_video, tick, video_stream

_NONE = -(1 << 63)
_JUMP_BACK = Fraction(1, 10)  # seconds; what is less is a slip of one packet
_JUMP_AHEAD = 10  # seconds; FFmpeg's limit, for kinds of files whose clock may be set anew
_CLOCK_MAY_JUMP = 0x0200  # AVFMT_TS_DISCONT
_OVERLAP = Fraction(1, 10)  # seconds of sound that may be lost where recordings were joined
_NEAR = 1  # second
_ORDER_ONLY = ("avi",)  # they number packets as they are decoded


@dataclass
class Log:
    """The packets of a stream in the order of the file.

    Attributes:
        unit: of the times, in seconds.
        pts: when packets are shown, `_NONE` where that is missing.
        dts: when they are decoded, likewise.
        durations: 0 where not known.
        places: which packet of the whole file each is.
        shown: 0 for those that are decoded but not shown.
        start: when the stream says that it begins, in units.
    """

    unit: Fraction
    pts: array = field(default_factory=lambda: array("q"))
    dts: array = field(default_factory=lambda: array("q"))
    durations: array = field(default_factory=lambda: array("q"))
    places: array = field(default_factory=lambda: array("q"))
    shown: array = field(default_factory=lambda: array("b"))
    start: int | None = None

    def add(self, packet: Packet, place: int) -> None:
        """Notes the next packet."""
        self.pts.append(_NONE if packet.pts is None else packet.pts)
        self.dts.append(_NONE if packet.dts is None else packet.dts)
        self.durations.append(packet.duration or 0)
        self.places.append(place)
        self.shown.append(not packet.is_discard)

    def time(self, number: int) -> int | None:
        """When a packet is shown, or else decoded, in units."""
        time = self.pts[number] if self.pts[number] != _NONE else self.dts[number]
        return None if time == _NONE else time

    def span(self, first: int, last: int) -> tuple[Fraction, Fraction] | None:
        """Start and end in seconds of the packets ``first`` to ``last``, without the latter."""
        known = [(t, n) for n in range(first, last) if (t := self.time(n)) is not None]
        if not known:
            return None
        latest, number = max(known)
        length = self.durations[number] or self.step()
        return min(known)[0] * self.unit, (latest + length) * self.unit

    def step(self) -> int:
        """The usual distance of two packets, in units."""
        known = sorted(t for n in range(len(self.pts)) if (t := self.time(n)) is not None)
        return median_low(b - a for a, b in itertools.pairwise(known)) if len(known) > 1 else 0

    def jumps(self, ahead: bool) -> list[int]:
        """The packets before which the clock was set anew.

        Args:
            ahead: whether a jump forward is one too, not just a pause.
        """
        found, last = [], _NONE
        for number, dts in enumerate(self.dts):
            if dts == _NONE:
                continue
            moved = (dts - last) * self.unit if last != _NONE else Fraction(0)
            if moved < -_JUMP_BACK or (ahead and moved > _JUMP_AHEAD):
                found.append(number)
            last = dts
        return found


@dataclass(frozen=True)
class Scan:
    """What reading all packets, without decoding, tells.

    Attributes:
        logs: by the number of the stream.
        video: the number of the stream of pictures.
        sounds: those of the streams of sound.
        resets: whether clocks of such files may be set anew.
        by_order: whether it only says in which order pictures are decoded, not when they are shown.
        end: the latest end of any packet by the file's own times, in seconds.
        error: what stopped the reading before the end, if anything.
    """

    logs: dict[int, Log]
    video: int
    sounds: tuple[int, ...]
    resets: bool
    by_order: bool
    end: Fraction
    error: str | None


def scan(path: Path) -> Scan:
    """Reads all packets of a file."""
    logs: dict[int, Log] = {}
    end, error = Fraction(0), None
    with open_video(path) as container:
        video = video_stream(container, path).index
        sounds = tuple(s.index for s in container.streams.audio if s.codec_context is not None)
        for stream in container.streams:
            if stream.time_base and not is_cover(stream):
                logs[stream.index] = Log(stream.time_base, start=stream.start_time)
        try:
            for place, packet in enumerate(container.demux()):
                log = logs.get(packet.stream_index)
                if log is None or not packet.size:
                    continue
                log.add(packet, place)
                if (time := log.time(-1)) is not None:
                    end = max(end, (time + log.durations[-1]) * log.unit)
        except av.error.FFmpegError as failure:
            error = failure.strerror
        resets = bool(container.format.flags & _CLOCK_MAY_JUMP)
        by_order = container.format.name in _ORDER_ONLY
    by_order = by_order or all(time == _NONE for time in logs[video].pts)
    return Scan(logs, video, sounds, resets, by_order, end, error)


@dataclass(frozen=True)
class Clock:
    """The unrolled timeline of a file.

    Attributes:
        zero: the earliest time of any picture or sound, in seconds of the unrolled file.
        shifts: of each stream, from which packet on its times are moved, and by how many seconds.
        starts: when each stream is first seen or heard, in seconds after `zero`.
        hidden: seconds of each stream, before that, that are decoded but not seen or heard.
    """

    zero: Fraction = Fraction(0)
    shifts: dict[int, list[tuple[int, Fraction]]] = field(default_factory=dict)
    starts: dict[int, Fraction] = field(default_factory=dict)
    hidden: dict[int, Fraction] = field(default_factory=dict)

    def shift(self, stream: int, packet: int) -> Fraction:
        """By how many seconds the times of a stream's packet are moved."""
        moves = self.shifts.get(stream, [])
        place = bisect_right(moves, packet, key=lambda move: move[0])
        return moves[place - 1][1] if place else Fraction(0)

    def packets(self, container: InputContainer, stream: Stream) -> Iterator[Packet]:
        """The packets of a stream with unrolled times, which count from where the file's do.

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
    starts = {index: start - zero for index, start in starts.items()}
    return Clock(zero, shifts, starts, hidden)


def display_times(found: Scan, clock: Clock) -> list[Fraction]:
    """When each picture is shown, in order, in seconds after the clock's zero."""
    return sorted(time - clock.zero for time in _times(found, found.video, clock))


def _times(found: Scan, stream: int, clock: Clock) -> Iterator[Fraction]:
    """When what a stream's packets hold is seen or heard, in seconds of the unrolled file.

    Where there is only an order, these are the times of decoding: what is decoded as the n-th need
    not be shown as that, but something is shown at every time.
    """
    log = found.logs[stream]
    decoding = found.by_order and stream == found.video
    for number, shown in enumerate(log.shown):
        time = log.dts[number] if decoding and log.dts[number] != _NONE else log.time(number)
        if shown and time is not None:
            yield time * log.unit + clock.shift(stream, number)


def _start(found: Scan, stream: int, clock: Clock) -> Fraction | None:
    """When a stream is first seen or heard, in seconds of the unrolled file."""
    log, first = found.logs[stream], min(_times(found, stream, clock), default=None)
    if first is None or stream == found.video or log.start is None:
        return first
    said = log.start * log.unit  # this knows of samples that are decoded but not heard
    return said if abs(said - first) < _NEAR else first


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
