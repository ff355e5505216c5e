"""The command that finds the best model, runtime and precision for this device and a budget."""

import dataclasses
import importlib.util
import itertools
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from rich.progress import Progress

from vfi import reporting
from vfi.checkpoints import registry
from vfi.files import writable_folder
from vfi.jobs.apart import Apart, Trial, apart
from vfi.jobs.selection import Budget, Candidate, Search, choose
from vfi.measure.conditions import check_positive, parse_size
from vfi.measure.latency import in_turns
from vfi.models.device import cores, usable
from vfi.reporting import qualities as tables
from vfi.runtime.autocast import has_bfloat16
from vfi.runtime.extras import installed
from vfi.runtime.load import MEAN_ERROR, RUNTIMES, Precision, Runtime, ranges_of
from vfi.runtime.openvino import capabilities
from vfi.runtime.ways import AUTO, Way, remember
from vfi.shipped import folder

logger = logging.getLogger(__name__)

_CALLS = 5
_ENOUGH = 1.5  # seconds of calls
_ROUNDS = 15
_FLOW_SCALES = (1.0, 0.5)
_PACKAGES = {"torch": (), "openvino": ("openvino",), "onnxruntime": ("onnxruntime", "onnxscript")}


def select(
    budget: str,
    size: str = "640x360",
    quality_first: bool = False,
    models: list[str] | None = None,
    threads: list[int] | None = None,
    seconds: int = 180,
    device: str = "cpu",
    qualities: str | None = None,
    output: str | None = "runs/select",
) -> None:
    """Finds the best way of making frames on this device within a budget, for ``--model auto``.

    Times models in every runtime, precision, number of threads and flow scale that runs here, each
    in a process of its own, and takes the quality of exactly that from a table of measured figures.
    What nobody measured is shown, and not recommended.

    Args:
        budget: for a new frame: 20fps, 30ms, or realtime, which is 24 new frames a second.
            Decoding and encoding take their own time.
        size: of the frames, WIDTHxHEIGHT in pixels.
        quality_first: take the highest PSNR that fits; else the fastest within 0.1 dB of that.
        models: names or paths; those that are released and on this machine if not given.
        threads: of the network; all cores and half of them if not given.
        seconds: at most, for all the timing.
        device: cpu, cuda or cuda:N.
        qualities: file of measured quality that `vfi benchmark` wrote; the package's own if not
            given.
        output: folder for select.json, select.csv and select.svg.

    Raises:
        FileNotFoundError: if a path holds no file.
        ValueError: if the budget, the size or a model is none, or nothing runs.
    """
    allowed = Budget(budget)
    width, height = parse_size(size)
    check_positive(seconds=seconds)
    usable(device)
    if qualities and not Path(qualities).is_file():
        raise FileNotFoundError(f"there is no file {qualities}; give what `vfi benchmark` wrote")
    known = tables.read(Path(qualities) if qualities else folder("checkpoints") / tables.FILE)
    target = writable_folder(output) if output else None
    counts = _thread_counts() if threads is None else threads
    if not counts:
        raise ValueError("threads is []; give one number or more")
    ways = list(_ways(models or _released(), device))
    trial = Trial(ways[0], height, width, device=device)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        stopwatch = _Stopwatch(trial, known, seconds, progress)
        search = Search(stopwatch, allowed)
        candidates = search.run(ways, counts)
    if not candidates:
        raise ValueError(f"nothing runs: {next(iter(search.left_out.values()), 'no model')}")
    chosen = choose(candidates, allowed, quality_first)
    rows = [_row(candidate, allowed, chosen) for candidate in candidates]
    _show(rows, f"{size}, {allowed.text} ({allowed.ms:.1f} ms a frame)", search.left_out)
    if target:
        _write(rows, search.left_out, {"budget": allowed.text, "size": size}, target)
    _recommend(chosen, candidates, allowed, size)


