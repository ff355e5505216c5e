"""Signals end a command wherever they find it."""

import signal
import sys
import time

import pytest

from vfi.stopping import Stopped, handling, stoppable


class Signalled:
    """Is sent a signal while it is taken down, where Python ignores what is raised."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


def work(number: signal.Signals) -> None:
    """Is signalled in such a moment, and goes on for long enough to know that no signal comes."""
    # in a shell's background, Python begins with Ctrl-C ignored
    with handling(signal.default_int_handler, signal.SIGINT), stoppable():
        Signalled(number)
        for _ in range(1000):
            time.sleep(0.01)


@pytest.mark.parametrize(("number", "end"), [("SIGTERM", Stopped), ("SIGINT", KeyboardInterrupt)])
def test_a_signal_that_python_ignores_comes_again(number, end):
    before = sys.unraisablehook
    with pytest.raises(end) as stop:
        work(signal.Signals[number])
    assert sys.unraisablehook is before
    if end is Stopped:
        assert stop.value.status == 143


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no such signal")
def test_a_closed_terminal_ends_a_command_unless_it_was_started_for_that():
    with pytest.raises(Stopped) as stop, stoppable():
        signal.raise_signal(signal.SIGHUP)
    assert stop.value.status == 129
    with handling(signal.SIG_IGN, signal.SIGHUP):  # as nohup does
        with stoppable():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_other_errors_that_python_ignores_are_told_as_before(monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda ignored: told.append(ignored.exc_value))

    class Broken:
        def __del__(self) -> None:
            raise ValueError("broken")

    with stoppable():
        Broken()
    assert [str(error) for error in told] == ["broken"]
