"""The look of plots: that of `style`, in one file that is right on light and dark grounds.

A plot is written as SVG, whose colours follow the reader's; as PNG, if its name says so, it is
light.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vfi.files import atomic_path
from vfi.reporting.style import FAINT, GROUND, INK, PAIRS, UNITS, Style, apart

_GAP = 13  # points from one name to the next

look = matplotlib.rc_context(
    {
        "font.family": "sans-serif",
        "font.size": 10,
        "axes.titlesize": 11,
        "axes.labelsize": 10,
        "text.color": INK[0],
        "axes.labelcolor": INK[0],
        "axes.edgecolor": INK[0],
        "xtick.color": INK[0],
        "ytick.color": INK[0],
        "figure.facecolor": GROUND[0],
        "axes.facecolor": GROUND[0],
        "savefig.facecolor": GROUND[0],
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": FAINT[0],
        "grid.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "lines.linewidth": 1.8,
        "lines.scale_dashes": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "vfi",
    }
)
"""Decorates what draws."""


def plot(width: float, height: float, title: str = "") -> tuple[Figure, Axes]:
    """A figure with one set of axes; inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axis = figure.subplots()
    axis.set_title(title)
    return figure, axis


def labelled(axis: Axes, x: str, y: str) -> None:
    """Says what the axes are, with units where figures are known (`style.UNITS`)."""
    axis.set_xlabel(UNITS.get(x, x))
    axis.set_ylabel(UNITS.get(y, y))


def name_ends(axis: Axes, ends: Sequence[tuple[str, Style, float]], joined: bool = True) -> None:
    """Names series beside the axes, at the height of their ends: no legend to go back to.

    Args:
        axis: with everything drawn, and its limits settled.
        ends: name, style and last value of each series.
        joined: whether their points are.
    """
    low, high = axis.get_ylim()
    figure = axis.get_figure(root=True)
    height = 72 * axis.get_position().height * (figure.get_figheight() if figure else 1)
    wanted = [(value - low) / (high - low) for *_, value in ends]
    for place, (name, style, _) in zip(apart(wanted, _GAP / height, 0, 1), ends, strict=True):
        line = {"linestyle": dashes(style)} if joined else {"linestyle": "none"}
        axis.plot(
            [1.02, 1.045, 1.07] if joined else [1.035],
            [place] * (3 if joined else 1),
            color=style.light, marker=style.marker, markevery=[1 if joined else 0], markersize=5,
            transform=axis.transAxes, clip_on=False, **line,
        )  # fmt: skip
        axis.annotate(
            name, (1.07, place), (4, 0), xycoords="axes fraction", textcoords="offset points",
            va="center", annotation_clip=False,
        )  # fmt: skip
    axis.set_ylim(low, high)


def dashes(style: Style) -> tuple[int, tuple[int, ...]]:
    """The dashes of a series in matplotlib's words."""
    return 0, style.dash


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Writes a figure, atomically.

    Raises:
        ValueError: if the path ends in neither .svg nor .png, or cannot be written.
    """
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in ("svg", "png"):
        raise ValueError(f"cannot draw into {path}: a picture's name ends in .svg or .png")
    with atomic_path(path) as temporary:
        if kind == "png":
            figure.savefig(temporary, dpi=120, format=kind)
            return
        figure.savefig(temporary, format=kind, metadata={"Date": None})
        text = temporary.read_text(encoding="utf-8")
        temporary.write_text(re.sub(r"(<svg [^>]*>)", rf"\1{_dark()}", text, count=1), "utf-8")


def _dark() -> str:
    """A style under which every colour of the look becomes its twin on a dark ground."""
    rules = "".join(
        f'[style*="{part}: {light.lower()}"]{{{part}:{dark.lower()} !important}}'
        for light, dark in PAIRS
        for part in ("fill", "stroke")
    )
    return f"<style>@media (prefers-color-scheme: dark){{{rules}}}</style>"
