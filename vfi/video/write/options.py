"""What can be asked of the output file."""

from dataclasses import dataclass
from typing import Literal

from vfi.models.device import check_threads

SEGMENT_FRAMES = 120
"""Frames after which work is safe."""


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
        check_threads(self.threads)
        if self.segment < 2:
            raise ValueError(f"segment is {self.segment}; it must be 2 or more")
        if self.audio_offset and self.audio == "copy":
            raise ValueError("sound that is moved by audio_offset is encoded again; use audio auto")
        for name, allowed in (("audio", ("auto", "copy", "drop")), ("bit_depth", (None, 8, 10))):
            if getattr(self, name) not in allowed:
                choices = ", ".join(str(choice) for choice in allowed if choice is not None)
                raise ValueError(f"{name} is {getattr(self, name)!r}; choose from {choices}")
