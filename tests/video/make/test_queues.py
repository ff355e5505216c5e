import threading
import time

import pytest

from vfi.video.make.queues import ByteQueue, Cancelled


def produce(queue: ByteQueue, count: int, size: int, error: BaseException | None = None):
    def work() -> None:
        try:
            for item in range(count):
                queue.put(item, size)
        except Cancelled:
            return
        queue.close(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_items_arrive_in_order_and_bytes_are_bounded():
    queue: ByteQueue[int] = ByteQueue(100)
    thread = produce(queue, 50, 40)
    received = []
    for item in queue:
        time.sleep(0.001)
        received.append(item)
    thread.join(timeout=5)
    assert received == list(range(50))
    assert queue.peak <= 100 + 40


def test_an_item_larger_than_the_limit_passes():
    queue: ByteQueue[int] = ByteQueue(10)
    produce(queue, 3, 1000)
    assert list(queue) == [0, 1, 2]


def test_the_producers_error_reaches_the_consumer_after_its_items():
    queue: ByteQueue[int] = ByteQueue(1000)
    produce(queue, 2, 1, RuntimeError("disk on fire"))
    received = []
    with pytest.raises(RuntimeError, match="disk on fire"):
        received.extend(queue)
    assert received == [0, 1]


def test_a_consumer_that_stops_frees_the_producer():
    queue: ByteQueue[int] = ByteQueue(10)
    thread = produce(queue, 1000, 10)
    next(iter(queue))
    queue.cancel()
    thread.join(timeout=5)
    assert not thread.is_alive()
    assert list(queue) == []


def test_limit_is_checked():
    with pytest.raises(ValueError, match="limit is 0"):
        ByteQueue(0)
