"""What is known of a point of a sweep: its file, and its row in the table."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from vfi.measure.protocol import SCORES

Record = dict[str, Any]
"""What is known of a point, in the types of JSON."""


def kept(path: Path, fingerprint: str) -> Record | None:
    """The record in the file, if there is one and it still holds."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
        return None
    return record if record.get("fingerprint") == fingerprint else None


def row(record: Record, dense: Record) -> dict[str, Any]:
    """The figures of a point as a row of a table; drops are to the dense network.

    ``*_drop_se`` is the standard error of the mean of the drops of each triplet.
    """
    figures = {
        "policy": record["series"],
        "variant": record["variant"],
        "level": record["level"],
        "ratio": record["plan"]["ratio"],
        "emptied": len(record["plan"]["emptied"]),
        "triplets": len(record["scores"]["id"]),
    }
    for name in SCORES:
        scores = np.array(record["scores"][name])
        figures[name] = float(scores.mean())
        if name in ("psnr", "ssim"):
            drops = np.array(dense["scores"][name]) - scores
            figures[f"{name}_drop"] = float(drops.mean())
            figures[f"{name}_drop_se"] = (
                float(drops.std(ddof=1) / math.sqrt(len(drops))) if len(drops) > 1 else None
            )
    for name in ("parameters", "flops"):
        figures[name] = record["costs"][name]
        figures[f"{name}_ratio"] = record["costs"][name] / dense["costs"][name]
    for name in ("median_ms", "dense_median_ms", "fps", "speedup"):
        figures[name] = record["latency"][name]
    return figures
