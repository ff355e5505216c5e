"""How well models do on a user's own video: every second frame is dropped and made anew."""

import logging
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from vfi.files import writable_folder
from vfi.measure.quality import quantize
from vfi.models.device import limited_threads
from vfi.reporting.provenance import environment
from vfi.reporting.records import write_csv, write_json
from vfi.reporting.tables import table
from vfi.runtime.eager import DEFAULT_MODEL
from vfi.runtime.load import Precision, Runtime
from vfi.video.read.open import open_source
from vfi.video.read.rates import parse_optional
from vfi.video.read.source import Source
from vfi.video.summary import progress_bar
from vfi.video.timing.cuts import DEFAULT_CUT_THRESHOLD, Analyser
from vfi.video.triples import Contender, Triple, score, triples

logger = logging.getLogger(__name__)

AVERAGE = "average of both frames"


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

    Returns:
        A row per frame and model: frame, time, model, psnr, ssim.

    Raises:
        FileNotFoundError: if there is no input.
        ValueError: if it holds no three frames of one scene, or cannot be read or written.
    """
    if not models:
        raise ValueError("models is empty; name one or more")
    source = open_source(input, fps=parse_optional(input_fps, "input_fps"))
    folder = writable_folder(output)
    with limited_threads(threads):
        how = runtime, precision, threads
        contenders = [Contender(model, device, flow_scale, tile, *how) for model in models]
        rows, skipped = _measure(source, contenders, Analyser(cut_threshold), limit)
    if not rows:
        raise ValueError(f"{input} holds no three frames in a row of one scene to measure on")
    write_csv(rows, folder / "per_frame.csv")
    ways: dict[str, dict[str, Any]] = {c.name: c.how for c in contenders}
    ways[AVERAGE] = dict.fromkeys(("runtime", "precision"))
    figures = [{**row, **ways[row["model"]]} for row in summarise(rows)]
    count = len({row["frame"] for row in rows})
    write_json(
        {
            "input": input,
            "frames": count,
            "skipped_at_cuts": skipped,
            "problems": source.problems,
            "models": figures,
            "protocol": "every second frame made from its neighbours, rounded to 8 bits; "
            "PSNR and matlab SSIM per frame, then the mean",
            "environment": environment(),
        },
        folder / "evaluation.json",
    )
    table(
        f"{Path(input).name}: {count} frames made anew",
        figures,
        f"{skipped} frames beside cuts left out; per frame in {folder / 'per_frame.csv'}",
    )
    return rows


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
