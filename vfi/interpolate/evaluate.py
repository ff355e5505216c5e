"""How well models do on a user's own video: every second frame is dropped and made anew."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from vfi.files import writable_folder
from vfi.interpolate.cuts import DEFAULT_CUT_THRESHOLD, Analyser, Relation
from vfi.interpolate.model import DEFAULT_MODEL, device_of, limited_threads, resolve_model
from vfi.interpolate.predict import Predictor, Request
from vfi.interpolate.source import Picture, Source, open_source
from vfi.interpolate.summary import progress_bar
from vfi.interpolate.timeline import parse_optional
from vfi.metrics import psnr, quantize, ssim_matlab
from vfi.report import environment, table, write_csv, write_json

logger = logging.getLogger(__name__)

AVERAGE = "average of both frames"
_HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Triple:
    """Three frames in a row, of which the middle one is to be made from the others.

    Attributes:
        before: the first.
        truth: the middle one.
        after: the last.
        cut: whether a scene ends among them, so that the middle one cannot be known.
    """

    before: Picture
    truth: Picture
    after: Picture
    cut: bool

    @property
    def timestep(self) -> Fraction:
        """Where the middle one lies in time."""
        return (self.truth.time - self.before.time) / (self.after.time - self.before.time)


class Contender:
    """A model that takes part, under its name."""

    def __init__(
        self, model: str | nn.Module, device: str, flow_scale: float | None, tile: int
    ) -> None:
        network, self.name = resolve_model(model, device)
        self.device = device_of(network)
        self._predictor = Predictor(network, flow_scale, tile=tile)

    def make(self, triple: Triple) -> Tensor:
        """Its middle frame, ``(3, H, W)`` on the CPU, in the steps of 8 bits."""
        timestep = triple.timestep if self._predictor.any_timestep else _HALF
        first, second = (p.rgb(self.device) for p in (triple.before, triple.after))
        return quantize(self._predictor([Request(first, second, timestep)])[0]).cpu()


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
) -> pd.DataFrame:
    """Measures models on your own video: drops every second frame and makes it anew.

    Predictions are rounded to 8 bits, as in the benchmark, and compared with the frames that were
    dropped. Frames beside a scene cut are left out. The rounded average of the two neighbours is
    measured too: what a model must beat.

    Args:
        input: a video or a folder of images.
        output: a folder for ``evaluation.json`` and ``per_frame.csv``.
        models: names of the pretrained registry, or files of weights.
        device: auto, cpu, cuda, cuda:1, ...
        input_fps: images per second of a folder.
        cut_threshold: see ``interpolate``.
        flow_scale: see ``interpolate``.
        tile: see ``interpolate``.
        limit: frames to measure at most, from the start.
        threads: of the networks; all cores if not given.

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
        contenders = [Contender(model, device, flow_scale, tile) for model in models]
        rows, skipped = _measure(source, contenders, Analyser(cut_threshold), limit)
    if not rows:
        raise ValueError(f"{input} holds no three frames in a row of one scene to measure on")
    frame = pd.DataFrame(rows)
    write_csv(frame, folder / "per_frame.csv")
    figures = summarise(frame)
    write_json(
        {
            "input": input,
            "frames": int(frame["frame"].nunique()),
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
        f"{Path(input).name}: {frame['frame'].nunique()} frames made anew",
        figures,
        f"{skipped} frames beside cuts left out; per frame in {folder / 'per_frame.csv'}",
    )
    return frame


def triples(source: Source, analyser: Analyser) -> Iterator[Triple]:
    """Yields frames 0 1 2, 2 3 4, 4 5 6, ... of an input."""
    held: list[Picture] = []
    for picture in source.pictures():
        held.append(picture)
        if len(held) == 3:
            pairs = ((held[0], held[1]), (held[1], held[2]))
            cut = any(analyser.compare(*pair)[0] is Relation.CUT for pair in pairs)
            yield Triple(*held, cut=cut)
            held = held[2:]


def summarise(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Figures per model: means, the worst twentieth of the frames, the worst frame."""
    figures = []
    for name, group in frame.groupby("model", sort=False):
        worst = group.loc[group["psnr"].idxmin()]
        figures.append(
            {
                "model": name,
                "psnr": group["psnr"].mean(),
                "ssim": group["ssim"].mean(),
                "psnr of worst 5%": group["psnr"].nsmallest(max(1, len(group) // 20)).mean(),
                "worst frame": int(worst["frame"]),
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


@torch.inference_mode()
def score(made: Tensor, truth: Tensor) -> dict[str, float]:
    """PSNR in dB and matlab SSIM of a frame ``(3, H, W)``."""
    pair = made[None], truth[None]
    return {"psnr": psnr(*pair).item(), "ssim": ssim_matlab(*pair).item()}