def _released() -> list[str]:
    """The models that are on this machine."""
    return [name for name in registry.names() if registry.path_of(name) is not None]


def _thread_counts() -> list[int]:
    """All cores that this process may use, and half of them."""
    return list(dict.fromkeys((cores(), max(1, cores() // 2))))


def _ways(models: Sequence[str], device: str) -> Iterator[Way]:
    """Models in every runtime that is installed; first what is fast on most machines."""
    unknown = [m for m in models if m not in registry.names() and not Path(m).is_file()]
    if unknown:
        raise ValueError(f"no weights named {unknown[0]!r}; known names are {registry.names()}")
    kinds = [
        (kind, bits)
        for kind in ("openvino", "torch", "onnxruntime")
        for bits in reversed(RUNTIMES[kind])
        if _able(kind, bits, device)
    ]
    whole, *scaled = _FLOW_SCALES
    for (kind, bits), model in itertools.product(kinds, models):
        if bits != "int8" or ranges_of(model).is_file():
            yield Way(model, cast(Runtime, kind), cast(Precision, bits), flow_scale=whole)
    for scale, model in itertools.product(scaled, models):  # compiled networks have one scale
        yield Way(model, "torch", "float32", flow_scale=scale)


def _able(kind: str, bits: str, device: str) -> bool:
    """Whether a runtime is installed, and the processor made for the precision."""
    if device != "cpu" or not all(map(installed, _PACKAGES[kind])):
        return device != "cpu" and kind == "torch"
    if bits == "bfloat16":
        return has_bfloat16() if kind == "torch" else "BF16" in capabilities()
    return bits != "float16" and (bits != "int8" or "INT8" in capabilities())


class _Stopwatch:
    """The `vfi.jobs.selection.Timer` of real processes.

    Args:
        trial: the conditions; the way is replaced.
        known: measured quality.
        seconds: of the whole search.
        progress: shows what is timed.
    """

    def __init__(
        self,
        trial: Trial,
        known: Mapping[tables.Key, Mapping[str, Any]],
        seconds: float,
        progress: Progress,
    ) -> None:
        self._trial = trial
        self._known = known
        self._end = time.monotonic() + seconds
        self._progress = progress
        self._bar = progress.add_task("", total=seconds)
        self._seconds = seconds

    def left(self) -> float:
        """Seconds until the search should be over."""
        return self._end - time.monotonic()

    def alone(self, way: Way) -> Candidate:
        """A process that makes a few frames.

        Raises:
            ValueError: if the machine computes in another precision than that of the way.
        """
        self._tell(way.label)
        with Apart(dataclasses.replace(self._trial, way=way)) as process:
            facts = process.ask("facts")
            if way.precision != facts["precision"]:
                raise ValueError(f"{way.precision} is {facts['precision']} on this machine")
            process.once()
            times: list[float] = []
            while len(times) < _CALLS and sum(times) < _ENOUGH:
                times.append(process.once())
            return self._candidate(way, facts, process.ask("parity")["difference"], times)

    def together(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Processes that are asked in turns, for as many rounds as there is time for."""
        self._tell("the best in turns")
        trials = {
            str(i): dataclasses.replace(self._trial, way=c.way) for i, c in enumerate(candidates)
        }
        with apart(trials) as processes:
            for process in processes.values():
                process.ask("facts")
            a_round = sum(c.median_ms for c in candidates) / 1e3
            rounds = min(_ROUNDS, max(3, int(self.left() / a_round) - 1))
            times = in_turns({n: p.once for n, p in processes.items()}, 1, rounds)
        return [
            dataclasses.replace(candidate, seconds=tuple(map(float, times[str(i)])))
            for i, candidate in enumerate(candidates)
        ]

    def _candidate(
        self, way: Way, facts: Mapping[str, Any], difference: float, times: Sequence[float]
    ) -> Candidate:
        scale = way.flow_scale or 1.0
        row = self._known.get(tables.key_of({**facts, "flow_scale": scale}))
        reason = "quality not measured" if row is None else None
        if scale == 1 and difference > MEAN_ERROR:
            reason = f"differs from torch here by {difference:.4f}"
        return Candidate(way, tuple(times), row["psnr"] if row else None, reason)

    def _tell(self, what: str) -> None:
        done = self._seconds - self.left()
        self._progress.update(self._bar, description=f"timing {what}", completed=done)


def _row(candidate: Candidate, budget: Budget, chosen: Candidate | None) -> dict[str, Any]:
    way = candidate.way
    slow = f"over {budget.text}" if candidate.median_ms > budget.ms else ""
    return {
        "model": way.model,
        "runtime": way.runtime,
        "precision": way.precision,
        "threads": way.threads,
        "flow_scale": way.flow_scale,
        "median_ms": candidate.median_ms,
        "p90_ms": candidate.p90_ms,
        "fps": 1e3 / candidate.median_ms,
        "psnr": candidate.psnr,
        "verdict": "recommended" if candidate is chosen else candidate.reason or slow or "fits",
    }


def _show(rows: list[dict[str, Any]], title: str, left_out: Mapping[str, str]) -> None:
    reporting.table(title, rows, "PSNR as measured on held-out triplets, see qualities.json")
    for name, reason in left_out.items():
        logger.debug("not timed: %s: %s", name, reason)
    late = [name for name, reason in left_out.items() if "no time" in reason]
    if late:
        logger.warning("no time left for %d ways, e.g. %s; give more --seconds", len(late), late[0])
    unknown = [row for row in rows if row["verdict"] == "quality not measured"]
    if unknown:
        logger.info(
            "%d ways are not recommended because their quality was not measured; `vfi benchmark "
            "--data ... --qualities FILE` does that",
            len(unknown),
        )


def _write(
    rows: list[dict[str, Any]], left_out: Mapping[str, str], asked: Mapping[str, str], target: Path
) -> None:
    record = {
        **asked, "ways": rows, "left_out": left_out, "environment": reporting.environment()
    }  # fmt: skip
    reporting.write_json(record, target / "select.json")
    reporting.write_csv(rows, target / "select.csv")
    measured = [row for row in rows if row["psnr"] is not None]
    if not (importlib.util.find_spec("matplotlib") and importlib.util.find_spec("pandas")):
        logger.info("no picture: matplotlib and pandas are not installed (extra report)")
    elif measured:
        import pandas as pd

        from vfi.reporting.curves import pareto_plot

        data = pd.DataFrame(measured)
        data["way"] = (data["runtime"] + " " + data["precision"]).str.removesuffix(" float32")
        pareto_plot(
            data, "fps", "psnr", "model", target / "select.svg", label="way",
            x_label="new frames a second", title=asked["size"],
        )  # fmt: skip
    logger.info("wrote %s", target)


def _recommend(
    chosen: Candidate | None, candidates: Sequence[Candidate], budget: Budget, size: str
) -> None:
    """Says what to do, and keeps it for ``--model auto``."""
    if chosen is None:
        able = [c for c in candidates if c.psnr is not None and c.reason is None]
        fastest = min(able or candidates, key=lambda c: c.median_ms)
        logger.warning(
            "nothing of measured quality fits %s at %s; the fastest is %s with %.1f ms; nothing is "
            "kept for --model auto",
            budget.text,
            size,
            fastest.way.label,
            fastest.median_ms,
        )
        return
    path = remember(chosen.way, budget=budget.text, size=size, median_ms=chosen.median_ms)
    logger.info(
        "%s: %.1f ms a frame, %.2f dB; kept in %s for --model %s\n  vfi interpolate in.mp4 %s",
        chosen.way.label,
        chosen.median_ms,
        chosen.psnr,
        path,
        AUTO,
        chosen.way.options,
    )
