"""Decoding, inference and encoding, a thread each, through queues bounded in bytes."""

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Generator
from fractions import Fraction

import numpy as np
import torch

from vfi.video.make.predict import Predictor, Request
from vfi.video.make.queues import ByteQueue, Cancelled
from vfi.video.read.source import Picture
from vfi.video.timing.steps import Step
from vfi.video.timing.timeline import Slot
from vfi.video.write.sinks import Sink

QUEUE_BYTES = 32 << 20

_Frame = tuple[list[np.ndarray], Fraction]


class Engine:
    """Carries out steps.

    Args:
        predictor: makes the frames between frames.
        sink: takes all frames.
        device: where RGB frames live.
        on_frame: called after every output frame is computed or passed over.

    Attributes:
        written: output frames, those of an earlier, unfinished run included.
        generated: of these, how many the network made in this run.
        dropped: how many it should have made, but too late to be shown.
    """

    def __init__(
        self,
        predictor: Predictor,
        sink: Sink,
        device: torch.device | str = "cpu",
        on_frame: Callable[[], None] = lambda: None,
    ) -> None:
        self._predictor = predictor
        self._sink = sink
        self._on_frame = on_frame
        # A picture is the second of one step and the first of the next: convert it once.
        self._rgb = functools.lru_cache(maxsize=2)(functools.partial(Picture.whole, device=device))
        self._waiting: list[tuple[Picture | Request | None, Fraction]] = []
        self._stored = 0
        self.written = 0
        self.generated = 0
        self.dropped = 0

    def run(self, steps: Generator[Step, None, None]) -> None:
        """Carries out all steps; the calling thread does the inference.

        Raises:
            Exception: whatever decoding or encoding raised.
        """
        self._stored = self._sink.done
        decoded: ByteQueue[Step] = ByteQueue(QUEUE_BYTES)
        computed: ByteQueue[_Frame] = ByteQueue(QUEUE_BYTES)
        decoder = threading.Thread(target=_decode, args=(steps, decoded), daemon=True)
        failures: list[BaseException] = []
        encoder = threading.Thread(
            target=_encode, args=(computed, self._sink, failures), daemon=True
        )
        decoder.start()
        encoder.start()
        try:
            for step in decoded:
                self._carry_out(step, computed)
            self._flush(computed)
        except Cancelled:
            pass  # the encoder failed, and says why below
        except BaseException:
            computed.cancel()
            raise
        finally:
            decoded.cancel()
            computed.close()
            decoder.join()
            encoder.join()
        if failures:
            raise failures[0]

    def _carry_out(self, step: Step, computed: ByteQueue[_Frame]) -> None:
        for number, slot in enumerate(step.slots, start=1):
            if self.written < self._stored:
                computed.put(([], slot.time), 0)
                self._count()
                continue
            self._waiting.append((self._content(step, slot), slot.time))
            self._count()
            if self._is_due(whole=number == len(step.slots)):
                self._flush(computed)

    def _count(self) -> None:
        self.written += 1
        self._on_frame()

    def _content(self, step: Step, slot: Slot) -> Picture | Request | None:
        """What to show; None for the frame before once more."""
        if step.second is not None and slot.timestep == 1:
            return step.second
        if step.second is None or step.hold or slot.timestep == 0:
            return step.first
        if self._sink.pace is not None and self._sink.pace.late(slot.time):
            self.dropped += 1
            return None
        return Request(self._rgb(step.first), self._rgb(step.second), slot.timestep)

    def _is_due(self, whole: bool) -> bool:
        """Whether there is nothing to gain, or no right, in waiting for more frames."""
        if self.written % self._sink.chunk == 0:
            return True
        requests = sum(isinstance(content, Request) for content, _ in self._waiting)
        full = requests >= self._predictor.batch_size and (whole or self._predictor.any_timestep)
        return requests == 0 or full

    def _flush(self, computed: ByteQueue[_Frame]) -> None:
        requests = [content for content, _ in self._waiting if isinstance(content, Request)]
        start = time.perf_counter()
        made = iter(self._predictor(requests))
        if requests and self._sink.pace is not None:
            self._sink.pace.took((time.perf_counter() - start) / len(requests))
        self.generated += len(requests)
        for content, shown in self._waiting:
            if content is None:
                planes = []
            elif isinstance(content, Picture):
                planes = self._original(content)
            else:
                planes = self._sink.planes(next(made))
            computed.put((planes, shown), sum(plane.nbytes for plane in planes))
        self._waiting.clear()

    def _original(self, picture: Picture) -> list[np.ndarray]:
        """An input frame as it is to be stored: as it is, if it is stored alike."""
        if self._sink.takes(picture.spec):
            return picture.planes
        return self._sink.planes(self._rgb(picture))


def _decode(steps: Generator[Step, None, None], queue: ByteQueue[Step]) -> None:
    try:
        with contextlib.closing(steps):
            for step in steps:
                queue.put(step, step.first.nbytes)
    except Cancelled:
        return
    except BaseException as error:
        queue.close(error)
    else:
        queue.close()


def _encode(queue: ByteQueue[_Frame], sink: Sink, failures: list[BaseException]) -> None:
    try:
        for planes, time in queue:
            if planes:
                sink.write(planes, time)
            else:
                sink.skip(time)
    except BaseException as error:
        failures.append(error)
        queue.cancel()
