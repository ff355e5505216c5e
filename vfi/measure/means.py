"""Means of scores, also by stride: large motion must not hide behind small motion."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

_STRIDE = re.compile(r"\+(\d+)$")


def stride_of(name: str) -> int | None:
    """Frames between neighbours in a triplet from a clip, by its id; None for other triplets."""
    found = _STRIDE.search(name)
    return int(found[1]) if found else None


def mean_scores(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """``psnr`` and ``ssim``, and ``psnr_stride<n>`` for each stride there is.

    Args:
        rows: ``id``, ``psnr`` and ``ssim`` of each triplet.
    """
    figures = {name: _mean(row[name] for row in rows) for name in ("psnr", "ssim")}
    strides = {stride_of(row["id"]) for row in rows} - {None}
    for stride in sorted(strides):
        psnr = (row["psnr"] for row in rows if stride_of(row["id"]) == stride)
        figures[f"psnr_stride{stride}"] = _mean(psnr)
    return figures


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(sorted(values)))  # the same sum in whatever order processes give them
