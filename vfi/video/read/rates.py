"""Frame rates as exact fractions."""

import itertools
from collections.abc import Iterable
from fractions import Fraction

_NTSC = {
    "23.976": Fraction(24000, 1001),
    "23.98": Fraction(24000, 1001),
    "29.97": Fraction(30000, 1001),
    "47.95": Fraction(48000, 1001),
    "59.94": Fraction(60000, 1001),
    "119.88": Fraction(120000, 1001),
}


_ROUNDED = Fraction(1, 1_000_000)
_MORE = Fraction(11, 10)
_FIELDS = Fraction(2, 5)  # a field of the time of a film frame
_MOST = 1_000_000
_EXACT_SHARE = 0.9
_SOFT_SHARE = 0.3  # of the frames are shown for two fields, and as many for three


def parse_rate(value: str | int | float | Fraction, name: str) -> Fraction:
    """A positive rational number: ``60``, ``24000/1001``, ``12.5``; NTSC's for ``29.97`` and such.

    Args:
        value: what the user gave.
        name: the option's name, for the error.

    Raises:
        ValueError: if it is no positive number.
    """
    text = str(value).strip()
    try:  # a fraction of 1e999999999 would be written out
        rate = _NTSC.get(text) or Fraction(float(text) if "e" in text.lower() else text)
    except (ValueError, ZeroDivisionError, OverflowError):
        rate = Fraction(0)
    if not 0 < rate <= _MOST:
        raise ValueError(
            f"{name} is {value!r}; give a positive number or fraction such as 60 or 24000/1001"
            + (f", up to {_MOST}" if rate else "")
        )
    return rate


def parse_optional(value: str | float | Fraction | None, name: str) -> Fraction | None:
    """`parse_rate`, where None stays None."""
    return None if value is None else parse_rate(value, name)


def constant_rate(
    times: list[Fraction], tick: Fraction, candidates: list[Fraction]
) -> Fraction | None:
    """The rate of which ``times`` are the rounded frame times, or None if they are not regular.

    Containers round timestamps: Matroska writes 33, 67, 100 ms for 30 fps. Taken literally that is
    a variable rate; recognised, it is exact.

    Args:
        times: sorted presentation times.
        tick: their unit, and so how far off each may be.
        candidates: rates to try, the likeliest first.
    """
    if len(times) < 2:
        return candidates[0] if candidates else None
    gaps = sorted(b - a for a, b in itertools.pairwise(times))
    middle = gaps[len(gaps) // 2]
    for rate in _with_ntsc([*candidates, *([1 / middle] if middle else [])]):
        if _meets(times, rate, tick, range(len(times))):
            return rate
    return None


def rate_with_gaps(
    times: list[Fraction], tick: Fraction, candidates: list[Fraction], step: Fraction
) -> Fraction | None:
    """The rate of which ``times`` are rounded frame times if some are left out, or None.

    Args:
        times: sorted presentation times.
        tick: their unit, and so how far off each may be.
        candidates: rates to try, the likeliest first.
        step: the usual time between frames; a rate that has many more of them does not count.
    """
    if not step or times[-1] == times[0]:
        return None
    mean = round((times[-1] - times[0]) / step) / (times[-1] - times[0])
    whole = Fraction(round(mean))
    for rate in [*_with_ntsc([1 / step, *candidates]), whole, whole * Fraction(1000, 1001)]:
        if not rate:
            continue
        numbers = [round((time - times[0]) * rate) for time in times]
        rises = all(a < b for a, b in itertools.pairwise(numbers))
        if rate * step < _MORE and rises and _meets(times, rate, tick, numbers):
            return rate
    return None


def film_rate(times: list[Fraction], tick: Fraction) -> Fraction | None:
    """The rate of film whose frames are shown for two and three fields of 60 a second in turn.

    That is soft 3:2 pulldown: frames are half a field off even times. None for other times.

    Args:
        times: sorted presentation times.
        tick: their unit, and so how far off each may be.
    """
    steps = [b - a for a, b in itertools.pairwise(times)]
    for rate in (_NTSC["23.976"], Fraction(24)):
        field = _FIELDS / rate
        held = [round(step / field) for step in steps]
        exact = sum(abs(s - n * field) <= 2 * tick for s, n in zip(steps, held, strict=True))
        even = all(abs(t - times[0] - n / rate) <= field for n, t in enumerate(times))
        usual = exact > _EXACT_SHARE * len(steps)  # programs that join packets err now and then
        if usual and even and min(map(held.count, (2, 3))) > _SOFT_SHARE * len(steps):
            return rate
    return None


def _meets(times: list[Fraction], rate: Fraction, tick: Fraction, numbers: Iterable[int]) -> bool:
    """Whether these are the times, in units, of frames of those numbers."""
    # A unit too coarse to tell rates apart, as AVI's, must be met exactly.
    slack = tick if tick * rate * 3 <= 1 else Fraction(0)
    return all(
        abs(time - times[0] - n / rate) <= slack for n, time in zip(numbers, times, strict=True)
    )


def _with_ntsc(rates: list[Fraction]) -> list[Fraction]:
    """Rates, each after the n * 1000/1001 that it may be a rounding of: 7001/146 is 48000/1001."""
    found = []
    for rate in rates:
        ntsc = Fraction(round(rate * 1001 / 1000) * 1000, 1001)
        near = ntsc > 0 and abs(rate / ntsc - 1) < _ROUNDED
        found += [ntsc, rate] if near else [rate]
    return found
