"""The page of ``vfi compare``: players, charts and figures in one file of HTML."""

import base64
import shlex
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from statistics import median
from string import Template
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from vfi import reporting
from vfi.files import atomic_path
from vfi.jobs.evaluate_video import AVERAGE, summarise
from vfi.measure.quality import quantize
from vfi.reporting.album import ERROR_COLOURS, Album, look_for
from vfi.reporting.charts import Dot, Series, chart, mark
from vfi.reporting.pages import Cell, Markup, asset, html_table, page
from vfi.reporting.style import UNITS, styles
from vfi.video.read.source import Picture, Source, SourceInfo
from vfi.video.summary import progress_bar
from vfi.video.triples import Attempt, Contender, Triple, attempts, score
from vfi.video.write.turn import as_shown, motion_as_shown

LIMIT = 25_000_000
"""Bytes of a page: what mail and chat still carry."""

_PICTURES = (LIMIT - 1_500_000) * 3 // 4  # text of base64 is a third longer; the rest is not theirs
_SPARE = 0.85  # the first frames only promise how large the others will be
_PER_MODEL = 1.5  # pictures of a step: its frame, and a map of errors, which is simpler
_PEAK = 64  # levels of 255; larger errors are as bright
_COLUMNS = 24  # of arrows
_ORIGINAL = "original"
_COSTS = ("median_ms", "speedup", "parameters", "flops", "weights_mib")


class Recording:
    """What the page shows: pictures, and what is known of each step.

    Args:
        info: of the input.
        first: the first triple.
        models: how many there are.
        count: triples to expect.

    Attributes:
        album: its pictures.
        steps: a frame each, in the order of showing; pictures by number, motion in arrows.
        rows: a score each: frame, time, model, psnr, ssim.
        seconds: of each model, how long it took for each frame.
        grid: columns and rows of arrows.
    """

    def __init__(self, info: SourceInfo, first: Triple, models: int, count: int) -> None:
        self._info, self._models = info, models
        sample = [self._shown(picture.rgb()) for picture in (first.before, first.truth)]
        times = count * (2 + _PER_MODEL * models) / 2
        self.album = Album(look_for(sample, times, round(_SPARE * _PICTURES)), _PICTURES)
        height, width = sample[0].shape[:2]
        self.grid = _COLUMNS, max(1, round(_COLUMNS * height / width))
        self.size = self.album.look.shrunk(sample[0]).shape[1::-1]
        self.steps: list[dict[str, Any]] = []
        self.rows: list[dict[str, Any]] = []
        self.seconds: dict[str, list[float]] = {}
        self._keep(first.before)

    def add(self, triple: Triple, made: Sequence[Attempt]) -> None:
        """Keeps the middle frame and what was made of it, nothing beside a cut; and the last."""
        truth = quantize(triple.truth.rgb())
        step = self._step(triple.truth, kept=False, cut=triple.cut)
        held = self.steps[-1]["frame"]
        self.steps.append(
            step
            | {"frame": self._saved(truth), "held": held}
            | {"made": [self._saved(attempt.frame) for attempt in made]}
            | {"error": [self._error(attempt.frame - truth) for attempt in made]}
            | {"flow": [self._arrows(attempt.motion) for attempt in made]}
            | {n: [round(a.scores[n], 5) for a in made] for n in ("psnr", "ssim")}
        )
        average = quantize((triple.before.rgb() + triple.after.rgb()) / 2)
        scores = {AVERAGE: score(average, truth), **{a.name: a.scores for a in made}}
        for name, values in scores.items() if made else ():
            known = {"frame": step["number"], "time": step["time"], "model": name}
            self.rows.append(known | {n: values[n] for n in ("psnr", "ssim")})
        for attempt in made:
            self.seconds.setdefault(attempt.name, []).append(attempt.seconds)
        self._keep(triple.after)

    def _keep(self, picture: Picture) -> None:
        step = self._step(picture, kept=True, cut=False)
        self.steps.append(step | {"frame": self._saved(picture.rgb())})

    def _step(self, picture: Picture, kept: bool, cut: bool) -> dict[str, Any]:
        moment = round(float(picture.time - self._info.start), 6)
        return {"number": picture.index, "time": moment, "kept": kept, "cut": cut}

    def _shown(self, rgb: Tensor) -> np.ndarray:
        return as_shown(rgb, self._info.display_matrix)

    def _saved(self, rgb: Tensor) -> int:
        return self.album.add(self._shown(rgb))

    def _error(self, difference: Tensor) -> int:
        """A map of the mean absolute difference of the channels."""
        error = difference.abs().mean(0, keepdim=True).expand(3, -1, -1)
        return self.album.add(ERROR_COLOURS[self._shown((error * 255 / _PEAK).clamp(0, 1))[..., 0]])

    def _arrows(self, motion: Tensor | None) -> list[int] | None:
        """Mean motion in each cell of the grid: x, y, x, y, ... in tenths of a shown pixel."""
        if motion is None:
            return None
        turned = motion_as_shown(motion, self._info.display_matrix).permute(1, 2, 0)
        cells = cv2.resize(turned.contiguous().numpy(), self.grid, interpolation=cv2.INTER_AREA)
        tenths = 10 * self.size[0] / turned.shape[1]
        return [round(tenths * float(value)) for value in cells.flatten()]


