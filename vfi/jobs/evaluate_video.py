"""How well models do on a user's own video: every second frame is dropped and made anew."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from vfi.files import writable_folder
from vfi.jobs import executors
from vfi.jobs.executors import Failed, InProcess, Kind
from vfi.measure.conditions import check_positive
from vfi.measure.quality import quantize
from vfi.models.device import check_threads, limited_threads
from vfi.reporting.provenance import environment
from vfi.reporting.records import write_csv, write_json
from vfi.reporting.tables import table
from vfi.runtime.load import Precision, Runtime
from vfi.runtime.resolve import DEFAULT_MODEL
from vfi.video.read.open import open_source
from vfi.video.read.rates import parse_optional
from vfi.video.read.source import Source
from vfi.video.settings import Settings
from vfi.video.summary import progress_bar
from vfi.video.timing.cuts import DEFAULT_CUT_THRESHOLD, Analyser
from vfi.video.triples import Contender, Triple, score, triples

logger = logging.getLogger(__name__)

AVERAGE = "average of both frames"


@dataclass(frozen=True)
class _Measured:
    """What is known of some models: a row a frame and model, and how each really ran."""

    rows: list[dict[str, Any]]
    skipped: int
    ways: dict[str, dict[str, Any]]
    problems: Sequence[str]


def evaluate_video(
    input: str,
    output: str,
    models: Sequence[str] = (DEFAULT_MODEL,),
    device: str = "auto",
    input_fps: str | float | None = None,
    cut_threshold: float | None = DEFAULT_CUT_THRESHOLD,
    flow_scale: float | None = None,
    tile: int = 0,
    limit: int | None = None,
    threads: int | None = None,
    runtime: Runtime = "torch",
    precision: Precision = "auto",
    executor: Kind = "in-process",
    address: str | None = None,
) -> list[dict[str, Any]]:
    """Measures models on your own video: drops every second frame and makes it anew.

    Predictions are rounded to 8 bits, as in the benchmark, and compared with the frames that were
    dropped. Frames beside a scene cut are left out. The rounded average of the two neighbours is
    measured too: what a model must beat.

    Args:
        input: a video or a folder of images.
        output: a folder for ``evaluation.json`` and ``per_frame.csv``.
        models: names or files of weights; rife-fast@openvino/int8 runs in that way, ``auto`` in
            the one that ``vfi select`` chose.
        device: auto, cpu, cuda, cuda:1, ...
        input_fps: images per second of a folder.
        cut_threshold: see ``interpolate``.
        flow_scale: see ``interpolate``.
        tile: see ``interpolate``.
        limit: frames to measure at most, from the start.
        threads: of the networks; all cores if not given.
        runtime: of the models that do not name one: torch, openvino, onnxruntime or auto.
        precision: likewise: auto, float32, bfloat16, float16 or int8.
        executor: where models are measured: here, or each as a task of a Ray cluster (``ray``).
        address: of a Ray cluster to join: auto or host:port; one on this machine if not given.

    Returns:
        A row per frame and model: frame, time, model, psnr, ssim.

    Raises:
        FileNotFoundError: if there is no input.
        ValueError: if it holds no three frames of one scene, or cannot be read or written.
        SystemExit: with status 1, if some of several models failed on a cluster.
    """
    if not models:
        raise ValueError("models is empty; name one or more")
    check_positive(limit=limit)
    check_threads(threads)
    Settings(flow_scale=flow_scale, tile=tile, cut_threshold=cut_threshold)  # says what is wrong
    fps = parse_optional(input_fps, "input_fps")
    open_source(input, fps=fps)  # says what is wrong with it before there is any work
    folder = writable_folder(output)
    how = (device, flow_scale, tile, runtime, precision, threads)
    measure = partial(
        _measure, input=input, fps=fps, how=how, cut_threshold=cut_threshold, limit=limit
    )
    with executors.executor(executor, address, device) as workers:
        # here the video is read once for all
        groups = [models] if isinstance(workers, InProcess) else [[model] for model in models]
        found = list(workers.map(measure, groups))
    measured = _joined([part for part in found if not isinstance(part, Failed)])
    failed = [
        {"model": group[0], "failed": part.reason}
        for group, part in zip(groups, found, strict=True)
        if isinstance(part, Failed)
    ]
    rows = measured.rows
    if not rows:
        reason = failed[0]["failed"] if failed else "no three frames in a row of one scene"
        raise ValueError(f"{input} holds nothing to measure on: {reason}")
    _report(measured, failed, Path(input), folder)
    if failed:
        logger.error("%d of %d models failed", len(failed), len(models))
        raise SystemExit(1)
    return rows


def _report(measured: _Measured, failed: list[dict[str, Any]], input: Path, folder: Path) -> None:
    rows = measured.rows
    write_csv(rows, folder / "per_frame.csv")
    figures = [{**row, **measured.ways[row["model"]]} for row in summarise(rows)] + failed
    count = len({row["frame"] for row in rows})
    write_json(
        {
            "input": str(input),
            "frames": count,
            "skipped_at_cuts": measured.skipped,
            "problems": measured.problems,
            "models": figures,
            "protocol": "every second frame made from its neighbours, rounded to 8 bits; "
            "PSNR and matlab SSIM per frame, then the mean",
            "environment": environment(),
        },
        folder / "evaluation.json",
    )
    table(
        f"{input.name}: {count} frames made anew",
        figures,
        f"{measured.skipped} frames beside cuts left out; per frame in {folder / 'per_frame.csv'}",
    )


def summarise(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Figures per model: means, the worst twentieth of the frames, the worst frame."""
    figures = []
    for name in dict.fromkeys(row["model"] for row in rows):
        group = sorted((r for r in rows if r["model"] == name), key=lambda row: row["psnr"])
        worst = group[: max(1, len(group) // 20)]
        figures.append(
            {
                "model": name,
                "psnr": fmean(row["psnr"] for row in group),
                "ssim": fmean(row["ssim"] for row in group),
                "psnr of worst 5%": fmean(row["psnr"] for row in worst),
                "worst frame": worst[0]["frame"],
            }
        )
    return figures


def _measure(
    models: Sequence[str],
    input: str,
    fps: Fraction | None,
    how: tuple[str, float | None, int, Runtime, Precision, int | None],
    cut_threshold: float | None,
    limit: int | None,
) -> _Measured:
    """Reads the input once for some models; ``how`` is as for `Contender`."""
    source = open_source(input, fps=fps)
    with limited_threads(how[-1]):
        contenders = [Contender(model, *how) for model in models]
        rows, skipped = _rows(source, contenders, Analyser(cut_threshold), limit)
    ways: dict[str, dict[str, Any]] = {c.name: c.how for c in contenders}
    ways[AVERAGE] = dict.fromkeys(("runtime", "precision"))
    return _Measured(rows, skipped, ways, source.problems)


def _joined(parts: Sequence[_Measured]) -> _Measured:
    """As if one process had measured all: frame by frame, the average first and once."""
    if not parts:
        return _Measured([], 0, {}, ())
    first, *others = parts
    rows = [*first.rows, *(r for part in others for r in part.rows if r["model"] != AVERAGE)]
    ways = {name: way for part in parts for name, way in part.ways.items()}
    rows.sort(key=lambda row: row["frame"])  # which keeps the order of models
    return _Measured(rows, first.skipped, ways, first.problems)


def _rows(
    source: Source, contenders: list[Contender], analyser: Analyser, limit: int | None
) -> tuple[list[dict[str, Any]], int]:
    rows: list[dict[str, Any]] = []
    measured = skipped = 0
    expected = (source.info.expected or 0) // 2
    total = min(filter(None, (expected, limit)), default=None)
    with progress_bar(total) as advance:
        for triple in triples(source, analyser):
            if triple.cut:
                skipped += 1
                continue
            if measured == limit:
                break
            truth = quantize(triple.truth.rgb())
            average = quantize((triple.before.rgb() + triple.after.rgb()) / 2)
            made = {AVERAGE: average, **{c.name: c.make(triple) for c in contenders}}
            rows += [{**_row(triple, name), **score(image, truth)} for name, image in made.items()]
            measured += 1
            advance()
    return rows, skipped


def _row(triple: Triple, name: str) -> dict[str, Any]:
    return {"frame": triple.truth.index, "time": float(triple.truth.time), "model": name}
