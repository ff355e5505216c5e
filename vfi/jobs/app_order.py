"""What may be asked of the app, and how much."""

import shlex
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from vfi.runtime.load import Runtime
from vfi.runtime.resolve import DEFAULT_MODEL
from vfi.video.job import Plan
from vfi.video.read.images import IMAGE_SUFFIXES
from vfi.video.timing.timeline import expected_frames


@dataclass(frozen=True)
class Limits:
    """What one run may ask of the machine.

    Attributes:
        megabytes: of each file that is uploaded.
        seconds: of the input.
        pixels: of an input frame.
        frames: of the output.

    Raises:
        ValueError: if one is not above 0, or not finite.
    """

    megabytes: int = 500
    seconds: float = 60
    pixels: int = 4096 * 2304
    frames: int = 10_000

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value < float("inf"):
                raise ValueError(f"{name} is {value}; it must be above 0")

    def check(self, job: Plan) -> None:
        """Makes sure that a prepared job is within them.

        Raises:
            ValueError: if it is not.
        """
        info = job.source.info
        if info.duration > Fraction(self.seconds):
            raise ValueError(
                f"{info.path} takes {float(info.duration):.1f} s; this app takes up to "
                f"{self.seconds:g} s: cut it, or use the command line"
            )
        if info.width * info.height > self.pixels:
            raise ValueError(
                f"{info.path} is {info.width}x{info.height}; this app takes up to "
                f"{self.pixels / 1e6:.1f} million pixels a frame"
            )
        expected = expected_frames(info, job.writing.timing) if job.writing else 1
        self.check_frames(expected or 0)

    def check_frames(self, count: int) -> None:
        """Makes sure that an output does not grow too long.

        Raises:
            ValueError: if it does.
        """
        if count > self.frames:
            raise ValueError(
                f"the result would have {count:,} frames; this app makes up to {self.frames:,}: "
                "ask for a smaller factor or rate"
            )


@dataclass(frozen=True)
class Order:
    """What somebody asks for.

    Attributes:
        files: a video, or two pictures.
        model: a name of the registry.
        multiplier: output frames per input frame; None with fps.
        fps: output frames a second instead.
        slow_motion: how many times as slowly everything is shown.
        runtime: see `vfi.load_model`.

    Raises:
        ValueError: for other files than one, or two pictures.
    """

    files: tuple[Path, ...]
    model: str = DEFAULT_MODEL
    multiplier: int | None = 2
    fps: str | None = None
    slow_motion: str = "1"
    runtime: Runtime = "auto"

    def __post_init__(self) -> None:
        if not self.files:
            raise ValueError("there is nothing to do; drop a video or two pictures")
        pictures = all(path.suffix.lower() in IMAGE_SUFFIXES for path in self.files)
        if len(self.files) > 2 or (len(self.files) == 2 and not pictures):
            raise ValueError(f"{len(self.files)} files were given; give one video or two pictures")

    @property
    def settings(self) -> dict[str, Any]:
        """The options of `vfi.interpolate_video` that differ from their defaults."""
        wanted = {"multiplier": self.multiplier, "fps": self.fps, "slow_motion": self.slow_motion}
        unsaid = {"multiplier": None, "fps": None, "slow_motion": "1"}
        return {name: value for name, value in wanted.items() if value != unsaid[name]}

    @property
    def output(self) -> str:
        """The name of the result: one image between two, else a video that browsers play."""
        first = self.files[0]
        if len(self.files) == 2 and self.settings == {"multiplier": 2}:
            return f"{first.stem}_middle.png"
        return f"{first.stem}_smooth{'.webm' if first.suffix.lower() == '.webm' else '.mp4'}"

    @property
    def command(self) -> str:
        """The command line that does the same beside the files."""
        names = [path.name for path in self.files]
        words = ["vfi", "interpolate", *map(_word, names), "-o", _word(self.output)]
        words += ["--model", self.model]
        for name, value in self.settings.items():
            words += [f"--{name}", str(value)]
        return shlex.join(
            [*words, *(["--runtime", self.runtime] if self.runtime != "auto" else [])]
        )


def _word(name: str) -> str:
    """A file's name as a word that no command takes for an option."""
    return f"./{name}" if name.startswith("-") else name
