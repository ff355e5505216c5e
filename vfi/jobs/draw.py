"""The job that draws the pictures of results anew, from the figures that lie beside them."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from vfi.jobs import benchmark_picture, sweep
from vfi.jobs.sweep import page
from vfi.training.history import Log

logger = logging.getLogger(__name__)


def draw(folders: list[str], title: str | None = None) -> None:
    """Draws the pictures of results anew, from the figures beside them; nothing is measured.

    Args:
        folders: of a sweep (sweep.json, or sweep.csv for what that holds), a benchmark
            (benchmark.json) or a training (losses.csv, validation.csv).
        title: above the plots; if not given, what the figures tell.

    Raises:
        FileNotFoundError: if a folder holds no such figures.
        ValueError: if they are damaged.
    """
    for folder in map(Path, folders):
        path = next((folder / name for name in _DRAWN if (folder / name).is_file()), None)
        if path is None:
            raise FileNotFoundError(f"{folder} holds none of {', '.join(_DRAWN)}: nothing to draw")
        try:
            _DRAWN[path.name](path, title)
        except (LookupError, TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"{path} does not hold the figures it should: {error}") from error
        logger.info("drew what %s holds", path)


def _sweep(path: Path, title: str | None) -> None:
    if path.suffix == ".json":
        figures = json.loads(path.read_text(encoding="utf-8"))
    else:
        figures = {"rows": pd.read_csv(path).dropna(subset="psnr").to_dict("records")}
    sweep.draw(figures, path.parent, title)
    if "points" in figures:
        page.write(figures, path.with_suffix(".html"))


def _benchmark(path: Path, title: str | None) -> None:
    figures = json.loads(path.read_text(encoding="utf-8"))
    benchmark_picture.draw(figures["models"], path.with_suffix(".svg"), title)


def _training(path: Path, title: str | None) -> None:
    Log(path.parent).draw(title or path.parent.name)


_DRAWN: dict[str, Callable[[Path, str | None], None]] = {
    "sweep.json": _sweep,
    "sweep.csv": _sweep,
    "benchmark.json": _benchmark,
    "losses.csv": _training,
}
"""Which figures are drawn, and how; the first that there are."""
