"""What a training logs, and its picture."""

import os
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from vfi import reporting
from vfi.reporting import curves

_SMOOTH = 20  # losses are drawn as means over so many rows, and at most over a tenth of all


class Log:
    """Two tables in a run folder, ``losses.csv`` and ``validation.csv``, a row for a step.

    A row replaces what is there of its step and of later ones: a run that went on from a checkpoint
    has one history.

    Args:
        folder: the run folder.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._losses = self.folder / "losses.csv"
        self._scores = self.folder / "validation.csv"

    def add_losses(self, row: Mapping[str, float]) -> None:
        """Adds ``step``, ``lr``, ``loss`` and its terms."""
        _add(self._losses, row)

    def add_scores(self, row: Mapping[str, float]) -> None:
        """Adds ``step``, ``psnr`` and other scores."""
        _add(self._scores, row)

    def draw(self, title: str) -> None:
        """Draws what there is of losses and PSNR, over steps, as ``curves.svg``."""
        panels = {}
        losses = read(self._losses)
        if len(losses):
            window = max(1, min(_SMOOTH, len(losses) // 10))
            rows = losses.set_index("step").drop(columns="lr")
            panels["loss"] = rows.rolling(window, min_periods=1).mean()
        scores = read(self._scores)
        if len(scores):
            panels["PSNR in validation, dB"] = scores.set_index("step").filter(like="psnr")
        if panels:
            curves.panels_plot(panels, self.folder / "curves.svg", x_label="step", title=title)


def read(path: str | os.PathLike[str]) -> pd.DataFrame:
    """A table, every digit as it was written; empty if there is no file."""
    if not Path(path).exists():
        return pd.DataFrame({"step": []})
    return pd.read_csv(path, float_precision="round_trip")


def _add(path: Path, row: Mapping[str, float]) -> None:
    known = read(path)
    known = known[known["step"] < row["step"]]
    rows = pd.DataFrame([row])
    reporting.write_csv(pd.concat([known, rows], ignore_index=True) if len(known) else rows, path)
