"""The engine has work ready for its workers, and hands frames on in their order."""

import threading
from fractions import Fraction

import numpy as np

from vfi.video.make.engine import Engine
from vfi.video.read.colour import PixelSpec
from vfi.video.read.source import Picture
from vfi.video.timing.steps import Step
from vfi.video.timing.timeline import Slot

_SPEC = PixelSpec("gray")


class _Predictor:
    """The mean of both frames; the first waits until so many frames are on their way."""

    workers = 1
    batch_size = 1
    any_timestep = True

    def __init__(self, wanted):
        self.wanted = wanted
        self.counted = threading.Semaphore(0)
        self.in_time = True

    def __call__(self, requests):
        while requests and self.wanted and self.in_time:
            self.in_time = self.counted.acquire(timeout=10)
            self.wanted -= 1
        return [(request.first + request.second) / 2 for request in requests]


class _Sink:
    """Keeps the value of each frame."""

    chunk, done, pace = 100, 0, None

    def __init__(self):
        self.values = []

    def takes(self, spec):
        return True

    def planes(self, rgb):
        return _SPEC.from_rgb(rgb)

    def write(self, planes, time):
        self.values.append((int(planes[0][0, 0]), time))


def _steps(count):
    planes = [[np.full((8, 8), 16 + 20 * k, np.uint8)] for k in range(count + 1)]
    pictures = [Picture(p, _SPEC, Fraction(k), k) for k, p in enumerate(planes)]
    half = Fraction(1, 2)
    for k in range(count):
        slots = Slot(Fraction(k), Fraction(0)), Slot(k + half, half)
        yield Step(pictures[k], pictures[k + 1], slots, hold=False)


def test_the_next_new_frame_is_ready_before_one_is_done():
    predictor, sink = _Predictor(wanted=4), _Sink()
    engine = Engine(predictor, sink, on_frame=predictor.counted.release)
    engine.run(_steps(5))
    assert predictor.in_time
    assert sink.values == [(16 + 10 * n, Fraction(n, 2)) for n in range(10)]
    assert (engine.written, engine.generated) == (10, 5)
