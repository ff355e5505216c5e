"""Plots of results, written without a display, in the one look of all plots (`look`)."""

import os
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from vfi.reporting.look import dashes, labelled, look, name_ends, plot, save
from vfi.reporting.style import GREY, INK, VERMILLION, Style, styles

_MANY = 30  # points; markers tell points apart, on longer curves they would only thicken them

Values = Sequence[float] | pd.Series | pd.Index | np.ndarray


def pareto_front(x: Values, y: Values) -> np.ndarray:
    """Which points no other beats in both (higher is better): booleans, one for each point."""
    along, up = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    # [i, j]: point j is as good as i in both
    as_good = (along >= along[:, None]) & (up >= up[:, None])
    better = (along > along[:, None]) | (up > up[:, None])
    return np.logical_not((as_good & better).any(1))


@look
def pareto_plot(
    data: pd.DataFrame,
    x: str,
    y: str,
    series: str,
    path: str | os.PathLike[str],
    *,
    label: str | None = None,
    x_label: str | None = None,
    y_label: str | None = None,
    title: str = "",
) -> None:
    """Draws quality against speed, higher is better in both, and marks the Pareto front.

    Args:
        data: a row for each model.
        x: the column of speeds.
        y: the column of qualities.
        series: the column that tells points apart.
        path: a ``.svg`` or ``.png`` file, replaced if it exists.
        label: the column of texts beside points.
        x_label: under the axis; what `style.UNITS` says of the column if None.
        y_label: likewise.
        title: above the plot.

    Raises:
        ValueError: if a column is missing, there is no row, or ``path`` cannot be written.
    """
    data = _complete(data, x, y, series, *([label] if label else []))
    figure, axis = plot(8.6, 5.2, title)
    front = data[pareto_front(data[x], data[y])].sort_values(x)
    axis.step(front[x], front[y], where="pre", color=INK[0], linewidth=1, zorder=2)
    drawn = list(_styled(data, series))
    for style, _, points in drawn:
        axis.scatter(points[x], points[y], s=46, color=style.light, marker=style.marker, zorder=3)
        if label:
            _label(axis, points[[x, y, label]], front.index)
    axis.scatter(
        front[x], front[y], s=150, facecolors="none", edgecolors=INK[0], linewidths=1, zorder=4
    )
    axis.margins(0.08)
    labelled(axis, x_label or x, y_label or y)
    ends = [(name, style, points.sort_values(x)[y].iloc[-1]) for style, name, points in drawn]
    name_ends(axis, ends, joined=False)
    axis.annotate(
        "ringed: none is better in both", (0, 0), (6, 6), xycoords="axes fraction",
        textcoords="offset points", fontsize=8, color=GREY[0],
    )  # fmt: skip
    save(figure, path)


@look
def lines_plot(
    data: pd.DataFrame,
    x: str,
    y: str,
    series: str,
    path: str | os.PathLike[str],
    *,
    reference: float | None = None,
    reference_label: str = "dense",
    x_label: str | None = None,
    y_label: str | None = None,
    title: str = "",
) -> None:
    """Draws a line of ``y`` over ``x`` for each value of ``series``.

    Args:
        data: a row for each point; rows without ``x`` or ``y`` (NaN) are left out.
        x: the column of positions.
        y: the column of values.
        series: the column that tells lines apart.
        path: a ``.svg`` or ``.png`` file, replaced if it exists.
        reference: a value drawn as a dashed line.
        reference_label: its name.
        x_label: under the axis; what `style.UNITS` says of the column if None.
        y_label: likewise.
        title: above the plot.

    Raises:
        ValueError: as `pareto_plot`.
    """
    data = _complete(data, x, y, series)
    figure, axis = plot(8.6, 5.2, title)
    if reference is not None:
        axis.axhline(reference, color=GREY[0], linewidth=1.2, linestyle="--")
        axis.annotate(
            reference_label, (0, reference), (4, 3), xycoords=("axes fraction", "data"),
            textcoords="offset points", fontsize=9, color=GREY[0],
        )  # fmt: skip
    ends = []
    for style, name, points in _styled(data, series):
        points = points.sort_values(x, kind="stable")
        _draw_line(axis, points[x], points[y], style)
        ends.append((name, style, points[y].iloc[-1]))
    labelled(axis, x_label or x, y_label or y)
    name_ends(axis, ends)
    save(figure, path)


@look
def bars_plot(
    data: pd.DataFrame,
    label: str,
    value: str,
    series: str,
    path: str | os.PathLike[str],
    *,
    x_label: str | None = None,
    title: str = "",
) -> None:
    """Draws a horizontal bar for each row, the first one on top, with its length beside it.

    Args:
        data: the rows.
        label: the column of texts beside bars.
        value: the column of lengths.
        series: the column of what bars are of, such as the model, which has its colour.
        path: a ``.svg`` or ``.png`` file, replaced if it exists.
        x_label: under the axis; what `style.UNITS` says of the column if None.
        title: above the plot.

    Raises:
        ValueError: as `pareto_plot`.
    """
    data = _complete(data, value, value, label, series)
    figure, axis = plot(8, 1.2 + 0.3 * len(data), title)
    for style, _, rows in _styled(data, series):
        bars = axis.barh(rows.index, rows[value], color=style.light)
        axis.bar_label(bars, fmt="%.3g", padding=3)
    axis.set_yticks(data.index, list(data[label]))
    axis.invert_yaxis()
    axis.grid(visible=False, axis="y")
    axis.margins(x=0.08)
    labelled(axis, x_label or value, "")
    save(figure, path)


