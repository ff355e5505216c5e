"""Figures on the screen and in files, and the circumstances they were measured in."""

import dataclasses
import importlib.metadata
import json
import math
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from rich.console import Console
from rich.table import Table

from vfi.files import atomic_path

PACKAGES = ("torch", "lightning", "torchmetrics", "kornia", "numpy", "opencv-python-headless", "av")
"""Whose versions may change a figure."""

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
    "peak_memory_mib": ("peak MiB", 1, ".0f"),
}
"""How tables show known figures: label, factor and format by key."""

_WIDE = 160  # columns of a table that goes to a file


def environment() -> dict[str, Any]:
    """What the figures of a run depend on besides its configuration.

    Never fails: what cannot be found out is None.

    Returns:
        ``python``, ``platform``, ``packages`` (name: version), ``cpu`` (model, cores, capability),
        ``threads`` of torch, ``gpus`` (names) and ``git`` (``commit``, ``dirty``; None outside of
        a checkout).
    """
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "cpu": {
            "model": _cpu_model(),
            "cores": os.cpu_count(),
            "capability": torch.backends.cpu.get_cpu_capability(),
        },
        "threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "git": _git(),
    }


def write_json(data: Any, path: str | os.PathLike[str]) -> None:
    """Writes ``data`` as indented JSON, atomically.

    Dataclasses become objects; paths and torch types text; tensors, arrays and numpy numbers plain
    numbers; NaN and infinity, which JSON has not, null.

    Raises:
        TypeError: if something in ``data`` has no form in JSON.
        ValueError: if ``path`` cannot be written.
    """
    text = json.dumps(_plain(data), indent=2, allow_nan=False, ensure_ascii=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def write_csv(
    rows: pd.DataFrame | Sequence[Mapping[str, Any]], path: str | os.PathLike[str]
) -> None:
    """Writes rows as CSV with a header, atomically, floats in full precision.

    Raises:
        ValueError: if ``path`` cannot be written.
    """
    with atomic_path(path) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False)


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
        grid.add_column(justify="right")
        for key, value in rows[0].items():
            grid.add_row(_label(key), _text(key, value))
    else:
        for key, value in rows[0].items():
            grid.add_column(_label(key), justify="right" if _is_number(value) else "left")
        for row in rows:
            grid.add_row(*(_text(key, row.get(key)) for key in rows[0]))
    console.print(title, style="bold", highlight=False)
    console.print(grid)
    if caption:  # not the table's own, which would be folded to the table's width
        console.print(caption, style="dim", highlight=False)


def _label(key: str) -> str:
    return _FIGURES[key][0] if key in _FIGURES else key.replace("_", " ")


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


def _plain(data: Any) -> Any:
    """``data`` in the types of JSON."""
    if data is None or isinstance(data, str | bool | int):
        return data
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple | set | frozenset):
        return [_plain(value) for value in data]
    if dataclasses.is_dataclass(data) and not isinstance(data, type):
        return {f.name: _plain(getattr(data, f.name)) for f in dataclasses.fields(data)}
    if isinstance(data, torch.Tensor | np.ndarray):
        return _plain(data.tolist())
    if isinstance(data, np.generic):
        return _plain(data.item())
    if isinstance(data, os.PathLike | torch.dtype | torch.device):
        return str(data)
    raise TypeError(f"cannot write {data!r} of type {type(data).__name__} as JSON")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpu_model() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return platform.processor() or None
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or None


def _git() -> dict[str, Any] | None:
    """The commit of the checkout that this file is tracked in, and whether files differ from it."""
    here = Path(__file__).resolve()

    def run(*arguments: str) -> str:
        command = ["git", "-C", str(here.parent), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
        return done.stdout.strip()

    try:
        # An installed copy may lie inside somebody else's repository without belonging to it.
        run("ls-files", "--error-unmatch", here.name)
        status = run("status", "--porcelain", "--untracked-files=no")
        return {"commit": run("rev-parse", "HEAD"), "dirty": bool(status)}
    except (OSError, subprocess.SubprocessError):
        return None
