"""What a sweep comes to: its table, files and pictures."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vfi import reporting
from vfi.jobs.executors import Failed
from vfi.jobs.sweep.measuring import Records
from vfi.jobs.sweep.points import Laboratory, Point
from vfi.jobs.sweep.records import Record, row
from vfi.models import RIFESpec
from vfi.pruning import channel_groups
from vfi.reporting import curves

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
        folder: for sweep.csv, sweep.json and pictures.

    Raises:
        ValueError: if the dense network itself failed: nothing can be compared then.
        SystemExit: with status 1, if other points failed.
    """
    failed = {name: what.reason for name, what in found.items() if isinstance(what, Failed)}
    records = [what for what in found.values() if not isinstance(what, Failed)]
    if points[0].name in failed:
        raise ValueError(f"the dense network could not be scored: {failed[points[0].name]}")
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
    reporting.write_json(
        {
            "network": laboratory.source,
            "rows": rows,
            "note": NOTE,
            "points": records,
            "conditions": laboratory.circumstances,
            "environment": reporting.environment(),
        },
        folder / "sweep.json",
    )
    if any(record["variant"] == "compact" for record in records):
        _draw(pd.DataFrame([r for r in rows if "failed" not in r]), records, laboratory, folder)
    reporting.table(
        f"{laboratory.source} on {laboratory.dataset}",
        [{name: r[name] for name in _SHOWN if name in r} for r in rows],
        caption=NOTE,
    )
    logger.info("wrote %s", folder)
    if failed:
        logger.error("%d of %d points failed: %s", len(failed), len(points), ", ".join(failed))
        raise SystemExit(1)


def _draw(rows: pd.DataFrame, records: list[Record], laboratory: Laboratory, folder: Path) -> None:
    source = laboratory.source
    trained = (rows["variant"] == "finetuned").any()
    title = f"{source}, pruned{'' if trained else ' without training'}, on {laboratory.dataset}"
    plain = rows["variant"].isin(["dense", "compact"])
    rows["series"] = rows["policy"].where(plain, rows["policy"] + ", " + rows["variant"])
    rows["label"] = rows["level"].map("{:g}".format)
    dense, masked = (rows[rows["variant"] == name] for name in ("dense", "masked"))
    pruned = rows[rows["variant"].isin(["compact", "repaired", "finetuned"])]
    if timed := records[0]["latency"]:
        curves.pareto_plot(
            # Pruned networks first: a series then has the same colour in all pictures.
            pd.concat([pruned, dense, masked]), "speedup", "psnr", "series",
            folder / "quality_speed.png", label="label", y_label="PSNR, dB", title=title,
            x_label=f"speed over dense at {timed['width']}x{timed['height']} ({timed['device']})",
        )  # fmt: skip
    starts = [dense.assign(series=name) for name in pruned["series"].unique()]
    lines = pd.concat([*starts, pruned])
    for score, label in (("psnr", "PSNR, dB"), ("ssim", "SSIM")):
        curves.lines_plot(
            lines, "ratio", score, "series", folder / f"{score}_sparsity.png",
            reference=float(dense[score].iloc[0]),
            x_label="channels removed, overall ratio", y_label=label, title=title,
        )  # fmt: skip
    curves.kept_channels_plot(
        _fractions(records, laboratory.dense.spec),
        folder / "kept_channels.png",
        f"channels that each policy keeps of {source}, in percent",
    )


def _fractions(records: list[Record], spec: RIFESpec) -> dict[str, dict[str, float]]:
    """Policy and level -> group -> the fraction of its channels that stay; policy by policy."""
    full = channel_groups(spec).widths
    pruned = [record for record in records if record["variant"] == "compact"]
    policies = list(dict.fromkeys(record["series"] for record in pruned))
    return {
        f"{record['series']} {record['level']:g}": {
            name: width / full[name] for name, width in record["plan"]["widths"].items()
        }
        for record in sorted(pruned, key=lambda record: policies.index(record["series"]))
    }
