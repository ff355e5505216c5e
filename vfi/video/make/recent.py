"""What was made of the last few frames, for all threads that need it."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

Frame = TypeVar("Frame")
Made = TypeVar("Made")


class Recent(Generic[Frame, Made]):
    """Makes something of a frame once; a frame is part of two pairs, and serves many times.

    Args:
        make: what is made of a frame, which is told from others by its identity.
        kept: frames remembered.
    """

    def __init__(self, make: Callable[[Frame], Made], kept: int) -> None:
        self._make = make
        self._kept = kept
        self._known: OrderedDict[int, tuple[Frame, Future[Made]]] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, frame: Frame) -> Made:
        """Made now, or before, or by another thread that is at it: then it is waited for."""
        with self._lock:
            found = self._known.get(id(frame))
            future: Future[Any] = found[1] if found else Future()
            self._known[id(frame)] = frame, future  # the frame is held, so its id stays its own
            self._known.move_to_end(id(frame))
            while len(self._known) > self._kept:
                self._known.popitem(last=False)
        if found is None:
            try:
                future.set_result(self._make(frame))
            except BaseException as error:
                future.set_exception(error)
        return future.result()
