"""The page of ``vfi explain``."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from string import Template
from typing import Any

from vfi.pruning.levels import Cost, Level
from vfi.reporting.charts import mark
from vfi.reporting.pages import Cell, Markup, asset, html_table, page
from vfi.reporting.style import styles

_DIGITS = 6  # of scores: what a rug of lines can show


@dataclass(frozen=True)
class Part:
    """A channel group of the model.

    Attributes:
        name: of the group.
        channels: that it has.
        official: that it has in the official network.
        producers: the convolutions that write it.
        protection: why the aware policy leaves it whole; empty if it does not.
        scores: what the naive policy thinks of each channel.
    """

    name: str
    channels: int
    official: int
    producers: tuple[str, ...]
    protection: str
    scores: Sequence[float]


@dataclass(frozen=True)
class Explained:
    """All that the page shows.

    Attributes:
        model: name or path.
        size: of the frames that costs are for: width, height.
        ratio: where the slider stands first.
        parts: the channel groups, in the order of computation.
        policies: name -> settings.
        levels: name of a policy -> what it does at each ratio.
        costs: of each convolution.
        environment: where they were timed.
    """

    model: str
    size: tuple[int, int]
    ratio: float
    parts: Sequence[Part]
    policies: Mapping[str, Any]
    levels: Mapping[str, Sequence[Level]]
    costs: Sequence[Cost]
    environment: Mapping[str, Any]


def text(explained: Explained) -> str:
    """The page as HTML."""
    width, height = explained.size
    costs, parts = explained.costs, explained.parts
    channels, official = (sum(getattr(p, n) for p in parts) for n in ("channels", "official"))
    has = f"{channels:,}" if channels == official else f"{channels:,} of the official {official:,}"
    macs, ms = (sum(getattr(cost, n) for cost in costs) for n in ("macs", "ms"))
    cpu = explained.environment["cpu"]["model"] or "this machine"
    body = Template(asset("explain.html")).substitute(
        title=escape(f"{explained.model}: what pruning takes away"),
        summary=escape(
            f"{has} channels in {len(parts)} layers that may be pruned. A frame of {width}x{height}"
            f" takes {macs / 1e6:,.0f} million multiply-accumulates (MACs) in {len(costs)} "
            f"convolutions and {ms:.0f} ms of {cpu} (threads: {explained.environment['threads']}), "
            "each timed alone, with what follows it channel by channel."
        ),
        naive=_named("naive"),
        aware=_named("aware"),
        rows=_rows(explained),
        convolutions=_convolutions(explained),
    )
    data = {
        "ratio": explained.ratio,
        "channels": {part.name: part.channels for part in parts},
        "scores": {part.name: _short(part.scores) for part in parts},
        "levels": {
            name: [dataclasses.asdict(level) for level in found]
            for name, found in explained.levels.items()
        },
        "macs": macs,
    }
    title = f"{explained.model}: pruning"
    scripts, styles_ = ("tips.js", "layers.js", "explain.js"), ("layers.css", "explain.css")
    return page(title, body, scripts, data, styles_)


def _named(policy: str) -> str:
    """A policy with the marker of its series."""
    return f"{mark(styles([policy])[policy])} {policy}"


def _short(scores: Sequence[float]) -> list[float]:
    return [float(f"{score:.{_DIGITS}g}") for score in scores]


def _rows(explained: Explained) -> str:
    """A line for each layer; what depends on the slider is filled in by the script."""
    by_conv = {cost.conv: cost for cost in explained.costs}
    lines = []
    for part in explained.parts:
        macs, ms = (
            sum(getattr(by_conv[conv], name) for conv in part.producers) for name in ("macs", "ms")
        )
        of = f" of {part.official}" if part.official != part.channels else ""
        why = f' data-tip="{escape(part.protection)}" tabindex="0"' if part.protection else ""
        lines.append(
            f'<tr data-layer="{escape(part.name)}"><th scope="row"{why}>{escape(part.name)}</th>'
            f'<td class="number">{part.channels}{of}</td>'
            '<td class="kept series naive"></td><td class="kept series aware"></td>'
            f'<td class="rug"></td>{_bar(macs / 1e6, "macs", explained)}{_bar(ms, "ms", explained)}'
            "</tr>"
        )
    return "\n".join(lines)


def _bar(value: float, name: str, explained: Explained) -> str:
    """A cell with a number and a bar as long as its share of all."""
    total = sum(getattr(cost, name) for cost in explained.costs) / (1e6 if name == "macs" else 1)
    share = 100 * value / total
    return (
        f'<td class="cost" style="--share:{share:.2f}" data-tip="{share:.1f} % of all">'
        f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f}</td>"
    )


def _convolutions(explained: Explained) -> str:
    head = ("convolution", "layer", "reads", "writes", "million MACs", "ms")
    rows: list[list[Cell]] = [
        [
            cost.conv, cost.group or Markup(f"<i>{escape(cost.why)}</i>"), cost.inputs,
            cost.outputs, f"{cost.macs / 1e6:.1f}", f"{cost.ms:.2f}",
        ]
        for cost in explained.costs
    ]  # fmt: skip
    return html_table(head, rows)
