"""A queue between two threads that holds a bounded number of bytes."""

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Cancelled(Exception):
    """The other end has given up; there is no use in going on."""


class ByteQueue(Generic[Item]):
    """Hands items from one producing thread to one consuming thread, in order.

    The producer waits while ``limit`` bytes or more are in it; whatever the frame size, the queue
    holds at most that and one item. Either end can end it: an error of the producer is
    raised in the consumer, and a consumer that stops makes `put` raise `Cancelled`.

    Args:
        limit: bytes.
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"limit is {limit} bytes; it must be at least 1")
        self._limit = limit
        self._items: deque[tuple[Item, int]] = deque()
        self._bytes = 0
        self._closed = False
        self._cancelled = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self.peak = 0

    def put(self, item: Item, size: int) -> None:
        """Adds an item of ``size`` bytes, waiting for room.

        Raises:
            Cancelled: if the consumer has stopped.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._cancelled or self._bytes < self._limit)
            if self._cancelled:
                raise Cancelled
            self._items.append((item, size))
            self._bytes += size
            self.peak = max(self.peak, self._bytes)
            self._changed.notify_all()

    def close(self, error: BaseException | None = None) -> None:
        """Ends the queue; after its items the consumer sees the end, or ``error``."""
        with self._changed:
            self._closed, self._error = True, error
            self._changed.notify_all()

    def cancel(self) -> None:
        """Stops the producer and forgets the items."""
        with self._changed:
            self._cancelled = True
            self._items.clear()
            self._bytes = 0
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Item]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._closed or self._cancelled)
                if not self._items:
                    if self._error is not None and not self._cancelled:
                        raise self._error
                    return
                item, size = self._items.popleft()
                self._bytes -= size
                self._changed.notify_all()
            yield item
