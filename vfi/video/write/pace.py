"""Whether a new frame would still come in time."""

from collections.abc import Callable
from fractions import Fraction
from time import monotonic

_RECENT = 0.25
"""The part of the last measurement in the mean."""


class Pace:
    """Tells which new frames would come too late.

    The clock starts with the first frame that the player takes. It stands still while the player
    takes none, as when the user halts it.

    Args:
        speed: output seconds per input second.
        now: seconds that pass.
    """

    def __init__(self, speed: Fraction = Fraction(1), now: Callable[[], float] = monotonic):
        self._speed = speed
        self._now = now
        self._start: float | None = None
        self._cost = 0.0

    def late(self, time: Fraction) -> bool:
        """Whether a frame, begun now, would be done after it is to be shown, ``time`` of input."""
        if self._start is None:
            return False
        return self._now() + self._cost > self._start + float(time * self._speed)

    def took(self, seconds: float) -> None:
        """Takes note of how long the network took for a frame."""
        self._cost += (seconds - self._cost) * (_RECENT if self._cost else 1)

    def delivered(self, time: Fraction, waited: bool) -> None:
        """Takes note of a frame that the player has taken.

        Args:
            time: when it is to be shown, in seconds of the input.
            waited: whether it had to wait for the player, which therefore is not waiting itself.
        """
        start = self._now() - float(time * self._speed)
        if self._start is None or (waited and start > self._start):
            self._start = start
