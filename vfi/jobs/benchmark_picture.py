"""The picture of a benchmark."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vfi.reporting import qualities
from vfi.reporting.curves import bars_plot, pareto_plot
from vfi.reporting.style import UNITS
from vfi.shipped import folder

_CONDITIONS = ("width", "height", "batch", "threads", "flow_scale")


def draw(rows: Sequence[Mapping[str, Any]], path: Path, title: str | None = None) -> None:
    """Draws quality over speed in the models' colours; where no quality is known, speed alone.

    Args:
        rows: of ``benchmark.json``; what has no PSNR of its own has that which was measured of
            exactly this model in this way (`vfi.reporting.qualities`), if it was.
        path: of the picture.
        title: above it; size and threads if None.
    """
    data = pd.DataFrame(rows)
    data["way"] = (data["runtime"] + " " + data["precision"]).str.removesuffix(" float32")
    first = data.iloc[0]
    title = title or f"{first['width']}x{first['height']}, {first['threads']} threads"
    label = UNITS["psnr"]
    if "psnr" not in data:
        known = qualities.read(folder("checkpoints") / qualities.FILE)
        found = [known.get(qualities.key_of(row)) for row in rows]
        data["psnr"] = [row["psnr"] if row else None for row in found]
        counts = {row["triplets"] for row in found if row}
        label += f", mean of {max(counts, default=0)} held-out triplets"
    same = (data[list(_CONDITIONS)] == first[list(_CONDITIONS)]).all(axis=1)
    if data.loc[same, "psnr"].count() > 1:
        pareto_plot(
            data[same], "speedup", "psnr", "name", path, label="way",
            x_label=f"times as fast as {first['name']} in {first['way']}", y_label=label,
            title=title,
        )  # fmt: skip
        return
    differing = [name for name in _CONDITIONS if data[name].nunique() > 1]
    texts = [data["name"], data["way"], *(f"{name} " + data[name].map(str) for name in differing)]
    data["label"] = [", ".join(row) for row in zip(*texts, strict=True)]
    bars_plot(data, "label", "fps", "name", path, title=title)
