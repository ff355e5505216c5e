"""What networks cost and give, in every runtime: size, operations, time, memory, quality."""

import dataclasses
import importlib.util
import itertools
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import track

from vfi import reporting
from vfi.checkpoints import load_network
from vfi.data.sources import ValData, open_source
from vfi.files import writable_folder
from vfi.jobs.apart import Apart, Trial, apart
from vfi.measure.conditions import check_positive, parse_size
from vfi.measure.latency import figures, in_turns
from vfi.models.device import usable
from vfi.reporting import qualities as tables
from vfi.runtime.load import RUNTIMES, Precision, Runtime
from vfi.runtime.ways import Way

logger = logging.getLogger(__name__)

Row = dict[str, Any]

PAYS = 1.05
"""How many times as fast as the dense network a compact one must be to be called faster."""

_SHOWN = (
    *("model", "runtime", "precision", "flops", "median_ms", "p90_ms", "fps", "speedup"),
    *("same_runtime", "ready_s", "peak_memory_mib"),
)
_QUALITY = ("psnr", "psnr_to_eager")


def benchmark(
    models: list[str] = ["rife_v4.0"],  # noqa: B006  (never changed; shown as the CLI's default)
    runtime: list[Runtime] = ["torch"],  # noqa: B006
    precision: list[Precision] = ["auto"],  # noqa: B006
    size: list[str] = ["640x480"],  # noqa: B006
    batch: list[int] = [1],  # noqa: B006
    threads: list[int] | None = None,
    flow_scale: list[float] = [1.0],  # noqa: B006
    warmup: int = 3,
    repeats: int = 20,
    channels_last: bool = True,
    device: str = "cpu",
    data: ValData | None = None,
    limit: int | None = None,
    output: str | None = None,
    qualities: str | None = None,
) -> None:
    """Measures models against each other, in any runtime: size, FLOPs, time, memory, quality.

    Each model in each runtime and precision is a process of its own, which rests while others are
    timed; every round asks each of them once. Memory is that of a fresh process.

    Args:
        models: names or paths as for `vfi.load_model`, with ``@RUNTIME`` or ``@RUNTIME/PRECISION``
            behind those that run in one way only: rife-fast@openvino/int8. The first is what the
            others compare to. A .py file whose ``load(device)`` gives a callable ``(img0, img1,
            timestep)`` takes part as somebody else's network.
        runtime: torch, openvino, onnxruntime; one or several, for the models that name none.
        precision: auto, float32, bfloat16, float16, int8; likewise, where the runtime has them.
        size: of the frames, WIDTHxHEIGHT in pixels; one or several.
        batch: pairs of frames in a call; likewise.
        threads: of the runtime; likewise. Torch's default if not given.
        flow_scale: resolution at which motion is estimated, of torch alone; likewise.
        warmup: rounds before the measured ones.
        repeats: measured rounds; each calls every model once.
        channels_last: memory layout of weights and frames in torch; true is mostly faster.
        device: cpu, cuda or cuda:N.
        data: what quality is measured on, if given.
        limit: triplets of it, from the first; all if not given.
        output: folder for benchmark.json, benchmark.csv and benchmark.png; nothing is written if
            not given.
        qualities: file that the measured quality is added to, for `vfi select`.

    Raises:
        FileNotFoundError: if a path holds no file.
        ValueError: if models are unknown or named twice, or a number is out of range.
    """
    check_positive(repeats=repeats, limit=limit)
    if qualities and data is None:
        raise ValueError("qualities needs a set to measure on; give it by --data")
    ways = _ways(models, runtime, precision)
    sizes = [parse_size(text) for text in size]
    counts = threads or [torch.get_num_threads()]
    plan = [
        {
            way.label: Trial(
                dataclasses.replace(way, threads=count, flow_scale=scale),
                *(height, width, pairs, channels_last, device),
            )
            for way in ways
        }
        for (width, height), pairs, count, scale in itertools.product(
            sizes, batch, counts, flow_scale
        )
    ]
    usable(device)
    folder = writable_folder(output) if output else None
    for model in {way.model for way in ways if Path(way.model).suffix != ".py"}:
        load_network(model)  # says what is wrong with it before there is any work
    bench = _Bench(warmup, repeats, data, limit)
    groups = [bench.group(trials) for trials in plan]
    rows = [row for group in groups for row in group]
    for group in groups:
        _show(group)
    if qualities:
        tables.add(Path(qualities), rows, bench.dataset)
    if folder:
        _write(rows, bench, folder)


