"""Reads a video file through PyAV: every frame that can be decoded, at its presentation time."""

import itertools
from bisect import bisect_right
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vfi.video.read.alike import Alike
from vfi.video.read.clock import display_times, entry, unroll
from vfi.video.read.colour import ColourTags, spec_of, working_format
from vfi.video.read.decoding import (
    decoded,
    first_frame,
    is_transparent,
    shape_of,
    tags_of,
    tags_of_both,
)
from vfi.video.read.light import light_of
from vfi.video.read.media import display_matrix, open_video, tick, video_stream
from vfi.video.read.rates import constant_rate, film_rate, rate_with_gaps
from vfi.video.read.scan import Scan, scan
from vfi.video.read.source import Picture, Source, SourceInfo
from vfi.video.read.stated import Stated, stated, unkept
from vfi.video.read.whole import cut_off
from vfi.video.read.window import Window

_OWN_COLOURS = 5  # the profile of Dolby Vision that other players show green and purple
_FLAGGED = "flagged as interlaced: if it shows torn edges, deinterlace it (ffmpeg -vf bwdif) first"
_UNKNOWN_RATE = Fraction(25)
_WHOLE = Window()
_MISSING_TIME = Fraction(1, 4)  # seconds by which containers' rounded durations are never off


class VideoSource(Source):
    """A video file, or a part of it.

    Args:
        path: the file.
        window: the part of it that is wanted.
        fps: frames per second of a bare stream, None for what it says.

    Raises:
        ValueError: if it cannot be opened, has no video stream, no frame of it can be decoded,
            none is in the part, it has a rate of its own and another is given, or colours that no
            output can tell.
    """

    def __init__(self, path: Path, window: Window = _WHOLE, fps: Fraction | None = None) -> None:
        super().__init__()
        self._path = path
        self._window = window
        found = scan(path)
        if fps is not None and not found.bare:
            raise ValueError(f"--input-fps is for images; {path} has its own frame times")
        self._log = found.logs[found.video]
        self._clock = unroll(found)
        with open_video(path) as container:
            stream = video_stream(container, path)
            self._note_truncation(found, container, stream)
            said, tags = stated(stream), tags_of(stream.codec_context)
            if said.dolby_vision == _OWN_COLOURS:
                raise ValueError(
                    f"{path} is Dolby Vision of profile 5, whose colours only its own data tells, "
                    "which new frames cannot have; convert it to HDR10 or SDR first"
                )
            first = first_frame(container, stream, path)
            rates = [stream.guessed_rate, stream.average_rate, stream.base_rate]
            self._rates = [Fraction(rate) for rate in rates if rate] or [_UNKNOWN_RATE]
            if found.bare:
                self._rates = [self._bare_rate(fps, stream)]
            shape = stream.codec_context.sample_aspect_ratio
            aspect = shape_of(stream, found.bare or found.resets)
            tags = tags_of_both(first, tags)
            may_be_opaque = container.format.name in ("gif", "apng") or first.format.has_palette
        self._by_order = found.by_order
        self._flagged = False
        self._times = display_times(found, self._clock)
        if fps is not None or not self._times:
            self._times = [n / self._rates[0] for n in range(sum(self._log.shown))]
        self._narrow(found)
        self._gaps = sorted(b - a for a, b in itertools.pairwise(self._times) if b > a)
        seen_through = not may_be_opaque or is_transparent(path)
        self._format = working_format(first.format.name, alpha=seen_through)
        self.info = self._describe(first, tags, aspect, said)
        self._alike = Alike(first, self._format, self.info, said.crop[:2], shape, self.problems)
        if first.interlaced_frame:
            self.problems.append(_FLAGGED)

    def _bare_rate(self, fps: Fraction | None, stream: VideoStream) -> Fraction:
        """Frames a second of a file that holds a stream of pictures and nothing else."""
        said = stream.codec_context.framerate
        if fps is None and not said:
            self.problems.append(
                f"it does not say how many frames a second it has: {_UNKNOWN_RATE} are assumed; "
                "--input-fps gives another number"
            )
        return fps or Fraction(said or _UNKNOWN_RATE)

    def _narrow(self, found: Scan) -> None:
        """Moves the zero to where the wanted part begins."""
        inside, begin = self._window.pick(self._times), self._window.begin(self._times)
        self._entry = 0, 0
        if not self._window.is_whole:
            self._clock = self._clock.narrowed(begin, self._window.end)
            self._times = [time - begin for time in self._times]
            if not found.by_order:  # else pictures must be counted from the first
                self._entry = entry(found, self._clock, inside.start)
        self._inside = self._times[inside]

    def _describe(
        self, first: VideoFrame, tags: ColourTags, aspect: Fraction | None, said: Stated
    ) -> SourceInfo:
        spec = spec_of(self._format, tags, first.height)
        left, top, right, bottom = said.crop
        times, unit = self._inside, self._log.unit
        rate = constant_rate(times, unit, self._rates)
        if len(self._times) == 1:
            lone = self._log.durations[0] * unit
            rate = 1 / lone if lone else min(self._rates[0], _UNKNOWN_RATE)
        return SourceInfo(
            path=self._path,
            width=first.width - left - right,
            height=first.height - top - bottom,
            spec=spec,
            tags=tags,
            aspect=aspect,
            rate=rate,
            grid=rate or rate_with_gaps(times, unit, self._rates, self._step()),
            film=None if rate else film_rate(times, unit),
            tick=unit,
            slack=unit if rate is None and unit * self._rates[0] * 3 <= 1 else Fraction(0),
            start=times[0] if times else Fraction(0),
            duration=times[-1] - times[0] + self._step(rate) if times else Fraction(0),
            expected=len(times) or None,
            step=self._step(rate),
            shortest=self._gaps[0] if self._gaps else None,
            holds_last=True,
            display_matrix=display_matrix(first),
            is_video=True,
            light=light_of(first),
            unkept=tuple(dict.fromkeys((*said.unkept, *unkept(first)))),
            files=(self._path,),
            clock=self._clock,
            window=self._window,
        )

    def _note_truncation(self, found: Scan, container: InputContainer, stream: VideoStream) -> None:
        # Only MP4's sample tables count packets; AVI counts repeated frames too.
        frames = len(stream.index_entries) if "mp4" in container.format.name else 0
        packets = len(found.logs[found.video].pts)
        # Some kinds of files count their length from 0, some from their start, which is later; of
        # ASF FFmpeg's own says more than there is.
        told = 0 if container.format.name == "asf" else container.duration or 0
        end = Fraction(told, av.time_base)
        if found.error:
            self._broken(found.error)
        elif packets < frames:
            self.problems.append(f"truncated: it holds {packets} of {frames} frames")
        elif lacks := cut_off(self._path):
            self.problems.append(lacks)
        elif found.end and end - found.end > _MISSING_TIME:
            self.problems.append(
                f"truncated: it ends at {float(found.end):.2f} s of {float(end):.2f} s"
            )

    def _broken(self, reason: str) -> None:
        line = f"reading stopped early: {reason}"
        if line not in self.problems:
            self.problems.append(line)

    def _step(self, rate: Fraction | None = None) -> Fraction:
        """The likeliest time between two frames."""
        if rate is None and self._gaps:
            return self._gaps[len(self._gaps) // 2]
        return 1 / (rate or self._rates[0])

    def pictures(self) -> Iterator[Picture]:
        damaged = flawed = index = 0
        time, begin, end = None, self.info.start, self._clock.end
        shown = self.info.step or self._step()
        first, before = self._entry
        with open_video(self._path) as container:
            stream = video_stream(container, self._path)
            stream.thread_type = "AUTO"
            packets = self._clock.packets(container, stream, first)
            frames = decoded(packets, stream, self._broken)
            for number, frame in enumerate(frames, start=before):
                if frame is None:
                    damaged += time is not None  # what a part begins after may lack its past
                    continue
                found = self._time(frame, number, time)
                if end is not None and found >= end:
                    break
                if found < begin:
                    continue
                try:
                    planes = self._alike.planes(frame, stream.codec_context.sample_aspect_ratio)
                except av.error.FFmpegError:
                    damaged += 1
                    continue
                time, shown = found, frame.duration * tick(stream) or shown
                flawed += frame.is_corrupt
                self._flagged |= frame.interlaced_frame
                yield Picture(planes, self.info.spec, time, index)
                index += 1
        self._note_damage(damaged, flawed, time)
        if self._flagged and _FLAGGED not in self.problems:  # not from its first frame on
            self.problems.append(_FLAGGED)
        if time is not None:
            self.end = time + (1 / self.info.rate if self.info.rate else shown)

    def _note_damage(self, damaged: int, flawed: int, last: Fraction | None) -> None:
        lacking = 0
        if last is not None and not self._by_order:  # decoders may pass over those at the end
            lacking = sum(time > last + self._step() / 2 for time in self._inside)
        for count, what in (
            (damaged, "damaged packets could not be decoded"),
            (flawed, "frames are damaged and shown as far as they could be decoded"),
            (lacking, "frames at the end could not be decoded"),
        ):
            if count:
                self.problems.append(f"{count} {what}")

    def _time(self, frame: VideoFrame, number: int, last: Fraction | None) -> Fraction:
        """When a frame, the ``number``-th in the file, is shown; ``last``: the one before it."""
        start, rate = self.info.start, self.info.rate
        time = None
        if self._by_order:
            time = self._times[number] if number < len(self._times) else None
        elif frame.pts is not None:
            time = frame.pts * self._log.unit - self._clock.zero
        if time is not None and rate is not None:
            time = start + round((time - start) * rate) / rate
        if last is None:
            return start if time is None else time
        if time is not None and time > last:
            return time
        later = bisect_right(self._times, last)
        return min([last + self._step(rate), *self._times[later : later + 1]])
