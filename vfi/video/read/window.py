"""The part of an input that is wanted."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)")


@dataclass(frozen=True)
class Window:
    """A part of an input, in seconds after its earliest picture or sound.

    Attributes:
        start: where it begins.
        length: how long it is, None for all that follows.
    """

    start: Fraction = Fraction(0)
    length: Fraction | None = None

    @property
    def end(self) -> Fraction | None:
        """Where it ends, None if with the input."""
        return None if self.length is None else self.start + self.length

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return not self.start and self.length is None

    def pick(self, times: Sequence[Fraction]) -> slice:
        """Which frames are in it, by their times in order.

        Raises:
            ValueError: if there is none.
        """
        first = bisect_left(times, self.start)
        last = len(times) if self.end is None else bisect_left(times, self.end)
        if first >= last and times:
            raise ValueError(
                f"no frame begins {self}; the input's are from {_seconds(times[0])} to "
                f"{_seconds(times[-1])} s: give another --start or --duration"
            )
        return slice(first, last)

    def begin(self, times: Sequence[Fraction]) -> Fraction:
        """Where the output begins: with a frame, if the start lies among them."""
        first = self.pick(times).start
        return times[first] if first else self.start

    def __str__(self) -> str:
        end = "the end" if self.end is None else f"{_seconds(self.end)} s"
        return f"from {_seconds(self.start)} s to {end}"


def parse_time(value: str | float, name: str) -> Fraction:
    """Seconds from a number or from ``hours:minutes:seconds``, as exact as they are given.

    Args:
        value: what the user gave: ``90``, ``90.5``, ``1:30.5`` or ``0:01:30.5``.
        name: the option's name, for the error.

    Raises:
        ValueError: if it is no time, or below 0.
    """
    found = _TIME.fullmatch(str(value).strip())
    if found is None:
        raise ValueError(
            f"{name} is {value!r}; give seconds, such as 90.5, or hours:minutes:seconds, such as "
            "0:01:30.5"
        )
    hours, minutes, seconds = found.groups()
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + Fraction(seconds)


def _seconds(time: Fraction) -> str:
    return f"{float(time):.3f}".rstrip("0").rstrip(".")
