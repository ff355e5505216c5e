"""Pictures of triplets: the truth, what a network makes of it, and where it errs."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from torch import Tensor

from vfi.reporting.look import look, save

_MIN_ERROR_SCALE = 8  # 8-bit levels; below that a map would only show rounding


@dataclass(frozen=True)
class Triplet:
    """A row of `triplet_sheet`.

    Attributes:
        label: why it is shown, e.g. ``worst``.
        id: the name of the triplet.
        img0: the frame before, ``(3, H, W)``, uint8 or floats in [0, 1].
        img1: the frame after, likewise.
        gt: the true frame, likewise.
        prediction: the network's, likewise.
        psnr: in dB.
        ssim: in [-1, 1].
    """

    label: str
    id: str
    img0: Tensor
    img1: Tensor
    gt: Tensor
    prediction: Tensor
    psnr: float
    ssim: float


def best_median_worst(scores: Sequence[float]) -> dict[str, int]:
    """Positions of the best, median and worst of ``scores`` (higher is better).

    Of fewer than three scores, only as many as there are, the worst first.

    Raises:
        ValueError: if there is no score.
    """
    if len(scores) == 0:
        raise ValueError("there are no scores to choose the best, median and worst of")
    order = np.argsort(-np.asarray(scores, dtype=float), kind="stable")
    ranks = {"worst": len(order) - 1, "best": 0, "median": len(order) // 2}
    chosen = dict(list(ranks.items())[: min(len(order), 3)])
    return {
        name: int(order[chosen[name]]) for name in ("best", "median", "worst") if name in chosen
    }


@look
def triplet_sheet(
    triplets: Sequence[Triplet], path: str | os.PathLike[str], title: str = ""
) -> None:
    """Draws a row of pictures for each triplet: both inputs, truth, prediction, error map.

    The error is the mean absolute difference over the channels in 8-bit levels, on one scale for
    all rows: from 0 to their 99.9th percentile (at least 8 levels), stretched by a square root.

    Args:
        triplets: at least one.
        path: a ``.png`` file, replaced if it exists.
        title: above the sheet.

    Raises:
        ValueError: if there is no triplet, or ``path`` cannot be written.
    """
    if not triplets:
        raise ValueError("there are no triplets to draw")
    rows = [[_picture(x) for x in (t.img0, t.img1, t.gt, t.prediction)] for t in triplets]
    errors = [255 * np.abs(row[3] - row[2]).mean(2) for row in rows]
    peak = max(_MIN_ERROR_SCALE, *(float(np.percentile(e, 99.9)) for e in errors))
    aspect = rows[0][0].shape[0] / rows[0][0].shape[1]
    figure = Figure(figsize=(15, (2.95 * aspect + 0.3) * len(rows) + 1.2), layout="constrained")
    grid = figure.subplots(len(rows), 5, squeeze=False)
    for axes, triplet, row, error in zip(grid, triplets, rows, errors, strict=True):
        score = f"prediction, {triplet.psnr:.2f} dB / {triplet.ssim:.4f}"
        names = ("frame 0", "frame 1", "truth", score)
        for axis, picture, name in zip(axes[:4], row, names, strict=True):
            axis.imshow(picture)
            axis.set_title(name, fontsize=10)
        shown = axes[4].imshow(error, cmap="magma", norm=PowerNorm(0.5, 0, peak))
        axes[4].set_title(f"error, mean {error.mean():.2f}", fontsize=10)
        axes[0].set_ylabel(f"{triplet.label}\n{triplet.id}", fontsize=11)
        for axis in axes:
            axis.set_xticks([])
            axis.set_yticks([])
    bar = figure.colorbar(
        shown, ax=grid.ravel().tolist(), location="bottom", shrink=0.4, aspect=50, pad=0.02
    )
    bar.set_label(f"error in 8-bit levels; square-root scale, ends at {peak:.0f}")
    if title:
        figure.suptitle(title, fontsize=13)
    save(figure, path)


def _picture(frame: Tensor) -> np.ndarray:
    """``(3, H, W)``, uint8 or floats in [0, 1], as floats ``(H, W, 3)``."""
    if frame.ndim != 3 or frame.shape[0] != 3:
        raise ValueError(f"a picture must be (3, H, W), got {tuple(frame.shape)}")
    values = frame.detach().cpu().float() / (1 if frame.is_floating_point() else 255)
    return values.clamp(0, 1).permute(1, 2, 0).numpy()
