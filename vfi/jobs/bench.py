"""Measures models in processes of their own, in turns, and sets them beside the dense one."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from rich.console import Console
from rich.progress import track

from vfi.data.sources import ValData, open_source
from vfi.jobs.apart import Apart, Trial, apart
from vfi.jobs.executors import Executor, Failed
from vfi.jobs.subject import Subject
from vfi.measure.latency import figures, in_turns

logger = logging.getLogger(__name__)

Row = dict[str, Any]

PAYS = 1.05
"""How many times as fast as the dense network a compact one must be to be called faster."""


class Bench:
    """Measures groups of trials.

    Args:
        warmup: rounds before those that count.
        repeats: rounds that count.
        data: what quality is measured on; None measures none.
        limit: triplets of it.
        workers: measures quality elsewhere than the times; None asks the processes that are timed.

    Attributes:
        left_out: what could not be measured, and why.
        dataset: the set that quality was measured on.
    """

    def __init__(
        self,
        warmup: int,
        repeats: int,
        data: ValData | None,
        limit: int | None,
        workers: Executor | None = None,
    ) -> None:
        self.left_out: dict[str, str] = {}
        self.dataset = open_source(data).identity() if data else {}
        self._warmup, self._repeats = warmup, repeats
        self._data, self._limit = data, limit
        self._workers = workers
        self._qualities: dict[tuple[str, float | None], Row] = {}

    def group(self, trials: Mapping[str, Trial]) -> list[Row]:
        """A row for each trial that can run; they are timed in turns."""
        with apart(trials) as processes:
            facts = self._facts(processes)
            calls = {name: processes[name] for name in facts}
            self._measure_quality([process.trial for process in calls.values()])
            times = in_turns(
                {name: process.once for name, process in calls.items()},
                self._warmup,
                self._repeats,
                progress=True,
            )
            rows = {
                name: {
                    "model": name,
                    "name": process.trial.way.model,
                    **facts[name],
                    **process.ask("costs"),
                    **_conditions(process.trial),
                    "repeats": self._repeats,
                    **figures(times[name], times[next(iter(times))], process.trial.batch),
                    **self._quality(process),
                }
                for name, process in _shown(calls, "quality" if self._data else "costs")
            }
        for name, row in _shown(rows, "memory"):
            row |= _afresh(trials[name])
        return beside_dense(list(rows.values()))

    def _facts(self, processes: Mapping[str, Apart]) -> dict[str, Row]:
        """What runs, of those that do; two that run alike are one."""
        known: dict[str, Row] = {}
        for name, process in _shown(processes, "loading"):
            try:
                facts = process.ask("facts")
            except ValueError as error:
                self._leave_out(name, str(error))
                continue
            way = process.trial.way
            if way.precision not in ("auto", facts["precision"]):
                self._leave_out(name, f"{way.precision} is {facts['precision']} on this machine")
            elif facts["runtime"] != "torch" and way.flow_scale not in (None, 1):
                self._leave_out(name, f"flow_scale {way.flow_scale:g} runs in torch alone")
            else:
                known[name] = facts
        if not known:
            raise ValueError(f"nothing can be measured: {self.left_out[next(iter(processes))]}")
        return known

    def _leave_out(self, name: str, reason: str) -> None:
        logger.warning("%s is left out: %s", name, reason)
        self.left_out[name] = reason

    def _measure_quality(self, trials: Sequence[Trial]) -> None:
        """Has the workers measure what `_quality` will be asked for; one that fails says why."""
        if self._data is None or self._workers is None:
            return
        new = {_key(trial): trial for trial in trials if _key(trial) not in self._qualities}
        measure = partial(quality_of, data=dataclasses.asdict(self._data), limit=self._limit)
        results = self._workers.map(measure, list(new.values()))
        for key, row in zip(new, results, strict=True):
            self._qualities[key] = {"failed": row.reason} if isinstance(row, Failed) else row

    def _quality(self, process: Apart) -> Row:
        """What the frames are worth; of one size, batch and number of threads it is that of all."""
        key = _key(process.trial)
        if key not in self._qualities:
            if self._data is None:
                self._qualities[key] = process.ask("parity")
            else:
                fields = dataclasses.asdict(self._data)
                self._qualities[key] = process.ask("quality", data=fields, limit=self._limit)
        return self._qualities[key]


def quality_of(trial: Trial, data: Mapping[str, Any], limit: int | None) -> Row:
    """See `vfi.jobs.subject.Subject.quality`, in this process."""
    return Subject(trial).quality(data, limit)


def _key(trial: Trial) -> tuple[str, float | None]:
    return trial.way.label, trial.way.flow_scale


def _shown(items: Mapping[str, Any], label: str) -> Any:
    console = Console(stderr=True)
    return track(items.items(), label, total=len(items), console=console, transient=True)


def _conditions(trial: Trial) -> Row:
    return {
        **{k: getattr(trial, k) for k in ("height", "width", "batch", "device", "channels_last")},
        "threads": trial.way.threads,
        "flow_scale": float(trial.way.flow_scale or 1),
    }


def _afresh(trial: Trial) -> Row:
    """What a process takes that starts now, all conversions being in the cache."""
    with Apart(trial) as process:
        facts = process.ask("facts")
        return {"ready_again_s": facts["ready_s"], "peak_memory_mib": process.ask("peak")}


def beside_dense(rows: list[Row]) -> list[Row]:
    """The rows with ``same_runtime``, the speed over the first model there, and what that means."""
    dense = {(r["runtime"], r["precision"]): r for r in rows if r["name"] == rows[0]["name"]}
    for row in rows:
        other = dense.get((row["runtime"], row["precision"]))
        row["same_runtime"] = other["median_ms"] / row["median_ms"] if other else None
        row["note"] = _note(row, other) if other is not row else None
    return rows


def _note(row: Row, dense: Row | None) -> str | None:
    """Why pruning does not pay, where it does not."""
    if dense is None:
        return "the first model does not run in this way"
    if row["same_runtime"] >= PAYS or "flops" not in row:
        return None
    share = row["flops"] / dense["flops"]
    return (
        f"does not pay: {share:.0%} of the operations of {dense['name']} take "
        f"{1 / row['same_runtime']:.0%} of its time; the rest is not convolution"
    )
