"""What can be asked of the output file."""

import dataclasses
import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal

from vfi.models.device import check_threads

_NUMBERS = {int: Integral, float: Real}
SEGMENT_FRAMES = 120
"""Frames after which work is safe."""


def check_numbers(options: Any) -> None:
    """Raises ValueError for a field of a dataclass that is to be a number, and is none."""
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        for kind, number in _NUMBERS.items():
            fits = isinstance(value, number) and math.isfinite(value)
            if (field.type == kind and not fits) or (
                field.type == kind | None and not (value is None or fits)
            ):
                word = "a whole number" if kind is int else "a number"
                raise ValueError(f"{field.name} is {value!r}; it must be {word}")


@dataclass(frozen=True)
class WriteOptions:
    """How the output is written; checked when made. The meanings are those of `Settings`."""

    codec: str = "auto"
    crf: int | None = None
    preset: str | None = None
    bit_depth: Literal[8, 10] | None = None
    audio: Literal["auto", "copy", "drop"] = "auto"
    audio_offset: float = 0.0
    threads: int | None = None
    segment: int = SEGMENT_FRAMES
    resume: bool = False
    play: bool = False

    def __post_init__(self) -> None:
        check_numbers(self)
        check_threads(self.threads)
        if self.segment < 2:
            raise ValueError(f"segment is {self.segment}; it must be 2 or more")
        if self.audio_offset and self.audio == "copy":
            raise ValueError("sound that is moved by audio_offset is encoded again; use audio auto")
        for name, allowed in (("audio", ("auto", "copy", "drop")), ("bit_depth", (None, 8, 10))):
            if getattr(self, name) not in allowed:
                choices = ", ".join(str(choice) for choice in allowed if choice is not None)
                raise ValueError(f"{name} is {getattr(self, name)!r}; choose from {choices}")
