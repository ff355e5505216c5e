import threading
import time

import pytest

from vfi.video.make.recent import Recent


def test_each_is_made_once_however_many_threads_ask():
    made: list[object] = []

    def make(frame: object) -> int:
        time.sleep(0.02)
        made.append(frame)
        return len(made)

    recent, frame, answers = Recent(make, 2), object(), []
    threads = [threading.Thread(target=lambda: answers.append(recent(frame))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=5)
    assert made == [frame]
    assert answers == [1] * 4


def test_the_last_asked_for_are_kept():
    made: list[str] = []
    recent = Recent(lambda name: made.append(name), 2)
    for name in ("a", "b", "a", "c", "a", "b"):
        recent(name)
    assert made == ["a", "b", "c", "b"]


def test_a_failure_reaches_who_asked():
    def fail(_: object) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Recent(fail, 1)(object())