def _ways(
    models: Sequence[str], runtimes: Sequence[Runtime], precisions: Sequence[Precision]
) -> list[Way]:
    """Every model in the way that it names, or in every runtime and precision that there is."""
    if len(set(models)) != len(models) or not models:
        raise ValueError(f"models must be one or more different names, got {models}")
    pairs = [
        (kind, bits)
        for kind, bits in itertools.product(runtimes, precisions)
        if bits in ("auto", *RUNTIMES.get(kind, precisions))
    ]
    if not pairs:
        raise ValueError(
            f"{', '.join(runtimes)} has no precision {', '.join(precisions)}; choose from "
            + "; ".join(f"{kind}: {', '.join(bits)}" for kind, bits in RUNTIMES.items())
        )
    found = [Way.named(model, *pair) for model in models for pair in pairs]
    return list({way.label: way for way in found}.values())


class _Bench:
    """Measures groups of trials.

    Attributes:
        left_out: what could not be measured, and why.
        dataset: the set that quality was measured on.
    """

    def __init__(self, warmup: int, repeats: int, data: ValData | None, limit: int | None) -> None:
        self.left_out: dict[str, str] = {}
        self.dataset = open_source(data).identity() if data else {}
        self._warmup, self._repeats = warmup, repeats
        self._data, self._limit = data, limit
        self._qualities: dict[tuple[str, float | None], Row] = {}

    def group(self, trials: Mapping[str, Trial]) -> list[Row]:
        """A row for each trial that can run; they are timed in turns."""
        with apart(trials) as processes:
            facts = self._facts(processes)
            calls = {name: processes[name] for name in facts}
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
        return _beside_dense(list(rows.values()))

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

    def _quality(self, process: Apart) -> Row:
        """What the frames are worth; of one size, batch and number of threads it is that of all."""
        key = process.trial.way.label, process.trial.way.flow_scale
        if key not in self._qualities:
            if self._data is None:
                self._qualities[key] = process.ask("parity")
            else:
                fields = dataclasses.asdict(self._data)
                self._qualities[key] = process.ask("quality", data=fields, limit=self._limit)
        return self._qualities[key]


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


def _beside_dense(rows: list[Row]) -> list[Row]:
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


def _show(rows: list[Row]) -> None:
    first = rows[0]
    layout = "channels_last" if first["channels_last"] else "contiguous"
    columns = [*_SHOWN, *(name for name in _QUALITY if first.get(name) is not None)]
    notes = [f"{row['model']} {row['note']}" for row in rows if row["note"]]
    how = (
        f"batch {first['batch']}, {layout}, {first['threads']} threads, flow scale "
        f"{first['flow_scale']:g}, {first['repeats']} rounds "
        f"in turns, a process each; speed over {first['model']}, and over {first['name']} in the "
        "same runtime"
    )
    reporting.table(
        f"{first['width']}x{first['height']} pixels on {first['device']}",
        [{key: row.get(key) for key in columns} for row in rows],
        caption="\n".join([how, *notes]),
    )


def _write(rows: list[Row], bench: _Bench, folder: Path) -> None:
    record = {
        "models": rows,
        "left_out": bench.left_out,
        "dataset": bench.dataset or None,
        "environment": reporting.environment(),
    }
    reporting.write_json(record, folder / "benchmark.json")
    reporting.write_csv(rows, folder / "benchmark.csv")
    if importlib.util.find_spec("matplotlib") and importlib.util.find_spec("pandas"):
        _draw(rows, folder / "benchmark.png")
    else:
        logger.info("no picture: matplotlib and pandas are not installed (extra report)")
    logger.info("wrote %s", folder)


def _draw(rows: list[Row], path: Path) -> None:
    """Quality over speed where there is a truth, else speed alone."""
    import pandas as pd

    from vfi.reporting.curves import bars_plot, pareto_plot

    data = pd.DataFrame(rows)
    data["way"] = data["runtime"] + " " + data["precision"]
    title = f"{data['width'][0]}x{data['height'][0]}, {data['threads'][0]} threads"
    if "psnr" in data:
        data = data[data["height"].eq(data["height"][0]) & data["width"].eq(data["width"][0])]
        pareto_plot(
            data, "fps", "psnr", "way", path, label="name",
            x_label="frames a second", y_label="PSNR, dB", title=title,
        )  # fmt: skip
    else:
        bars_plot(data, "model", "fps", "way", path, x_label="frames a second", title=title)
