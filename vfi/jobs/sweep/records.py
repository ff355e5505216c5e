"""What is known of a point of a sweep: its file, and its row in the table."""

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np

from vfi.measure.protocol import SCORES
from vfi.schema import read_record

logger = logging.getLogger(__name__)

Record = dict[str, Any]
"""What is known of a point, in the types of JSON."""


_POINT = {
    "fingerprint": str,
    "series": str,
    "level": float,
    "variant": str,
    "policy": (dict, str, None),
    "plan": {"ratio": float, "widths": {str: int}, "emptied": [str], "protected": dict},
    "scores": {"id": [str], **{name: [float] for name in SCORES}},
    "costs": {"parameters": int, "flops": int},
    "latency": (
        {
            **dict.fromkeys(("median_ms", "dense_median_ms", "fps", "speedup"), float),
            "height": int,
            "width": int,
            "device": str,
        },
        None,
    ),
    "untimed?": dict,  # the plan, until the network has been timed
}
"""The schema of a record."""


def kept(path: Path, fingerprint: str) -> Record | None:
    """The record in the file, if there is one and it still holds; a damaged one is made anew."""
    try:
        record: Record = read_record(path, _POINT)
    except FileNotFoundError:
        return None
    except ValueError as error:
        logger.warning("%s; the point is measured again", error)
        return None
    if len({len(values) for values in record["scores"].values()}) > 1:
        logger.warning("%s is damaged: scores of unequal length; it is measured again", path)
        return None
    return record if record["fingerprint"] == fingerprint else None


def row(record: Record, dense: Record) -> dict[str, Any]:
    """The figures of a point as a row of a table; drops are to the dense network.

    ``*_drop_se`` is the standard error of the mean of the drops of each triplet. There are no
    times if none were measured.
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
    if record["latency"]:
        for name in ("median_ms", "dense_median_ms", "fps", "speedup"):
            figures[name] = record["latency"][name]
    return figures