def write_page(
    source: Source,
    path: Path,
    contenders: Sequence[Contender],
    known: Iterable[Triple],
    count: int,
    command: Sequence[str],
    as_json: bool,
    started: float,
) -> None:
    """Makes the frames, and writes the page of them.

    Args:
        source: what the triples come from.
        path: of the page.
        contenders: the models, the first of which is what speed compares to.
        known: the triples to show.
        count: how many there may be.
        command: what makes this page.
        as_json: also write the figures, beside it.
        started: when the job began, by `time.perf_counter`.

    Raises:
        ValueError: if there are no triples, or they do not fit.
    """
    with atomic_path(path) as file:  # proves that it can be written before anything is computed
        recording = _recorded(source.info, contenders, known, count)
        recording.album.close()
        figures = _figures(recording, contenders, source.info)
        file.write_text(_text(recording, contenders, source, figures, command), "utf-8")
    if as_json:
        record = {
            "input": str(source.info.path),
            "command": shlex.join(command),
            "seconds": time.perf_counter() - started,
            "models": figures,
            "frames": recording.rows,
            "shown": {"size": recording.size, **asdict(recording.album.look)},
            "problems": source.problems,
            "environment": reporting.environment(),
        }
        reporting.write_json(record, path.with_suffix(".json"))
    average = next(figure for figure in figures if figure["model"] == AVERAGE)
    reporting.table(
        f"{source.info.path.name}: every second frame made anew",
        [figure for figure in figures if figure is not average],
        f"the average of both frames: {average['psnr']:.3f} dB; see {path}",
    )


def _recorded(
    info: SourceInfo, contenders: Sequence[Contender], known: Iterable[Triple], count: int
) -> Recording:
    recording: Recording | None = None
    with progress_bar(count) as advance:
        for turn, triple in enumerate(known):
            recording = recording or Recording(info, triple, len(contenders), count)
            recording.add(triple, [] if triple.cut else attempts(triple, contenders, turn))
            advance()
    if recording is None or not recording.rows:
        raise ValueError(f"{info.path} holds no three frames in a row of one scene there")
    return recording


def _figures(
    recording: Recording, contenders: Sequence[Contender], info: SourceInfo
) -> list[dict[str, Any]]:
    """Quality, speed and size of each model; of the average of both frames, only quality."""
    first = np.array(recording.seconds[contenders[0].name])
    known = {contender.name: contender for contender in contenders}
    figures = []
    for row in summarise(recording.rows):
        figure = {**row, **dict.fromkeys(_COSTS)}
        if contender := known.get(row["model"]):
            seconds = np.array(recording.seconds[row["model"]])
            figure["median_ms"] = 1000 * median(seconds)
            figure["speedup"] = float(np.median(first / seconds))
            if costs := contender.efficiency(info.height, info.width):
                figure |= {name: getattr(costs, name) for name in _COSTS[2:]}
        figures.append(figure)
    return figures


