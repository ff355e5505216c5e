"""What a signal does to a command: it ends in one line, and its exit status tells which it was."""

import _thread
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

ENDING = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)
"""Signals that ask a process to end, besides Ctrl-C: SIGHUP comes when a terminal is closed,
SIGBREAK is what Windows has for it."""

_AGAIN = 0.05  # seconds until a signal comes again


class Stopped(SystemExit):
    """A signal ended the command; the exit status is 128 and its number, 143 for SIGTERM.

    Attributes:
        signal: which one.
        status: the exit status.
        said: whether the user was told already.
    """

    def __init__(self, number: int, said: bool = False) -> None:
        self.status = 128 + number
        super().__init__(self.status)
        self.signal = signal.Signals(number)
        self.said = said


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)


@contextlib.contextmanager
def ending_at_once() -> Iterator[None]:
    """Ctrl-C and signals that ask to end do so in one line; for the time before there is anything
    to clear. An exception would abort the process in the C++ code that torch runs as it is loaded.
    """
    signals = signal.SIGINT, *ENDING
    with handling(_end, *(n for n in signals if signal.getsignal(n) != signal.SIG_IGN)):
        yield


def _end(number: int, frame: FrameType | None) -> None:
    with contextlib.suppress(OSError):  # a closed terminal cannot be written
        os.write(2, f"error: stopped by {signal.Signals(number).name}\n".encode())
    os._exit(128 + number)


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Signals that ask to end raise `Stopped`, so that temporary files and locks are cleared."""
    with handling(_stop, *ENDING), _insisting():
        yield


@contextlib.contextmanager
def _insisting() -> Iterator[None]:
    """A signal whose exception was ignored comes again.

    Python ignores what is raised in ``__del__`` and in callbacks of the garbage collector and of C,
    any of which may run when a signal arrives.
    """
    before = sys.unraisablehook

    def again(ignored: "sys.UnraisableHookArgs") -> None:
        error = ignored.exc_value
        if not isinstance(error, Stopped | KeyboardInterrupt):
            before(ignored)
            return
        number = error.signal if isinstance(error, Stopped) else signal.SIGINT
        timer = threading.Timer(_AGAIN, _thread.interrupt_main, (number,))  # here it would be lost
        timer.daemon = True
        timer.start()

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextlib.contextmanager
def handling(
    handler: Callable[[int, FrameType | None], Any], *numbers: signal.Signals
) -> Iterator[None]:
    """``handler`` takes these signals for a while; elsewhere than in the main thread nothing is
    changed, since Python allows it there alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers if not _nohup(number)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old if old is not None else signal.SIG_DFL)


def _nohup(number: signal.Signals) -> bool:
    """Whether the command was started so that the end of its terminal does not end it."""
    return number.name == "SIGHUP" and signal.getsignal(number) == signal.SIG_IGN
