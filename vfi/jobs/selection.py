"""Which way of running which model is best within a budget: the search, and the choice."""

import dataclasses
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from vfi.runtime.ways import Way

FILM = 24
"""New frames a second that ``realtime`` means: film shown at twice its rate."""

UNSEEN_DB = 0.1
"""What nobody sees: so much worse is as good, if it is faster."""

SLACK = 1.15
"""How far apart two figures of separate moments must be to tell which is faster."""

_RESERVE = 25.0  # seconds of the whole for the last comparison
_FINALISTS = 5


@dataclass(frozen=True)
class Budget:
    """The time that a new frame may take.

    Attributes:
        text: ``20fps``, ``30ms`` or ``realtime``.

    Raises:
        ValueError: if it is something else, or nothing.
    """

    text: str

    def __post_init__(self) -> None:
        _ = self.ms

    @property
    def ms(self) -> float:
        """Milliseconds for a frame."""
        if self.text == "realtime":
            return 1000 / FILM
        found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(fps|ms)", self.text.strip())
        number = float(found[1]) if found else 0.0
        if found is None or number == 0:
            raise ValueError(
                f"budget is {self.text!r}; give frames a second (20fps), milliseconds for a frame "
                f"(30ms) or realtime ({FILM} new frames a second)"
            )
        return number if found[2] == "ms" else 1000 / number


@dataclass(frozen=True)
class Candidate:
    """A way that was timed.

    Attributes:
        way: with the runtime and precision that it really has.
        seconds: of each call.
        psnr: its measured quality in dB; None if nobody measured it.
        reason: why it is not to be recommended, if so.
    """

    way: Way
    seconds: tuple[float, ...]
    psnr: float | None = None
    reason: str | None = None

    @property
    def median_ms(self) -> float:
        """The median time of a frame."""
        return float(np.median(self.seconds)) * 1e3

    @property
    def p90_ms(self) -> float:
        """The 90th percentile."""
        return float(np.percentile(self.seconds, 90)) * 1e3

    @property
    def quality(self) -> float:
        """Its PSNR, if it may be recommended; else less than any."""
        return self.psnr if self.psnr is not None and self.reason is None else -np.inf


class Timer(Protocol):
    """Times ways on this device."""

    def alone(self, way: Way) -> Candidate:
        """A few calls.

        Raises:
            ValueError: if it cannot run here.
        """
        ...

    def together(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The same candidates, timed in turns."""
        ...

    def left(self) -> float:
        """Seconds until the search should be over."""
        ...


@dataclass
class Search:
    """Looks for the best ways: all models as they are, variations of the good ones, a last round.

    Args:
        timer: times a way.
        budget: for a frame.

    Attributes:
        found: what was timed.
        left_out: what was not, and why.
    """

    timer: Timer
    budget: Budget
    found: dict[Way, Candidate] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def run(self, ways: Iterable[Way], threads: Sequence[int]) -> list[Candidate]:
        """Times what there is; gives the candidates, the best first, then the faster.

        Args:
            ways: models in every runtime, precision and flow scale.
            threads: numbers to try with the ways that are good with the first.
        """
        self._time(dataclasses.replace(way, threads=threads[0]) for way in ways)
        good = [c.way for c in promising(self.found.values())]
        self._time(dataclasses.replace(w, threads=n) for n in threads[1:] for w in good)
        last = finalists(self.found.values(), self.budget)
        if last:
            self.found.update((c.way, c) for c in self.timer.together(last))
        return sorted(self.found.values(), key=lambda c: (-c.quality, c.median_ms))

    def _time(self, ways: Iterable[Way]) -> None:
        for way in ways:
            name = f"{way.label}, {way.threads} threads, flow scale {way.flow_scale:g}"
            if self.timer.left() < _RESERVE:
                self.left_out[name] = "there was no time left"
                continue
            try:
                candidate = self.timer.alone(way)
            except ValueError as error:
                self.left_out[name] = str(error)
                continue
            if candidate.way in self.found:
                self.left_out[name] = f"here it is the same as {candidate.way.label}"
            else:
                self.found[candidate.way] = candidate


def promising(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Those that may be recommended and that none beats clearly, in speed at the same quality."""
    known = [c for c in candidates if c.quality > -np.inf]
    return [
        c
        for c in known
        if not any(
            o.quality >= c.quality and o.median_ms * SLACK < c.median_ms for o in known if o != c
        )
    ]


def finalists(candidates: Iterable[Candidate], budget: Budget) -> list[Candidate]:
    """The few that the choice is among: the best that may fit, or the fastest if none does."""
    good = promising(candidates)
    fit = [c for c in good if c.median_ms <= SLACK * budget.ms]
    if not fit:
        return sorted(good, key=lambda c: c.median_ms)[:_FINALISTS]
    best = max(c.quality for c in fit)
    near = [c for c in fit if c.quality >= best - UNSEEN_DB]
    others = [c for c in fit if c not in near]
    ranked = sorted(near, key=lambda c: c.median_ms) + sorted(others, key=lambda c: -c.quality)
    return ranked[:_FINALISTS]


def choose(
    candidates: Iterable[Candidate], budget: Budget, quality_first: bool = False
) -> Candidate | None:
    """The best that fits, None if nothing does.

    Args:
        candidates: those without a measured quality are not chosen.
        budget: for a frame, held by the median.
        quality_first: the highest PSNR, however slightly; else the fastest of those that nobody
            can tell from it.
    """
    fit = [c for c in candidates if c.quality > -np.inf and c.median_ms <= budget.ms]
    if not fit:
        return None
    best = max(c.quality for c in fit)
    least = best if quality_first else best - UNSEEN_DB
    return min((c for c in fit if c.quality >= least), key=lambda c: c.median_ms)