def _text(
    recording: Recording,
    contenders: Sequence[Contender],
    source: Source,
    figures: Sequence[dict[str, Any]],
    command: Sequence[str],
) -> str:
    info, steps = source.info, recording.steps
    cuts = sum(step["cut"] for step in steps)
    made = sum(not step["kept"] for step in steps) - cuts
    body = Template(asset("compare.html")).substitute(
        title=escape(f"{info.path.name}: what models make of it"),
        summary=f"{steps[0]['time']:.2f} to {steps[-1]['time']:.2f} s: {made} frames left out "
        f"and made anew{f', {cuts} beside cuts held' if cuts else ''}.",
        charts=_charts(recording, contenders),
        table=_table(figures),
        conditions=escape(_conditions(info, made)),
        command=escape(shlex.join(command)),
        shown=_shown_as(recording, info),
        notes=escape(" ".join(source.problems)),
        peak=_PEAK,
    )
    stops = (ERROR_COLOURS[round(255 * part / 8)] for part in range(9))
    data = {
        "names": [_ORIGINAL, *(contender.name for contender in contenders)],
        "pictures": [base64.b64encode(picture).decode() for picture in recording.album.pictures],
        "steps": steps,
        "size": recording.size,
        "grid": recording.grid,
        "last": steps[-1]["time"] - steps[-2]["time"],
        "colours": [f"rgb({red} {green} {blue})" for red, green, blue in stops],
    }
    scripts = ("tips.js", "player.js", "compare.js")
    return page(info.path.name, body, scripts, data, ("compare.css",))


def _charts(recording: Recording, contenders: Sequence[Contender]) -> str:
    """PSNR and SSIM over time; a point knows the step that it is of."""
    looks = styles([contender.name for contender in contenders])
    made = [(n, step) for n, step in enumerate(recording.steps) if not step["kept"]]
    charts = []
    for score_, digits in (("psnr", 2), ("ssim", 4)):
        series = []
        for place, (name, look) in enumerate(looks.items()):
            dots = []
            for number, step in made:
                value = step[score_][place] if step[score_] else None
                tip = f"{name}, frame {step['number']}: {value or 0:.{digits}f}"
                dots.append(Dot(step["time"], value, tip, data={"frame": number}))
            series.append(Series(name, look, dots))
        charts.append(chart(series, UNITS["time"], UNITS[score_], f"{UNITS[score_]} over time"))
    return "\n".join(charts)


def _table(figures: Sequence[dict[str, Any]]) -> str:
    looks = styles([figure["model"] for figure in figures])
    head = ("model", "PSNR, dB", "SSIM", "PSNR of the worst 5 %, dB", "worst frame", "ms a frame")
    rows: list[list[Cell]] = []
    for one in figures:
        name = Markup(f"{mark(looks[one['model']])} {escape(one['model'])}")
        row: list[Cell] = [name, f"{one['psnr']:.3f}", f"{one['ssim']:.4f}"]
        row += [f"{one['psnr of worst 5%']:.3f}", one["worst frame"]]
        for key, factor, form in (
            ("median_ms", 1, ".1f"), ("speedup", 1, ".2f"), ("parameters", 1e-6, ".2f"),
            ("flops", 1e-9, ".1f"), ("weights_mib", 1, ".1f"),
        ):  # fmt: skip
            row.append(None if one[key] is None else f"{one[key] * factor:{form}}")
        rows.append(row)
    costs = ("times as fast", "parameters, M", "GFLOPs", "weights, MiB")
    return html_table((*head, *costs), rows)


def _conditions(info: SourceInfo, count: int) -> str:
    return (
        f"Means over {count} frames. Speed is that of this run: medians for frames of "
        f"{info.width}x{info.height} pixels, made in turns on "
        f"{reporting.environment()['cpu']['model'] or 'this machine'}, {torch.get_num_threads()} "
        f"threads, torch {torch.__version__}; times as fast is the median ratio to the first."
    )


def _shown_as(recording: Recording, info: SourceInfo) -> str:
    look, (width, height) = recording.album.look, recording.size
    return (
        f"To keep this page below {LIMIT // 1_000_000} MB, pictures are shown at {width}x{height} "
        f"(the video has {info.width}x{info.height}) as WebP of quality {look.quality}; figures "
        "and maps of errors are those of the full frames."
    )
