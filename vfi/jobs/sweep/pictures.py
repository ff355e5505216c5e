"""The pictures of a sweep, drawn from what its ``sweep.json`` holds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vfi.jobs.sweep.records import Record
from vfi.reporting import curves


def draw(figures: Mapping[str, Any], folder: Path, title: str | None = None) -> None:
    """Draws quality over speed and over sparsity, and what is kept of each layer.

    There is nothing to draw of a sweep whose pruned networks all failed; speed, where none was
    timed.

    Args:
        figures: of ``sweep.json``; of ``sweep.csv``, ``rows`` alone.
        folder: where the pictures go.
        title: above all; what was pruned and how it was scored if None.
    """
    measured, points = scored(figures), figures.get("points")
    rows, title = pd.DataFrame(measured), title or described(figures)
    rows["series"] = [series_of(row) for row in measured]
    rows["label"] = rows["level"].map("{:g}".format)
    dense = rows[rows["variant"] == "dense"]
    pruned = rows[rows["variant"].isin(["compact", "repaired", "finetuned"])]
    if pruned.empty:
        return
    others = rows[~rows.index.isin(pruned.index)]
    if "speedup" in rows:
        curves.pareto_plot(
            # Pruned networks first: a series then has the same marker in all pictures.
            pd.concat([pruned, others]), "speedup", "psnr", "series", folder / "quality_speed.svg",
            label="label", title=title, x_label=f"times as fast as dense{_timed(points)}",
        )  # fmt: skip
    starts = [dense.assign(series=name) for name in pruned["series"].unique()]
    lines = pd.concat([*starts, pruned])
    for score in ("psnr", "ssim"):
        curves.lines_plot(
            lines, "ratio", score, "series", folder / f"{score}_sparsity.svg",
            reference=float(dense[score].iloc[0]),
            x_label="channels removed, overall ratio", title=title,
        )  # fmt: skip
    if points and (rows["variant"] == "compact").any():
        kept = f"channels that each policy keeps of {figures['network']}, in percent"
        curves.kept_channels_plot(_fractions(points), folder / "kept_channels.svg", kept)


def scored(figures: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows of the points that did not fail."""
    return [row for row in figures["rows"] if "psnr" in row]


def described(figures: Mapping[str, Any]) -> str:
    """What a sweep pruned, and how it was scored."""
    trained = any(row["variant"] == "finetuned" for row in figures["rows"])
    parts = [figures.get("network", ""), f"pruned{'' if trained else ' without training'}"]
    if conditions := figures.get("conditions"):
        parts.append(f"on {conditions['dataset']['name']}")
    return ", ".join(filter(None, parts))


def series_of(row: Mapping[str, Any]) -> str:
    """The series that a point belongs to: its policy, and what followed pruning."""
    plain = row["variant"] in ("dense", "compact")
    return str(row["policy"] if plain else f"{row['policy']}, {row['variant']}")


def _timed(points: Sequence[Record] | None) -> str:
    if not points:
        return ""
    timed = points[0]["latency"]
    return f" at {timed['width']}x{timed['height']} ({timed['device']})"


def _fractions(points: Sequence[Record]) -> dict[str, dict[str, float]]:
    """Policy and level -> group -> the fraction of its channels that stay; policy by policy."""
    full = points[0]["plan"]["widths"]  # the dense network's
    pruned = [record for record in points if record["variant"] == "compact"]
    policies = list(dict.fromkeys(record["series"] for record in pruned))
    return {
        f"{record['series']} {record['level']:g}": {
            name: width / full[name] for name, width in record["plan"]["widths"].items()
        }
        for record in sorted(pruned, key=lambda record: policies.index(record["series"]))
    }
