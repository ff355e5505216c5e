"""Reads all packets of a file without decoding: what the container says of each."""

import contextlib
import itertools
from array import array
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from statistics import median_low

import av
from av.packet import Packet

from vfi.video.read.media import is_cover, open_video, video_stream

NO_TIME = -(1 << 63)
_JUMP_BACK = Fraction(1, 10)  # seconds; what is less is a slip of one packet
_JUMP_AHEAD = 10  # seconds; FFmpeg's limit, for kinds of files whose clock may be set anew
_CLOCK_MAY_JUMP = 0x0200  # AVFMT_TS_DISCONT
_TELLS_NO_TIMES = 0x0080  # AVFMT_NOTIMESTAMPS
_NUMBERED = ("avi", "asf")  # as they are decoded; when they are shown is FFmpeg's guess
_LATER = "asf"  # of these, the kind in which sound is told as it is heard
_ASSUMED = Fraction(1, 25)  # seconds of a picture, until FFmpeg has seen what the stream says


@dataclass
class Log:
    """The packets of a stream in the order of the file.

    Attributes:
        unit: of the times, in seconds.
        pts: when packets are shown, `NO_TIME` where that is missing.
        dts: when they are decoded, likewise.
        durations: 0 where not known.
        places: which packet of the whole file each is.
        shown: 0 for those that are decoded but not shown.
        keys: 1 for those that decoding can begin with.
        start: when the stream says that it begins, in units.
    """

    unit: Fraction
    pts: array = field(default_factory=lambda: array("q"))
    dts: array = field(default_factory=lambda: array("q"))
    durations: array = field(default_factory=lambda: array("q"))
    places: array = field(default_factory=lambda: array("q"))
    shown: array = field(default_factory=lambda: array("b"))
    keys: array = field(default_factory=lambda: array("b"))
    start: int | None = None

    def add(self, packet: Packet, place: int) -> None:
        """Notes the next packet."""
        self.pts.append(NO_TIME if packet.pts is None else packet.pts)
        self.dts.append(NO_TIME if packet.dts is None else packet.dts)
        self.durations.append(packet.duration or 0)
        self.places.append(place)
        self.shown.append(not packet.is_discard)
        self.keys.append(packet.is_keyframe)

    def time(self, number: int) -> int | None:
        """When a packet is shown, or else decoded, in units."""
        time = self.pts[number] if self.pts[number] != NO_TIME else self.dts[number]
        return None if time == NO_TIME else time

    def keep_order(self, bare: bool, lag: int = 0) -> None:
        """Forgets when packets are shown, of most of which nothing is known.

        When they are decoded is put instead, each after the one before where that is not told, and
        all so much later as the first one told is shown after it is decoded.

        Args:
            bare: whether no times are told at all, but for how long pictures last.
            lag: pictures that are decoded before the first is shown, if it is not told when.
        """
        lengths = self._lengths(bare)
        dts = [NO_TIME] * len(self.dts) if bare else list(self.dts)
        told = zip(self.pts, dts, strict=True)
        lead = next((p - d for p, d in told if NO_TIME not in (p, d)), 0) or sum(lengths[:lag])
        first = next((n for n, time in enumerate(dts) if time != NO_TIME), None)
        time = 0 if first is None else dts[first] - sum(lengths[:first]) + lead
        for number, known in enumerate(dts):
            self.dts[number] = time = time if known == NO_TIME else known + lead
            time += lengths[number]
        self.pts = array("q", [NO_TIME]) * len(dts)

    def _lengths(self, bare: bool) -> list[int]:
        """For how long pictures last; those first read of a bare stream as most others do."""
        known = self.durations[:-1] or self.durations  # a last one that is cut off tells nothing
        usual = (median_low(known) if known else 0) or self.step()
        lead = itertools.takewhile(lambda length: length * self.unit == _ASSUMED, self.durations)
        early = len(list(lead)) if bare else 0
        return [usual if n < early or not d else d for n, d in enumerate(self.durations)]

    def span(self, first: int, last: int) -> tuple[Fraction, Fraction] | None:
        """Start and end in seconds of the packets ``first`` to ``last``, without the latter."""
        known = [(t, n) for n in range(first, last) if (t := self.time(n)) is not None]
        if not known:
            return None
        latest, number = max(known)
        length = self.durations[number] or self.step()
        return min(known)[0] * self.unit, (latest + length) * self.unit

    def pieced(self) -> bool:
        """Whether some packets between those that are shown are not."""
        shown = self.shown.tobytes().strip(b"\0")
        return b"\0" in shown

    def step(self) -> int:
        """The usual distance of two packets, in units; joined recordings share times."""
        known = sorted({t for n in range(len(self.pts)) if (t := self.time(n)) is not None})
        return median_low(b - a for a, b in itertools.pairwise(known)) if len(known) > 1 else 0

    def jumps(self, ahead: bool) -> list[int]:
        """The packets before which the clock was set anew.

        Args:
            ahead: whether a jump forward is one too, not just a pause.
        """
        found: list[int] = []
        last = latest = NO_TIME
        for number, dts in enumerate(self.dts):
            time = self.time(number)
            if dts == NO_TIME or time is None or not self.shown[number]:
                continue
            moved = (dts - last) * self.unit if last != NO_TIME else Fraction(0)
            back = moved < -_JUMP_BACK and (time - latest) * self.unit < -_JUMP_BACK
            if back or (ahead and moved > _JUMP_AHEAD):
                found.append(number)
                latest = time
            last, latest = dts, max(latest, time)
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
        bare: whether it tells no times at all, but for how long pictures last.
        end: the latest end of any packet by the file's own times, in seconds after 0 or what is
            before it.
        error: what stopped the reading before the end, if anything.
    """

    logs: dict[int, Log]
    video: int
    sounds: tuple[int, ...]
    resets: bool
    by_order: bool
    bare: bool
    end: Fraction
    error: str | None


def scan(path: Path) -> Scan:
    """Reads all packets of a file."""
    logs: dict[int, Log] = {}
    begin, end, error = Fraction(0), Fraction(0), None
    with open_video(path) as container:
        pictures = video_stream(container, path)
        video, reorders = pictures.index, pictures.codec_context.has_b_frames
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
                    begin = min(
                        begin, time * log.unit
                    )  # below 0 if it counts over its highest number
                    end = max(end, (time + log.durations[-1]) * log.unit)
        except av.error.FFmpegError as failure:
            error = failure.strerror
        resets = bool(container.format.flags & _CLOCK_MAY_JUMP)
        bare = bool(container.format.flags & _TELLS_NO_TIMES)
        if container.format.name in _NUMBERED:
            logs[video].pts = logs[video].dts
        lagging = reorders and container.format.name == _LATER
    by_order = _orders(logs[video], bool(reorders), bare, _lag(path) if lagging else 0)
    return Scan(logs, video, sounds, resets, by_order, bare, end - begin, error)


def _orders(log: Log, reorders: bool, bare: bool, lag: int) -> bool:
    """Whether only the order of the pictures is known, not when each is shown; see `Log`."""
    untold = bare or lag > 0 or 2 * log.pts.count(NO_TIME) > len(log.pts)
    if untold:
        log.keep_order(bare, lag)
    return untold or (reorders and log.pts == log.dts)  # what is reordered is not shown as decoded


def _lag(path: Path) -> int:
    """How many pictures are decoded before the first is shown."""
    with open_video(path) as container:
        pictures = video_stream(container, path)
        for number, packet in enumerate(container.demux(pictures)):
            with contextlib.suppress(av.error.FFmpegError):
                if pictures.decode(packet):
                    return number
    return 0
