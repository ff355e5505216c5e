"""What networks cost and give, in every runtime: size, operations, time, memory, quality."""

import dataclasses
import importlib.util
import itertools
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from vfi import reporting
from vfi.checkpoints import load_network
from vfi.data.sources import ValData
from vfi.files import writable_folder
from vfi.jobs import executors
from vfi.jobs.apart import Trial
from vfi.jobs.bench import Bench, Row
from vfi.jobs.executors import InProcess, Kind
from vfi.measure.conditions import check_positive, parse_size
from vfi.models.device import usable
from vfi.reporting import qualities as tables
from vfi.runtime.load import RUNTIMES, Precision, Runtime
from vfi.runtime.ways import Way
from vfi.video.settings import Settings

logger = logging.getLogger(__name__)

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
    executor: Kind = "in-process",
    address: str | None = None,
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
        output: folder for benchmark.json, benchmark.csv and benchmark.svg; nothing is written if
            not given.
        qualities: file that the measured quality is added to, for `vfi select`.
        executor: where quality is measured: in the processes that are timed, or on a Ray cluster
            (``ray``); times are always this machine's.
        address: of a Ray cluster to join: auto or host:port; one on this machine if not given.

    Raises:
        FileNotFoundError: if a path holds no file.
        ValueError: if models are unknown or named twice, or a number is out of range.
    """
    check_positive(repeats=repeats, limit=limit)
    counts = [torch.get_num_threads()] if threads is None else threads
    lists: dict[str, Sequence[Any]] = {"runtime": runtime, "precision": precision, "size": size}
    _check(warmup, lists | {"batch": batch, "threads": counts, "flow_scale": flow_scale})
    if qualities and data is None:
        raise ValueError("qualities needs a set to measure on; give it by --data")
    ways = _ways(models, runtime, precision)
    sizes = [parse_size(text) for text in size]
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
    with executors.executor(executor, address, device) as workers:
        elsewhere = None if isinstance(workers, InProcess) else workers
        bench = Bench(warmup, repeats, data, limit, elsewhere)
        groups = [bench.group(trials) for trials in plan]
    rows = [row for group in groups for row in group]
    for group in groups:
        _show(group)
    if qualities:
        tables.add(Path(qualities), rows, bench.dataset)
    if folder:
        _write(rows, bench, folder)


def _check(warmup: int, lists: Mapping[str, Sequence[Any]]) -> None:
    """Raises ValueError for numbers out of range and lists that are empty or repeat a value."""
    if warmup < 0:
        raise ValueError(f"warmup is {warmup}; it must be 0 or more")
    for name, values in lists.items():
        if len(set(values)) != len(values) or not values:
            raise ValueError(f"{name} must be one or more different values, got {values}")
    for scale in lists["flow_scale"]:
        Settings(flow_scale=scale)  # says what is wrong with it


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


def _write(rows: list[Row], bench: Bench, folder: Path) -> None:
    record = {
        "models": rows,
        "left_out": bench.left_out,
        "dataset": bench.dataset or None,
        "environment": reporting.environment(),
    }
    reporting.write_json(record, folder / "benchmark.json")
    reporting.write_csv(rows, folder / "benchmark.csv")
    if importlib.util.find_spec("matplotlib") and importlib.util.find_spec("pandas"):
        from vfi.jobs import benchmark_picture

        benchmark_picture.draw(rows, folder / "benchmark.svg")
    else:
        logger.info("no picture: matplotlib and pandas are not installed (extra report)")
    logger.info("wrote %s", folder)
