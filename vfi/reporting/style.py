"""The one look of pictures: colours that survive colour blindness, the same for a model everywhere.

The colours are those of Okabe and Ito (Color Universal Design, 2008), a lighter twin of each for
dark grounds. Nothing is told by colour alone: series differ in marker and dash, too.
"""

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """How a series is drawn.

    Attributes:
        light: its colour on a light ground.
        dark: likewise, on a dark one.
        marker: of `MARKERS`.
        dash: lengths of its dashes and gaps in pixels; empty for a whole line.
    """

    light: str
    dark: str
    marker: str
    dash: tuple[int, ...] = ()


BLUE, VERMILLION, GREEN = ("#0072B2", "#4C9FE0"), ("#D55E00", "#FF8A47"), ("#009E73", "#2DC79B")
PURPLE, ORANGE, SKY = ("#CC79A7", "#E7A6C8"), ("#E69F00", "#F2BC3D"), ("#56B4E9", "#9AD8FF")
GREY = ("#555555", "#B4B4B4")

_OWN = {
    "rife_v4.0": GREY, "dense": GREY, "average of both frames": SKY,
    "rife-quality": GREEN, "rife-fast": BLUE, "rife-tiny": VERMILLION, "rife-nano": PURPLE,
    "rife-tiny-0.1": ORANGE,
    "naive": VERMILLION, "aware": BLUE, "latency": GREEN, "uniform_l1": PURPLE,
}  # fmt: skip
"""Colours of what is drawn most often; all else takes what its name says, if that is free."""

_OTHERS = (ORANGE, SKY, PURPLE, GREEN, BLUE, VERMILLION)
MARKERS = "osD^vPX"
_DASHES: tuple[tuple[int, ...], ...] = ((), (7, 3), (2, 3), (9, 3, 2, 3), (4, 2), (12, 4))

INK, GROUND, FAINT = ("#1b1f24", "#e8eaed"), ("#ffffff", "#15181d"), ("#d9dde2", "#353b44")
"""Text, background and grid, on a light and on a dark ground."""

PAIRS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY, INK, GROUND, FAINT)
"""Every colour with its twin for dark grounds."""

UNITS = {
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "speedup": "times as fast",
    "median_ms": "ms a frame",
    "ratio": "channels removed",
    "fps": "frames a second",
    "time": "time, s",
    "step": "step",
    "loss": "loss",
    "lr": "learning rate",
}
"""What axes say of known figures."""


def styles(names: Iterable[str]) -> dict[str, Style]:
    """A style for each series; a model keeps its colour whatever else is drawn.

    ``rife-fast@openvino`` and ``aware, repaired`` have the colours of ``rife-fast`` and ``aware``,
    with a marker and dash of their own.
    """
    chosen: dict[str, Style] = {}
    taken = {_OWN[base] for name in names if (base := _base(name)) in _OWN}
    for place, name in enumerate(dict.fromkeys(names)):
        same = (style for other, style in chosen.items() if _base(other) == _base(name))
        kin = next(same, None)
        light, dark = (kin.light, kin.dark) if kin else _colour(_base(name), taken)
        taken.add((light, dark))
        marker, dash = MARKERS[place % len(MARKERS)], _DASHES[place % len(_DASHES)]
        chosen[name] = Style(light, dark, marker, dash)
    return chosen


def apart(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places of names, as near to those wanted as they get without overlapping.

    Args:
        wanted: where each would stand best.
        gap: the least distance of two.
        low: the first place that may be taken.
        high: the last one; where there are too many, they go beyond it.
    """
    places = list(wanted)
    least, last = low, high - gap * (len(places) - 1)
    for number, index in enumerate(sorted(range(len(places)), key=places.__getitem__)):
        places[index] = max(least, min(wanted[index], last + gap * number))
        least = places[index] + gap
    return places


def _base(name: str) -> str:
    return re.split(r"[@,]", name)[0].rsplit("/", 1)[-1].strip()


def _colour(base: str, taken: set[tuple[str, str]]) -> tuple[str, str]:
    if base in _OWN:
        return _OWN[base]
    first = zlib.crc32(base.encode()) % len(_OTHERS)
    order = [*_OTHERS[first:], *_OTHERS[:first]]
    return next((colour for colour in order if colour not in taken), order[0])
