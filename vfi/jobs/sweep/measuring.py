"""The points of a sweep, each kept in a file: scored wherever that is done, then timed here."""

import contextlib
import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from vfi import reporting
from vfi.jobs.executors import Executor, Failed, InProcess
from vfi.jobs.sweep.points import Laboratory, Point
from vfi.jobs.sweep.records import Record, kept
from vfi.stopping import Stopped

logger = logging.getLogger(__name__)

Records = dict[str, Record | Failed]
"""By the names of points."""

Workers = Callable[[], contextlib.AbstractContextManager[Executor]]


class Points:
    """Measures points, but those that are kept and still hold.

    Args:
        laboratory: measures one.
        points: in order.
        folder: of their files.
        workers: opens what scores them, if there is something to score.
    """

    def __init__(
        self, laboratory: Laboratory, points: Sequence[Point], folder: Path, workers: Workers
    ) -> None:
        self._laboratory = laboratory
        self._points = points
        self._folder = folder
        self._workers = workers
        self._records: Records = {}

    def measure(self) -> Records:
        """What is known of all points then; of one that was given up, why."""
        for point in self._points:
            record = kept(self._path(point.name), self._laboratory.fingerprint(point))
            if record is not None:
                self._records[point.name] = record
        with self._telling_of_a_stop():
            self._score([point for point in self._points if point.name not in self._records])
            self._time()
        return {point.name: self._records[point.name] for point in self._points}

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _score(self, points: Sequence[Point]) -> None:
        if not points:
            return
        with self._workers() as workers, _progress() as progress:
            overall = progress.add_task("points scored", total=len(points))
            measure = self._laboratory.measure
            if isinstance(workers, InProcess):
                current = progress.add_task(
                    "triplets", total=self._laboratory.triplets * len(points)
                )
                measure = partial(measure, advance=partial(progress.advance, current))
            for point, record in zip(points, workers.map(measure, points), strict=True):
                self._keep(point.name, record)
                progress.advance(overall)

    def _time(self) -> None:
        """Times what was scored, when nothing else runs."""
        untimed = {n: r for n, r in self._records.items() if isinstance(r, dict) and "untimed" in r}
        with _progress() as progress:
            for name, record in progress.track(untimed.items(), description="points timed"):
                self._keep(name, self._laboratory.timed(record))

    def _keep(self, name: str, record: Record | Failed) -> None:
        if not isinstance(record, Failed):
            reporting.write_json(record, self._path(name))
        self._records[name] = record

    @contextlib.contextmanager
    def _telling_of_a_stop(self) -> Iterator[None]:
        try:
            yield
        except (KeyboardInterrupt, Stopped) as stop:
            logger.warning(
                "stopped; %d of %d points are kept in %s, the same command goes on from there",
                len(self._records), len(self._points), self._folder,
            )  # fmt: skip
            number = stop.signal if isinstance(stop, Stopped) else signal.SIGINT
            raise Stopped(number, said=True) from stop


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True)
