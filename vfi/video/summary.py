"""What a job reports: progress while it runs, a summary when it is done."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from vfi.reporting.records import write_json
from vfi.video.read.describe import Facts
from vfi.video.timing.steps import Cut

Report = Callable[[int, int | None], None]
"""Is told how many output frames are done, and of how many, if that is known."""

_CUTS_NAMED = 5


@dataclass(frozen=True)
class Summary:
    """What a job did.

    Attributes:
        input: the input's path.
        output: what was written.
        model: the model's name.
        width: of an input frame as stored, in pixels.
        height: likewise.
        frames_in: input frames read.
        frames_out: output frames written.
        resumed: of these, those found finished from an earlier run.
        generated: of these, those the network made in this run.
        output_fps: output frames per second of playing, None if it varies.
        cuts: scene cuts, none of which was blended.
        static_pairs: pairs of equal frames, which skipped the network.
        duplicates: repeated frames that were interpolated across.
        held: frames that were held, as the next was long in coming: only the end of such a gap is
            interpolated.
        repeats: frames that repeat the one before in a rhythm, as in animation, and were kept.
        dropped: new frames that came too late for a player; the one before was shown for longer.
        problems: what was wrong with the input.
        source: what the input file says of itself, None if it is no video file.
        result: what the output file says of itself, likewise.
        part: of the input that was taken, None if all of it.
        kept: the input's other streams that went into the output.
        changed: those that are not what they were, and how.
        lost: those that are left out, and why.
        settings: what was asked for.
        device: where the model ran.
        seconds: wall time.
        fps: output frames finished per second of wall time, in this run.
        real_time_factor: seconds of input done per second of wall time: 1 keeps up with playing.
    """

    input: str
    output: str
    model: str
    width: int
    height: int
    frames_in: int
    frames_out: int
    resumed: int
    generated: int
    output_fps: str | None
    seconds: float
    fps: float
    real_time_factor: float
    static_pairs: int = 0
    duplicates: int = 0
    cuts: list[Cut] = field(default_factory=list)
    held: int = 0
    repeats: int = 0
    dropped: int = 0
    problems: list[str] = field(default_factory=list)
    source: Facts | None = None
    result: Facts | None = None
    part: str | None = None
    kept: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    device: str = "cpu"

    def write(self) -> None:
        """Writes it beside the output, as ``<output>.json``; a pipe has nothing beside it."""
        if self.output != "-":
            write_json(self, self.record)

    @property
    def record(self) -> str:
        """The path of what `write` writes."""
        return f"{self.output}.json"

    def told(self) -> dict[str, str]:
        """Its figures in words, by what they are about; what did not occur is left out."""
        speed = f"{self.fps:.1f} frames a second"
        if self.real_time_factor:
            speed += f", {self.real_time_factor:.2f} times real time"
        rows = {
            "input": f"{self.input}: {self._end(self.source, self.frames_in)}",
            "output": f"{self.output}: {self._end(self.result, self.frames_out, self.output_fps)}",
            "new frames": f"{self.generated:,} by {self.model} on {self.device}",
            "resumed": f"{self.resumed:,} frames were there" if self.resumed else "",
            "cuts": self._cuts(),
            "held": f"{self.held} gaps, over which a frame is held" if self.held else "",
            "still": f"{self.static_pairs:,} pairs of equal frames" if self.static_pairs else "",
            "left out": f"{self.duplicates:,} repeated frames" if self.duplicates else "",
            "too late": f"{self.dropped:,} new frames, not shown" if self.dropped else "",
            "repeats": f"{self.repeats:,} frames that repeat the one before" * bool(self.repeats),
            **{name: "; ".join(getattr(self, name)) for name in ("changed", "lost", "problems")},
            "time": f"{self.seconds:.1f} s",
            "speed": speed,
            "record": self.record if self.output != "-" else "",
        }
        return {name: text for name, text in rows.items() if text}

    def _end(self, facts: Facts | None, frames: int, fps: str | None = None) -> str:
        """One end of the job: size, frames, rate, length, codec."""
        size = f"{self.width}x{self.height}"
        counted = f"{frames:,} {'frames' if frames != 1 else 'frame'}"
        if facts is None:
            return f"{counted} of {size}"
        parts = [f"{facts.codec} {size}", counted]
        rate = Fraction(fps) if fps else facts.rate  # files round their times
        if rate is not None:
            parts.append(f"{float(rate):.5g} fps")
        if facts.duration is not None:
            parts.append(f"{facts.duration:.2f} s")
        return ", ".join(parts)

    def _cuts(self) -> str:
        """How many, and when the first ones are."""
        if not self.cuts:
            return "none"
        times = [f"{cut.time:.2f} s" for cut in self.cuts[:_CUTS_NAMED]]
        more = ["..."] if len(self.cuts) > _CUTS_NAMED else []
        return f"{len(self.cuts)}, not blended: {', '.join(times + more)}"


class _Rate(ProgressColumn):
    """Frames per second."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.1f} fps")


@contextlib.contextmanager
def progress_bar(total: int | None, shown: bool | Report = True) -> Iterator[Callable[[], None]]:
    """Shows frames done, frames per second and the time left; yields what to call per frame.

    Args:
        total: frames to come, None if unknown.
        shown: whether to show anything; or what is told instead.
    """
    if not isinstance(shown, bool):
        report, done = shown, itertools.count(1)
        yield lambda: report(next(done), total)
        return
    columns = (
        TextColumn("frames"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not shown, speed_estimate_period=60) as bar:
        task = bar.add_task("frames", total=total)
        yield lambda: bar.advance(task)
