"""The ``preview`` job: what a training would be shown, as one picture."""

import logging
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from vfi.data.calibration import open_train, train_loader
from vfi.data.sources import TrainData
from vfi.files import atomic_path

logger = logging.getLogger(__name__)

_GAP = 4  # pixels between triplets
_QUALITY = 85  # of a JPEG
_SUFFIXES = (".jpg", ".jpeg", ".png")


def preview(
    train: TrainData = TrainData(),  # noqa: B008 (frozen)
    rows: int = 5,
    columns: int = 5,
    size: int | None = None,
    seed: int = 0,
    output: str = "runs/preview.jpg",
) -> None:
    """Draws the first triplets that a training would get, each as img0, the true frame and img1.

    Args:
        train: what would be trained on, as in a configuration of ``fit``.
        rows: of triplets.
        columns: likewise.
        size: side of a drawn frame, pixels; by default as it is.
        seed: of the training.
        output: the picture, .jpg or .png.

    Raises:
        FileNotFoundError: if a folder is missing.
        ValueError: if a number is below 1, the picture is of another kind, a set has too few
            triplets, or its settings are wrong.
    """
    if min(rows, columns, size or 1) < 1:
        raise ValueError(f"rows={rows}, columns={columns}, size={size}: all must be at least 1")
    if Path(output).suffix.lower() not in _SUFFIXES:
        raise ValueError(f"output is {output!r}; it must end in one of {', '.join(_SUFFIXES)}")
    loader = train_loader(open_train(train, seed), train, seed=seed, workers=0)
    frames = (frame for batch in loader for frame in _strips(batch, size))
    strips = list(islice(frames, rows * columns))
    if len(strips) < rows * columns:
        raise ValueError(
            f"{len(strips)} triplets are too few for {rows} x {columns}: raise train.steps, or ask "
            "for fewer"
        )
    sheet = np.vstack(
        [np.hstack(strips[row * columns : (row + 1) * columns]) for row in range(rows)]
    )
    with atomic_path(output) as path:
        options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        path.write_bytes(cv2.imencode(path.suffix, sheet[:, :, ::-1], options)[1].tobytes())
    logger.info("wrote %s", output)


def _strips(batch: dict, size: int | None) -> list[np.ndarray]:
    """Each triplet of a batch as one picture: three frames in a row, a white margin."""
    strips = []
    for triplet in zip(*(batch[key].numpy() for key in ("img0", "gt", "img1")), strict=True):
        shown = [np.ascontiguousarray(frame.transpose(1, 2, 0)) for frame in triplet]
        if size:
            shown = [cv2.resize(f, (size, size), interpolation=cv2.INTER_AREA) for f in shown]
        margin = ((0, _GAP), (0, _GAP), (0, 0))
        strips.append(np.pad(np.hstack(shown), margin, constant_values=255))
    return strips
