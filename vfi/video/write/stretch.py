"""Sound slowed down at its own pitch, with every beginning of a sound where it belongs.

Short pieces that overlap by half are taken from the input, each from near where its middle belongs,
where it goes on like the piece before it (WSOLA, Verhelst and Roelands 1993). Alone this smears a
beginning over a piece times the slowness, up to a fifth of a second. So beginnings are looked for
first, and the pieces around one are moved: one that spans its moment has it at that moment, those
before end in front of it, those after start behind it.
"""

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from av.audio.frame import AudioFrame

_PIECE = 0.04  # seconds
_SEARCH = 0.008  # seconds to both sides
_BLOCK = 0.0025  # seconds, in which loudness is measured
_BEFORE = 12  # blocks, from which a beginning stands out
_LOUDER = 6  # times the energy of those before
_APART = 12  # blocks; what is nearer is the same beginning, or the other was only its foot
_AUDIBLE = 1e-5  # of full energy
_COARSE = 4  # samples; a search among every one of them costs too much


class Stretcher:
    """Makes sound longer piece by piece, in constant memory.

    Args:
        speed: seconds after a second before, 1 or more.
        rate: samples a second.
        channels: of the sound.
    """

    def __init__(self, speed: Fraction, rate: int, channels: int) -> None:
        self._speed = float(speed)
        self._hop = round(rate * _PIECE / 2)
        self._window = np.hanning(2 * self._hop + 1)[:-1].astype(np.float32)
        self._search = round(rate * _SEARCH)
        self._block = round(rate * _BLOCK)
        self._lead = 2 * self._hop + self._search  # of nothing, before the first sample
        self._sound = np.zeros((channels, self._lead), np.float32)
        self._first = -self._lead  # the number of the sample that the sound at hand begins with
        self._heard = 0  # up to which sample beginnings were looked for
        self._energies = [0.0] * _BEFORE
        self._begins: list[tuple[int, float]] = []  # and how loud each is
        self._made = -self._hop  # the output sample with which the next piece begins
        self._last = -self._hop  # where in the input the piece before began
        self._tail = np.zeros((channels, self._hop), np.float32)

    def push(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        """Takes ``(channels, samples)`` and yields what is certain by now, likewise."""
        self._sound = np.concatenate([self._sound, samples], axis=1)
        end = self._first + self._sound.shape[1]
        while self._heard + self._block <= end:
            self._listen()
        while self._place() + 3 * self._hop + self._search <= self._heard:
            piece = self._piece()
            if self._made > 0:  # the first half of the first lies before the start
                yield piece

    def flush(self) -> Iterator[np.ndarray]:
        """Yields the rest, up to exactly the end."""
        end = self._first + self._sound.shape[1]
        left = round(end * self._speed) - max(self._made, 0)
        after = np.zeros((len(self._sound), 4 * self._hop + self._search), np.float32)
        while left > 0:
            for piece in self.push(after):
                if left > 0:
                    yield piece[:, :left]
                left -= piece.shape[1]

    def _listen(self) -> None:
        """Looks for a beginning in the next block."""
        start = self._heard - self._first
        block = self._sound[:, start : start + self._block]
        power = np.square(block).mean(axis=0)
        energy, usual = float(power.mean()), sum(self._energies) / _BEFORE
        if energy > _LOUDER * max(usual, _AUDIBLE):
            begin = self._heard + int(np.argmax(power > power.max() / 4))
            last, foot = self._begins[-1] if self._begins else (-math.inf, 0.0)
            near = begin - last < _APART * self._block
            if near and energy > _LOUDER * foot:
                self._begins.pop()
            if not near or energy > _LOUDER * foot:
                self._begins.append((begin, energy))
        self._energies = [*self._energies[1:], energy]
        self._heard += self._block

    def _place(self) -> int:
        """Where in the input the next piece should begin."""
        return math.floor((self._made + self._hop) / self._speed) - self._hop

    def _piece(self) -> np.ndarray:
        """The next half piece of output, wholly covered by two pieces."""
        start = self._best(*self._bounds(self._place()))
        self._last = start
        inside = start - self._first
        piece = self._sound[:, inside : inside + 2 * self._hop] * self._window
        done = self._tail + piece[:, : self._hop]
        self._tail = piece[:, self._hop :]
        self._made += self._hop
        self._forget(self._place() - self._lead)
        return done

    def _bounds(self, place: int) -> tuple[int, int]:
        """Between which places a piece that should begin at one may begin."""
        low, high = place - self._search, place + self._search
        length, within = 2 * self._hop, []
        for begin, energy in self._begins:
            moment = round(begin * self._speed)
            if moment >= self._made + length:
                low, high = min(low, begin - length), min(high, begin - length)
            elif moment < self._made:
                low, high = max(low, begin), max(high, begin)
            else:
                within.append((energy, begin - moment + self._made))
        exact = max(within)[1] if within else None
        return (low, high) if exact is None else (exact, exact)

    def _best(self, low: int, high: int) -> int:
        """Where between two places a piece goes on most like the one before."""
        if low == high:
            return low
        ahead = self._last + self._hop - self._first
        wanted = self._coarse(ahead, ahead + self._hop)
        found = self._coarse(low - self._first, high - self._first + self._hop)
        if len(wanted) == 0 or len(found) < len(wanted):
            return low
        likeness = np.correlate(found, wanted, "valid")
        energy = np.convolve(np.square(found), np.ones(len(wanted), np.float32), "valid")
        return low + _COARSE * int(np.argmax(likeness / np.sqrt(energy + 1e-9)))

    def _coarse(self, start: int, end: int) -> np.ndarray:
        """The mean over the channels and over every few samples."""
        sound = self._sound[:, max(start, 0) : end].mean(axis=0)
        return sound[: len(sound) // _COARSE * _COARSE].reshape(-1, _COARSE).mean(axis=1)

    def _forget(self, before: int) -> None:
        """Drops the sound and the beginnings that no later piece needs."""
        before = min(before, self._last)
        if before - self._first > 50 * self._hop:
            self._sound = self._sound[:, before - self._first :]
            self._first = before
            self._begins = [item for item in self._begins if item[0] > before - self._hop]


def stretched(frames: Iterator[AudioFrame], speed: Fraction) -> Iterator[AudioFrame]:
    """Sound of packed floats, made longer.

    Args:
        frames: the sound; not in planes, of which PyAV counts 9 where there are 8.
        speed: seconds after a second before, 1 or more.

    Yields:
        Frames without times, which follow each other.
    """
    first = next(frames, None)
    if first is None:
        return
    channels = first.layout.nb_channels
    stretcher = Stretcher(speed, first.sample_rate, channels)
    for frame in itertools.chain([first], frames):
        samples = frame.to_ndarray().reshape(-1, channels).T
        yield from (_like(first, piece) for piece in stretcher.push(samples))
    yield from (_like(first, piece) for piece in stretcher.flush())


def _like(frame: AudioFrame, samples: np.ndarray) -> AudioFrame:
    packed = np.ascontiguousarray(samples.T).reshape(1, -1)
    made = AudioFrame.from_ndarray(packed, "flt", frame.layout.name)
    made.sample_rate = frame.sample_rate
    return made
