"""What the app does with what it is given; it knows nothing of pages.

Every run has a folder of its own with a name that nobody can guess. A session sees the folder of
its own last run and no other; it is removed with the next run, when the session ends, and when the
app does.
"""

import os
import queue
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vfi.jobs.app_order import Limits, Order
from vfi.runtime.resolve import resolve_model
from vfi.video.job import prepare, run
from vfi.video.settings import Settings
from vfi.video.summary import Summary

TOLD_EVERY = 0.25  # seconds


@dataclass(frozen=True)
class State:
    """How far a run is.

    Attributes:
        done: output frames.
        total: of how many, if that is known.
        left: seconds to go, if that is known.
    """

    done: int = 0
    total: int | None = None
    left: float | None = None


@dataclass(frozen=True)
class Made:
    """A finished run.

    Attributes:
        original: the file, or the first picture, in the run's folder.
        result: likewise.
        summary: what was done, with paths in the run's folder.
        command: the command line that does the same.
        slowness: how many times as slowly the result plays.
    """

    original: Path
    result: Path
    summary: Summary
    command: str
    slowness: float

    def told(self) -> dict[str, str]:
        """The summary in words, with the names of files alone."""
        rows = self.summary.told()
        del rows["record"]
        return {name: _without(self.result.parent, text) for name, text in rows.items()}


class Stop(Exception):
    """Somebody asked a run to end."""


@dataclass
class _Run:
    folder: Path
    stop: threading.Event = field(default_factory=threading.Event)


class Workshop:
    """Carries out orders, each session's by itself.

    Args:
        root: a private folder, which `close` removes.
        limits: of each order.
    """

    def __init__(self, root: Path, limits: Limits) -> None:
        self.limits = limits
        self._root = root
        self.results = root / "runs"
        self.results.mkdir(mode=0o700)
        self._runs: dict[str, _Run] = {}

    def make(self, session: str, order: Order) -> Iterator[State | Made]:
        """Carries out an order, tells how far it is, and gives the result last.

        Raises:
            Stop: if `stop` or `leave` ends it.
            ValueError: if it cannot be done, in the words of the command line.
        """
        self.leave(session)
        current = _Run(self.results / secrets.token_urlsafe(18))
        current.folder.mkdir(mode=0o700)
        self._runs[session] = current
        told: queue.Queue[State | Made | BaseException] = queue.Queue()
        worker = threading.Thread(target=self._work, args=(current, order, told), daemon=True)
        worker.start()
        while True:
            state = told.get()
            if isinstance(state, BaseException):
                self.leave(session)
                raise state
            yield state
            if isinstance(state, Made):
                return

    def stop(self, session: str) -> None:
        """Ends the run of a session, if there is one, at its next frame."""
        if current := self._runs.get(session):
            current.stop.set()

    def leave(self, session: str) -> None:
        """Ends what a session does and removes what it has."""
        if current := self._runs.pop(session, None):
            current.stop.set()
            shutil.rmtree(current.folder, ignore_errors=True)

    def close(self) -> None:
        """Ends everything and removes all files."""
        for session in list(self._runs):
            self.leave(session)
        shutil.rmtree(self._root, ignore_errors=True)

    def _work(self, current: _Run, order: Order, told: "queue.Queue[Any]") -> None:
        try:
            told.put(self._made(current, order, told))
        except (ValueError, OSError) as error:
            told.put(ValueError(_without(current.folder, str(error))))
        except BaseException as error:
            told.put(error)
        finally:
            if current.stop.is_set():  # whatever was written after the folder was removed
                shutil.rmtree(current.folder, ignore_errors=True)

    def _made(self, current: _Run, order: Order, told: "queue.Queue[Any]") -> Made:
        files = [_linked(path, current.folder) for path in order.files]
        output = current.folder / order.output
        second = str(files[1]) if len(files) > 1 else None
        options = Settings(second=second, **order.settings)
        job = prepare(files[0], output, options)
        self.limits.check(job)
        told.put(State())
        network, name = resolve_model(order.model, "auto", order.runtime)
        clock = _Clock(current.stop, self.limits, told)
        summary = run(job, network, name, clock.tell)
        if current.stop.is_set():
            raise Stop
        return Made(files[0], output, summary, order.command, float(options.slowness))


class _Clock:
    """Tells now and then how far a run is, and ends it when it is to end."""

    def __init__(self, stop: threading.Event, limits: Limits, told: "queue.Queue[Any]") -> None:
        self._stop, self._limits, self._told = stop, limits, told
        self._begun = self._last = time.monotonic()

    def tell(self, done: int, total: int | None) -> None:
        if self._stop.is_set():
            raise Stop
        self._limits.check_frames(done)
        now = time.monotonic()
        if now - self._last < TOLD_EVERY:
            return
        self._last = now
        left = (now - self._begun) / done * (total - done) if total else None
        self._told.put(State(done, total, left and max(left, 0.0)))


def _linked(path: Path, folder: Path) -> Path:
    """The same file in a run's folder, of which it is a part from now on."""
    new = folder / path.name
    if new.exists():
        new = folder / f"second_{path.name}"
    try:
        os.link(path, new)
    except OSError:  # another disk, or one without links
        shutil.copyfile(path, new)
    return new


def _without(folder: Path, text: str) -> str:
    """What is said of files in a run's folder, by their names."""
    return text.replace(f"{folder.resolve()}{os.sep}", "").replace(f"{folder}{os.sep}", "")
