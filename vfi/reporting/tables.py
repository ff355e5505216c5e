"""Figures on the screen and in files, and the circumstances they were measured in."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

_FIGURES = {
    "psnr": ("PSNR dB", 1, ".3f"),
    "ssim": ("SSIM", 1, ".4f"),
    "ssim_2d": ("SSIM 2-D", 1, ".4f"),
    "ie": ("IE", 1, ".3f"),
    "parameters": ("parameters", 1, ",.0f"),
    "macs": ("GMACs", 1e-9, ".2f"),
    "flops": ("GFLOPs", 1e-9, ".2f"),
    "weights_mib": ("weights MiB", 1, ".1f"),
    "median_ms": ("median ms", 1, ".1f"),
    "p90_ms": ("p90 ms", 1, ".1f"),
    "fps": ("FPS", 1, ".2f"),
    "speedup": ("speed ×", 1, ".2f"),
    "same_runtime": ("same runtime ×", 1, ".2f"),
    "ready_s": ("ready s", 1, ".1f"),
    "peak_memory_mib": ("peak MiB", 1, ".0f"),
    "psnr_to_eager": ("to eager dB", 1, ".1f"),
}
"""How tables show known figures: label, factor and format by key."""

_WIDE = 160  # columns of a table that goes to a file


def table(
    title: str,
    rows: Sequence[Mapping[str, Any]],
    caption: str | None = None,
    console: Console | None = None,
) -> None:
    """Shows rows as a table on standard output; a single row stands upright.

    Args:
        title: above the table.
        rows: the first one's keys are the columns; known figures get their unit and precision.
        caption: below the table.
        console: where to show it instead.

    Raises:
        ValueError: if there is no row.
    """
    if not rows:
        raise ValueError(f"the table {title!r} has no rows")
    console = console or Console()
    if not console.is_terminal:
        console = Console(file=console.file, width=_WIDE)
    grid = Table()
    if len(rows) == 1:
        grid.show_header = False
        grid.add_column()
        grid.add_column(justify="right" if any(map(_is_number, rows[0].values())) else "left")
        for key, value in rows[0].items():
            grid.add_row(_label(key), _cell(key, value))
    else:
        for key, value in rows[0].items():
            grid.add_column(_label(key), justify="right" if _is_number(value) else "left")
        for row in rows:
            grid.add_row(*(_cell(key, row.get(key)) for key in rows[0]))
    console.print(_plain(title), style="bold", highlight=False)
    console.print(grid)
    if caption:  # not the table's own, which would be folded to the table's width
        console.print(_plain(caption), style="dim", highlight=False)


def _label(key: str) -> str:
    return _FIGURES[key][0] if key in _FIGURES else key.replace("_", " ")


def _cell(key: str, value: Any) -> Text:
    return _plain(_text(key, value))


def _plain(text: str) -> Text:
    """A text that is shown as it is: a file's name may hold brackets or codes of a terminal."""
    return Text("".join(c if c.isprintable() or c == "\n" else "?" for c in text))


def _text(key: str, value: Any) -> str:
    """A value as the table shows it."""
    if value is None:
        return "-"
    if not _is_number(value):
        return str(value)
    if key in _FIGURES:
        _, factor, form = _FIGURES[key]
        return f"{value * factor:{form}}"
    return f"{value:,d}" if isinstance(value, int | np.integer) else f"{value:.4g}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)
