"""Decoding, inference and encoding in threads of their own, through queues bounded in bytes."""

import contextlib
import functools
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from vfi.video.make.predict import Predictor, Request
from vfi.video.make.queues import ByteQueue, Cancelled
from vfi.video.make.recent import Recent
from vfi.video.read.source import Picture
from vfi.video.timing.steps import Step
from vfi.video.timing.timeline import Slot
from vfi.video.write.sinks import Sink

QUEUE_BYTES = 32 << 20

_TOGETHER = 4
"""Frames of one pair that are made at once, if not more are asked for: they share work."""

_Frame = tuple[list[np.ndarray], Fraction]
_Waiting = list[tuple[Picture | Request | None, Fraction]]


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
        convert = functools.partial(Picture.whole, device=device)
        # One more waits, so that no worker does: except where frames are wanted at once.
        self._ahead = 0 if sink.pace else predictor.workers + (predictor.workers > 1)
        self._rgb: Recent[Picture, Tensor] = Recent(convert, self._ahead + 3)
        self._pool = ThreadPoolExecutor(predictor.workers, "network")
        self._running: deque[Future[list[_Frame]]] = deque()
        self._waiting: _Waiting = []
        self._stored = 0
        self.written = 0
        self.generated = 0
        self.dropped = 0

    def run(self, steps: Generator[Step, None, None]) -> None:
        """Carries out all steps.

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
            self._deliver(computed)
        except Cancelled:
            pass  # the encoder failed, and says why below
        except BaseException:
            computed.cancel()
            raise
        finally:
            self._pool.shutdown(cancel_futures=True)
            decoded.cancel()
            computed.close()
            decoder.join()
            encoder.join()
        if failures:
            raise failures[0]

    def _carry_out(self, step: Step, computed: ByteQueue[_Frame]) -> None:
        for number, slot in enumerate(step.slots, start=1):
            if self.written < self._stored:
                computed.put(([], slot.time), 0)  # the first of all: nothing is running yet
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
        if not requests:  # alone, an original would take a new frame's place among what is ahead
            return whole or self._sink.pace is not None
        enough = self._predictor.batch_size
        if self._sink.pace is None and enough == 1:
            enough = 1 if whole else _TOGETHER
        return requests >= enough and (whole or self._predictor.any_timestep)

    def _flush(self, computed: ByteQueue[_Frame]) -> None:
        """Has what waits made, and hands on what is made."""
        self.generated += sum(isinstance(content, Request) for content, _ in self._waiting)
        self._running.append(self._pool.submit(self._make, self._waiting))
        self._waiting = []
        self._deliver(computed, self._ahead)

    def _deliver(self, computed: ByteQueue[_Frame], left: int = 0) -> None:
        """Hands frames on in their order, until so many pieces of work are left."""
        while len(self._running) > left:
            for planes, shown in self._running.popleft().result():
                computed.put((planes, shown), sum(plane.nbytes for plane in planes))

    def _make(self, waiting: _Waiting) -> list[_Frame]:
        requests = [content for content, _ in waiting if isinstance(content, Request)]
        start = time.perf_counter()
        made = iter(self._predictor(requests))
        if requests and self._sink.pace is not None:
            self._sink.pace.took((time.perf_counter() - start) / len(requests))
        return [(self._planes(content, made), shown) for content, shown in waiting]

    def _planes(
        self, content: Picture | Request | None, made: Iterator[Tensor]
    ) -> list[np.ndarray]:
        if content is None:
            return []
        if isinstance(content, Picture):
            return self._original(content)
        return self._sink.planes(next(made))

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