@look
def panels_plot(
    panels: Mapping[str, pd.DataFrame],
    path: str | os.PathLike[str],
    *,
    x_label: str,
    title: str = "",
) -> None:
    """Draws groups of lines below each other, over the same positions.

    Args:
        panels: what its axis says -> a column for each line, positions as index; gaps (NaN) are
            left out.
        path: a ``.svg`` or ``.png`` file, replaced if it exists.
        x_label: under the lowest.
        title: above all.

    Raises:
        ValueError: if there is nothing to draw, or ``path`` cannot be written.
    """
    if not panels:
        raise ValueError("there are no panels to draw: give at least one group of lines")
    figure = Figure(figsize=(9, 3.8 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    for axis, (label, lines) in zip(axes, panels.items(), strict=True):
        ends = []
        for name, style in styles([str(name) for name in lines]).items():
            points = lines[name].dropna()
            _draw_line(axis, points.index, points, style)
            if len(points):
                ends.append((name, style, points.iloc[-1]))
        labelled(axis, x_label if axis is axes[-1] else "", label)
        name_ends(axis, ends)
    figure.suptitle(title)
    save(figure, path)


@look
def kept_channels_plot(
    kept: Mapping[str, Mapping[str, float]], path: str | os.PathLike[str], title: str = ""
) -> None:
    """Draws the fraction of channels that each policy kept in each layer as a heat map.

    Dark blue is a whole layer, pale is little, and a layer with nothing left is orange: the picture
    of a network cut through.

    Args:
        kept: policy -> layer -> fraction in [0, 1]; layers in the order of first appearance. A
            layer that a policy does not name stays blank.
        path: a ``.svg`` or ``.png`` file, replaced if it exists.
        title: above the plot.

    Raises:
        ValueError: if there is nothing to draw, a fraction is outside [0, 1], or ``path`` cannot
            be written.
    """
    layers = list(dict.fromkeys(layer for fractions in kept.values() for layer in fractions))
    if not layers:
        raise ValueError("there are no kept channels to draw: give at least one policy and layer")
    values = np.array([[kept[p].get(layer, np.nan) for layer in layers] for p in kept])
    if np.nanmin(values) < 0 or np.nanmax(values) > 1:
        raise ValueError(
            f"kept fractions must be in [0, 1], got {np.nanmin(values)} to {np.nanmax(values)}"
        )
    size = (max(6.0, 2.6 + 0.34 * len(layers)), 2.6 + 0.5 * len(kept))
    figure = Figure(figsize=size, layout="constrained")
    axis = figure.subplots()
    shades = LinearSegmentedColormap.from_list("kept", ["#eef4fa", "#6aa6d6", "#08306b"])
    colors = shades.with_extremes(under=VERMILLION[0], bad="#ffffff")
    shown = axis.imshow(values, cmap=colors, vmin=1e-9, vmax=1, aspect="auto")
    for row, column in np.argwhere(~np.isnan(values)):
        value = values[row, column]
        light = value > 0.55 or value == 0
        text = f"{100 * value:.0f}"
        color = "white" if light else "#222222"
        axis.text(column, row, text, color=color, ha="center", va="center", fontsize=7)
    axis.set_yticks(range(len(kept)), list(kept))
    axis.set_xticks(range(len(layers)), layers, rotation=90, fontsize=8)
    axis.set_xticks(np.arange(-0.5, len(layers)), minor=True)
    axis.set_yticks(np.arange(-0.5, len(kept)), minor=True)
    axis.grid(visible=False)
    axis.grid(which="minor", color="white", linewidth=1)
    axis.tick_params(which="both", length=0)
    axis.set_title(title)
    bar = figure.colorbar(shown, ax=axis, fraction=0.03, pad=0.01, extend="min")
    bar.set_label("channels kept (orange: none)")
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    save(figure, path)


def _label(axis: Axes, points: pd.DataFrame, front: pd.Index) -> None:
    """Writes the third column beside the points that the first two tell."""
    for position, (x, y, text) in zip(points.index, points.to_numpy(), strict=True):
        # Above the front and below all else, so that neighbours keep out of each other's way.
        place = (6, 7) if position in front else (6, -13)
        axis.annotate(str(text), (x, y), place, textcoords="offset points", fontsize=8)


def _complete(data: pd.DataFrame, x: str, y: str, *others: str) -> pd.DataFrame:
    """The rows of ``data`` that have both coordinates, if there are any, numbered anew."""
    missing = [column for column in (x, y, *others) if column not in data]
    if missing:
        raise ValueError(f"there is no column {missing} to plot; there are {list(data)}")
    data = data.dropna(subset=[x, y]).reset_index(drop=True)
    if data.empty:
        raise ValueError(f"there are no rows with both {x} and {y} to plot")
    return data


def _styled(data: pd.DataFrame, series: str) -> Iterator[tuple[Style, str, pd.DataFrame]]:
    """``(style, name, rows)`` for each value of ``series``, in order of appearance."""
    groups = {str(name): rows for name, rows in data.groupby(series, sort=False)}
    for name, style in styles(list(groups)).items():
        yield style, name, groups[name]


def _draw_line(axis: Axes, x: Values, y: Values, style: Style) -> None:
    marker = style.marker if len(x) <= _MANY else None
    axis.plot(
        np.asarray(x), np.asarray(y), color=style.light, marker=marker, linestyle=dashes(style)
    )
