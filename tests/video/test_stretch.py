"""Sound that is slowed down: its length, its pitch, and when sounds begin."""

from fractions import Fraction

import numpy as np
import pytest

from vfi.video.write.stretch import Stretcher

RATE = 48_000
SPEEDS = [Fraction(5, 4), Fraction(4), Fraction(10)]


def stretch(sound: np.ndarray, speed: Fraction, rate: int = RATE) -> np.ndarray:
    stretcher = Stretcher(speed, rate, len(sound))
    pieces = [
        p for k in range(0, sound.shape[1], 1024) for p in stretcher.push(sound[:, k : k + 1024])
    ]
    return np.concatenate([*pieces, *stretcher.flush()], axis=1)


@pytest.mark.parametrize("speed", SPEEDS)
def test_a_tone_keeps_its_pitch_and_its_loudness(speed):
    times = np.arange(RATE) / RATE
    tone = (0.5 * np.sin(2 * np.pi * 441.3 * times)).astype(np.float32)
    made = stretch(np.stack([tone, 0.5 * tone]), speed)
    assert made.shape == (2, RATE * speed)
    spectrum = np.abs(np.fft.rfft(made[0] * np.hanning(made.shape[1])))
    assert abs(np.argmax(spectrum) * RATE / made.shape[1] - 441.3) < 1.5
    inner = made[:, 4800:-9600].reshape(2, -1, 480)
    loud = np.sqrt(np.square(inner).mean(axis=2))
    assert abs(loud[0] / 0.3536 - 1).max() < 0.1
    assert np.allclose(made[1], 0.5 * made[0], atol=1e-5)


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("bed", ["silence", "noise", "tone"])
@pytest.mark.parametrize("kind", ["click", "knock", "tone"])
def test_sounds_begin_at_their_times(speed, bed, kind):
    rate = 44_100
    rng, count = np.random.default_rng(3), 2 * rate
    times = np.arange(count) / rate
    sound = {"silence": 0 * times, "noise": 0.01 * rng.standard_normal(count),
             "tone": 0.05 * np.sin(2 * np.pi * 220 * times)}[bed]  # fmt: skip
    begins = [0.0, 0.2113, 0.4, 0.9371, 1.5]
    length = {"click": 0.001, "knock": 0.02, "tone": 0.15}[kind]
    for begin in begins:
        place = round(begin * rate)
        wave = 0.8 * np.cos(2 * np.pi * 900 * np.arange(round(length * rate)) / rate)
        if kind == "knock":
            wave *= np.exp(-np.arange(len(wave)) / (0.004 * rate))
        sound[place : place + len(wave)] += wave
    made = stretch(sound[None].astype(np.float32), speed, rate)[0]
    loud = np.flatnonzero(np.abs(made) > 0.4) / rate
    found = [b for a, b in zip([-9.0, *loud], loud, strict=False) if b - a > 0.02 * float(speed)]
    errors = [a - b * float(speed) for a, b in zip(found, begins, strict=True)]
    assert max(map(abs, errors)) < 0.005
