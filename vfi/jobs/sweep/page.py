"""The page of a sweep: every point tells its plan, what it keeps of each layer, and its command."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from string import Template
from typing import Any

from vfi.jobs.sweep.commands import command_of
from vfi.jobs.sweep.pictures import described, scored, series_of
from vfi.jobs.sweep.records import Record
from vfi.reporting.charts import Dot, Series, chart, mark
from vfi.reporting.pages import Cell, Markup, asset, html_table, page, write_page
from vfi.reporting.style import UNITS, styles

_SIZE = (760, 330)
_HEAD = ("policy", "level", "removed", "PSNR, dB", "SSIM", "times as fast", "parameters", "FLOPs")


def write(figures: Mapping[str, Any], path: Path) -> None:
    """Writes the page.

    Args:
        figures: of ``sweep.json``, with its points.
        path: of the page.

    Raises:
        ValueError: if it cannot be written.
    """
    rows, points = scored(figures), figures["points"]
    title, timed = described(figures), "speedup" in rows[0]
    body = Template(asset("sweep.html")).substitute(
        title=escape(title),
        note=escape(figures["note"]),
        speed=_chart(rows, "speedup", UNITS["speedup"], joined=False) if timed else "",
        sparsity=_chart(rows, "ratio", UNITS["ratio"], joined=True),
        table=html_table(_HEAD, [_row(row) for row in rows]),
    )
    told = [_told(row, point, figures) for row, point in zip(rows, points, strict=True)]
    data = {"points": told, "channels": points[0]["plan"]["widths"]}
    scripts, sheets = ("tips.js", "layers.js", "sweep.js"), ("layers.css", "sweep.css")
    write_page(page(title, body, scripts, data, sheets), path)


def _chart(rows: Sequence[Mapping[str, Any]], along: str, label: str, joined: bool) -> str:
    """PSNR over something; a point knows its number."""
    looks = styles([series_of(row) for row in rows])
    numbered = sorted(enumerate(rows), key=lambda pair: (series_of(pair[1]), pair[1][along]))
    series = [
        Series(name, looks[name], [_dot(number, row, along) for number, row in group], joined)
        for name, group in groupby(numbered, key=lambda pair: series_of(pair[1]))
    ]
    title = f"{UNITS['psnr']}, over {label}"
    return chart(series, label, UNITS["psnr"], title, _SIZE, focus=True)


def _dot(number: int, row: Mapping[str, Any], along: str) -> Dot:
    level = f"{row['level']:g}" if row["level"] else ""
    label = level if along == "speedup" else ""
    tip = f"{series_of(row)} {level}".strip()
    tip += f": {row['psnr']:.2f} dB"
    if "speedup" in row:
        tip += f", {row['speedup']:.2f} times as fast"
    return Dot(row[along], row["psnr"], tip, label, {"point": number})


def _row(row: Mapping[str, Any]) -> list[Cell]:
    name = series_of(row)
    cells: list[Cell] = [Markup(f"{mark(styles([name])[name])} {escape(name)}")]
    cells += [f"{row['level']:g}", f"{row['ratio']:.3f}", f"{row['psnr']:.3f}"]
    cells += [f"{row['ssim']:.4f}", f"{row['speedup']:.2f}" if "speedup" in row else None]
    return [*cells, *(f"{row[f'{name}_ratio']:.2f}" for name in ("parameters", "flops"))]


def _times(row: Mapping[str, Any]) -> list[list[str]]:
    if "speedup" not in row:
        return []
    return [["ms a frame", f"{row['median_ms']:.1f}"], ["times as fast", f"{row['speedup']:.2f}"]]


def _told(row: Mapping[str, Any], point: Record, figures: Mapping[str, Any]) -> dict[str, Any]:
    """What the page says of a point that is pointed at."""
    error = row["psnr_drop_se"]
    drop = f" ({-row['psnr_drop']:+.2f}{f' ± {error:.2f}' if error else ''})"
    return {
        "name": f"{series_of(row)} {row['level']:g}" if row["level"] else series_of(row),
        "figures": [
            ["channels removed", f"{row['ratio']:.1%}"],
            ["PSNR, dB", f"{row['psnr']:.3f}{drop}"],
            ["SSIM", f"{row['ssim']:.4f}"],
            *_times(row),
            ["parameters, M", f"{row['parameters'] / 1e6:.2f}"],
            ["GFLOPs", f"{row['flops'] / 1e9:.1f}"],
        ],
        "widths": point["plan"]["widths"],
        "protected": point["plan"]["protected"],
        "command": command_of(point, figures["network"], figures["conditions"]),
    }
