"""How something is timed: the circumstances that a figure is worth nothing without."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import torch

from vfi.models.device import limited_threads

_MOST = 1_000_000_000

Precision = Literal["float32", "bfloat16", "float16"]

LONGEST_SIDE = 16384
"""Pixels; what is more is a mistake."""


@dataclass(frozen=True)
class Conditions:
    """How a model is run when its time or memory is measured.

    Attributes:
        height: of the frames, in pixels.
        width: likewise.
        threads: torch's CPU threads; as they are if None.
        channels_last: memory layout of weights and frames; true is faster on most machines.
        precision: the type convolutions run in; below float32 by autocast.
        device: cpu, cuda or cuda:N; models must be there.

    Raises:
        ValueError: if a number is below 1 or the precision is unknown.
    """

    height: int = 480
    width: int = 640
    threads: int | None = None
    channels_last: bool = False
    precision: Precision = "float32"
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_positive(height=self.height, width=self.width, threads=self.threads)
        if self.precision not in get_args(Precision):
            allowed = ", ".join(get_args(Precision))
            raise ValueError(f"precision is {self.precision!r}; it must be one of {allowed}")

    @property
    def layout(self) -> torch.memory_format:
        """The memory layout, as torch calls it."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    @contextlib.contextmanager
    def hold(self) -> Iterator[int]:
        """Inference in this precision and with so many threads; yields the count in force."""
        dtype = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(self.precision)
        kind = torch.device(self.device).type
        with (
            torch.inference_mode(),
            torch.autocast(kind, dtype=dtype, enabled=dtype is not None),
            limited_threads(self.threads) as threads,
        ):
            yield threads


def check_positive(**values: int | None) -> None:
    """Rejects numbers below 1, and such that no loop ends; None, for "not given", passes.

    Raises:
        ValueError: with the argument's name and value.
    """
    for name, value in values.items():
        if value is not None and value < 1:
            raise ValueError(f"{name} is {value}; it must be 1 or more")
        if value is not None and value > _MOST:
            raise ValueError(f"{name} is {value}; it must be at most {_MOST}")


def parse_size(text: str) -> tuple[int, int]:
    """``(width, height)`` in pixels of ``640x360``.

    Raises:
        ValueError: if it is none, or of no size that a frame has.
    """
    found = re.fullmatch(r"(\d+)[xX×](\d+)", text.strip())
    width, height = map(int, found.groups()) if found else (0, 0)
    if not (1 <= width <= LONGEST_SIDE and 1 <= height <= LONGEST_SIDE):
        raise ValueError(
            f"size is {text!r}; give WIDTHxHEIGHT in pixels, each from 1 to {LONGEST_SIDE}: 640x360"
        )
    return width, height
