"""What a training logged, and its picture."""

import os
from pathlib import Path

import pandas as pd

from vfi import plots

_SMOOTH = 20  # the curves of losses are means over at most so many logged steps, and over a tenth


def read(folder: str | os.PathLike[str]) -> pd.DataFrame:
    """All stretches of a run as one table, a row for each logged step.

    A resumed run logs into a version of its own; from its first step on, it is the one that counts.

    Args:
        folder: of a `CSVLogger`: has ``version_<n>/metrics.csv``.
    """
    paths = Path(folder).glob("version_*/metrics.csv")
    log = pd.DataFrame()
    for path in sorted(paths, key=lambda path: int(path.parent.name.rpartition("_")[2])):
        stretch = pd.read_csv(path)
        kept = log[log["step"] < stretch["step"].min()] if len(log) else log
        log = pd.concat([kept, stretch], ignore_index=True)
    return log.sort_values("step", kind="stable", ignore_index=True) if len(log) else log


def draw(log: pd.DataFrame, path: str | os.PathLike[str], title: str) -> None:
    """Draws losses and validation PSNR over steps, one above the other.

    Args:
        log: as `read` gives it.
        path: a ``.png`` file, replaced if it exists.
        title: above the picture.
    """
    panels = {}
    losses = [name for name in log if name == "loss" or name.startswith("loss/")]
    if losses:
        curves = log[["step", *losses]].dropna(subset=losses, how="all")
        window = max(1, min(_SMOOTH, len(curves) // 10))
        panels["loss, smoothed"] = curves.set_index("step").rolling(window, min_periods=1).mean()
    scores = [name for name in log if name.startswith("val/psnr")]
    if scores:
        panels["PSNR, dB"] = log.set_index("step")[scores].dropna(how="all")
    plots.panels_plot(panels, path, x_label="step", title=title)
