"""Means of scores, also by stride or class of motion: large motion must not hide behind small."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

_STRIDE = re.compile(r"\+(\d+)$")
_MOTION = re.compile(r" (motion_\w+)$")


def stride_of(name: str) -> int | None:
    """Frames between neighbours in a triplet from a clip, by its id; None for other triplets."""
    found = _STRIDE.search(name)
    return int(found[1]) if found else None


def group_of(name: str) -> str | None:
    """What a triplet is counted with, by its id; None for triplets from images.

    ``stride<n>`` of those from clips, ``motion_<class>`` of rendered ones.
    """
    if stride := stride_of(name):
        return f"stride{stride}"
    found = _MOTION.search(name)
    return found[1] if found else None


def mean_scores(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """``psnr`` and ``ssim``, and ``psnr_<group>`` for each group (`group_of`) there is.

    Args:
        rows: ``id``, ``psnr`` and ``ssim`` of each triplet.
    """
    figures = {name: _mean(row[name] for row in rows) for name in ("psnr", "ssim")}
    groups = {group_of(row["id"]) for row in rows}
    for group in sorted(group for group in groups if group is not None):
        psnr = (row["psnr"] for row in rows if group_of(row["id"]) == group)
        figures[f"psnr_{group}"] = _mean(psnr)
    return figures


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(sorted(values)))  # the same sum in whatever order processes give them
