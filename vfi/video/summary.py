"""What a job reports: progress while it runs, a summary when it is done."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

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
    kept: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    device: str = "cpu"

    def write(self) -> None:
        """Writes it beside the output, as ``<output>.json``; a pipe has nothing beside it."""
        if self.output != "-":
            write_json(self, f"{self.output}.json")


class _Rate(ProgressColumn):
    """Frames per second."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.1f} fps")


@contextlib.contextmanager
def progress_bar(total: int | None, shown: bool = True) -> Iterator[Callable[[], None]]:
    """Shows frames done, frames per second and the time left; yields what to call per frame.

    Args:
        total: frames to come, None if unknown.
        shown: whether to show anything.
    """
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
