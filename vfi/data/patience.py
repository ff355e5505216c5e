"""Waiting no longer than agreed for what may never come: a dead disk, a server that is silent."""

import math
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, cast

Item = TypeVar("Item")

_AHEAD = 4  # items that wait to be taken, at most
_SLICE = 1.0  # seconds; a process that was stopped for a while has not waited meanwhile


class TooSlowError(ValueError):
    """Nothing came for as long as agreed."""


def check_patience(seconds: float) -> None:
    """Raises ValueError for a time in which nothing can come, or that never ends."""
    if not 0 < seconds < math.inf:
        raise ValueError(f"patience is {seconds}; it must be seconds above 0")


def patiently(items: Callable[[], Iterable[Item]], seconds: float) -> Iterator[Item]:
    """The items, made by a thread that is left to itself once it keeps one waiting.

    Args:
        items: makes them; what it raises is raised here.
        seconds: to wait for each.

    Raises:
        TooSlowError: if one does not come.
    """
    ready: queue.Queue[tuple[str, Any]] = queue.Queue(_AHEAD)
    given_up = threading.Event()

    def put(kind: str, value: object) -> bool:
        while not given_up.is_set():
            try:
                ready.put((kind, value), timeout=_SLICE)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items():
                if not put("item", item):
                    return
            put("end", None)
        except BaseException as error:
            put("error", error)

    threading.Thread(target=work, daemon=True).start()
    try:
        while True:
            kind, value = _next(ready, seconds)
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield cast(Item, value)
    finally:
        given_up.set()


def _next(ready: "queue.Queue[tuple[str, Any]]", seconds: float) -> tuple[str, Any]:
    left = seconds
    while left > 0:
        try:
            return ready.get(timeout=min(_SLICE, left))
        except queue.Empty:
            left -= _SLICE
    raise TooSlowError(f"nothing came for {seconds:g} s")


def within(seconds: float, work: Callable[[], Item]) -> Item:
    """What a call gives, if it gives it in time.

    Raises:
        TooSlowError: if it does not; it goes on in a thread of its own.
    """
    return next(patiently(lambda: [work()], seconds))
