"""What a sweep comes to: its table, files and pictures."""

import logging
from collections.abc import Sequence
from pathlib import Path

from vfi import reporting
from vfi.jobs.executors import Failed
from vfi.jobs.sweep import page
from vfi.jobs.sweep.measuring import Records
from vfi.jobs.sweep.pictures import draw
from vfi.jobs.sweep.points import Laboratory, Point
from vfi.jobs.sweep.records import row

logger = logging.getLogger(__name__)

_SHOWN = (
    *("policy", "variant", "level", "ratio", "emptied", "psnr", "psnr_drop", "psnr_drop_se"),
    *("ssim", "parameters_ratio", "flops_ratio", "median_ms", "speedup"),
)
NOTE = (
    "Drops are means of paired differences to dense, with their standard errors. The masked "
    "network computes what its compact twin does and is no faster than dense: its channels are "
    "zeroed, not removed."
)


def conclude(laboratory: Laboratory, points: Sequence[Point], found: Records, folder: Path) -> None:
    """Writes the table of all points, their records and pictures.

    Args:
        laboratory: that measured.
        points: in order, the dense network first.
        found: what is known of each.
        folder: for sweep.csv, sweep.json, sweep.html and pictures.

    Raises:
        ValueError: if the dense network itself failed: nothing can be compared then.
        SystemExit: with status 1, if other points failed.
    """
    failed = {name: what.reason for name, what in found.items() if isinstance(what, Failed)}
    if points[0].name in failed:
        raise ValueError(f"the dense network could not be scored: {failed[points[0].name]}")
    records = [what for p in points if not isinstance(what := found[p.name], Failed)]
    rows = [
        {
            "policy": point.series,
            "variant": point.variant,
            "level": point.level,
            "failed": what.reason,
        }
        if isinstance(what := found[point.name], Failed)
        else row(what, records[0])
        for point in points
    ]
    reporting.write_csv(rows, folder / "sweep.csv")
    figures = {
        "network": laboratory.source,
        "rows": rows,
        "note": NOTE,
        "points": records,
        "conditions": laboratory.circumstances,
        "environment": reporting.environment(),
    }
    reporting.write_json(figures, folder / "sweep.json")
    draw(figures, folder)
    page.write(figures, folder / "sweep.html")
    reporting.table(
        f"{laboratory.source} on {laboratory.dataset}",
        [{name: r[name] for name in _SHOWN if name in r} for r in rows],
        caption=NOTE,
    )
    logger.info("wrote %s", folder)
    if failed:
        logger.error("%d of %d points failed: %s", len(failed), len(points), ", ".join(failed))
        raise SystemExit(1)
