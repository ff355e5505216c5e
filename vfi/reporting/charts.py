"""Charts as SVG: small, sharp, light and dark in one file, and alive in a page.

Series are told apart by colour, marker and dash and named beside their ends. What a page reacts to
is in ``data-`` attributes: ``data-tip`` is shown on hovering, others are the caller's.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from vfi.reporting.style import Style, apart

_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 160, 30, 44  # margins, pixels
_LINE = 15  # pixels from one label to the next
_SHAPES = {
    "o": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "s": "M-3.6-3.6h7.2v7.2h-7.2z",
    "D": "M0-5L5 0L0 5L-5 0z",
    "^": "M0-5L4.6 3.6H-4.6z",
    "v": "M0 5L4.6-3.6H-4.6z",
    "P": "M-1.6-4.8h3.2v3.2h3.2v3.2h-3.2v3.2h-3.2v-3.2h-3.2v-3.2h3.2z",
    "X": "M-4.4-2.2L-2.2-4.4L0-2.2L2.2-4.4L4.4-2.2L2.2 0L4.4 2.2L2.2 4.4L0 2.2L-2.2 4.4L-4.4 2.2L-2.2 0z",  # noqa: E501
}


@dataclass(frozen=True)
class Dot:
    """A point of a chart.

    Attributes:
        x: along the axis.
        y: likewise; a line has a gap where it is None.
        tip: what hovering tells.
        label: a text beside the point.
        data: attributes for the page, without ``data-``.
    """

    x: float
    y: float | None
    tip: str = ""
    label: str = ""
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Series:
    """Points under one name.

    Attributes:
        name: written beside the last point.
        style: how it looks.
        dots: its points, in order.
        joined: by a line.
    """

    name: str
    style: Style
    dots: Sequence[Dot]
    joined: bool = True


@dataclass(frozen=True)
class Scale:
    """From values to pixels, with round ticks."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> "Scale":
        """Covers all values with a little room."""
        low, high = min(values), max(values)
        room = 0.05 * (high - low) or 0.05 * abs(high) or 1
        return cls(low - room, high + room, start, end)

    def __call__(self, value: float) -> float:
        part = (value - self.low) / (self.high - self.low)
        return round(self.start + part * (self.end - self.start), 1)

    def ticks(self, count: int = 5) -> list[tuple[float, str]]:
        """Round values from end to end, and their texts."""
        raw = (self.high - self.low) / count
        unit = 10.0 ** math.floor(math.log10(raw))
        step = next(n * unit for n in (1, 2, 2.5, 5, 10) if n * unit >= raw * 0.999)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        digits = max(0, 1 - math.floor(math.log10(step))) if step < 1 else int(step % 1 > 0)
        values = [number * step for number in range(first, last + 1)]
        texts = [f"{value:.{digits}f}" for value in values]
        while digits and all(text.endswith("0") for text in texts):
            digits, texts = digits - 1, [text[:-1].rstrip(".") for text in texts]
        return list(zip(values, texts, strict=True))


def chart(
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    title: str,
    size: tuple[int, int] = (760, 250),
    focus: bool = False,
) -> str:
    """A chart as an ``<svg>`` element.

    Args:
        series: at least one with a point.
        x_label: under the axis, with its unit.
        y_label: above the axis, likewise.
        title: what it shows, for those who cannot see it.
        size: width and height, pixels.
        focus: whether the keyboard reaches every point.

    Raises:
        ValueError: if there is no point.
    """
    width, height = size
    dots = [dot for one in series for dot in one.dots if dot.y is not None]
    if not dots:
        raise ValueError(f"the chart {title!r} has no points")
    x = Scale.over([dot.x for dot in dots], _LEFT, width - _RIGHT)
    y = Scale.over([dot.y for dot in dots if dot.y is not None], height - _BOTTOM, _TOP)
    parts = [
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="{"group" if focus else "img"}" '
        f'aria-label="{escape(title)}" xmlns="http://www.w3.org/2000/svg">',
        _axes(x, y, x_label, y_label),
        *(_drawn(one, x, y, focus) for one in series),
        _names(series, x, y),
        "</svg>",
    ]
    return "\n".join(parts)


def mark(style: Style) -> str:
    """The marker of a series, for a line of text."""
    return (
        f'<svg class="mark series" style="{_colours(style)}" viewBox="-12 -7 24 14" '
        f'aria-hidden="true"><path class="line" d="M-12 0H12"{_dash(style)}/>'
        f'<path class="dot" d="{_SHAPES[style.marker]}"/></svg>'
    )


def _axes(x: Scale, y: Scale, x_label: str, y_label: str) -> str:
    parts = []
    for value, text in y.ticks():
        parts.append(f'<path class="grid" d="M{x.start} {y(value)}H{x.end}"/>')
        parts.append(f'<text x="{x.start - 8}" y="{y(value) + 4}" class="end">{text}</text>')
    for value, text in x.ticks(8):
        parts.append(f'<path class="grid" d="M{x(value)} {y.start}V{y.end}"/>')
        parts.append(f'<text x="{x(value)}" y="{y.start + 17}" class="middle">{text}</text>')
    parts.append(f'<text x="6" y="15" class="label">{escape(y_label)}</text>')
    middle = (x.start + x.end) / 2
    parts.append(f'<text x="{middle}" y="{y.start + 36}" class="label middle">')
    return "".join([*parts, f"{escape(x_label)}</text>"])


def _drawn(one: Series, x: Scale, y: Scale, focus: bool) -> str:
    parts = [f'<g class="series" style="{_colours(one.style)}" data-series="{escape(one.name)}">']
    if one.joined:
        path = "".join(
            f"{'L' if before is not None and before.y is not None else 'M'}{x(dot.x)} {y(dot.y)}"
            for before, dot in zip([None, *one.dots], one.dots, strict=False)
            if dot.y is not None
        )
        parts.append(f'<path class="line" d="{path}"{_dash(one.style)}/>')
    shown = [(dot, (x(dot.x), y(dot.y))) for dot in one.dots if dot.y is not None]
    parts += [_dot(dot, one.style, place, focus) for dot, place in shown]
    return "".join([*parts, "</g>"])


def _dot(dot: Dot, style: Style, place: tuple[float, float], focus: bool) -> str:
    given = {"tip": dot.tip, **dot.data} if dot.tip else dict(dot.data)
    data = "".join(f' data-{name}="{escape(str(value))}"' for name, value in given.items())
    if focus:
        data += f' tabindex="0" role="img" aria-label="{escape(dot.tip)}"'
    text = f'<text x="8" y="-7">{escape(dot.label)}</text>' if dot.label else ""
    return (
        f'<g class="point" transform="translate({place[0]} {place[1]})"{data}>'
        f'<circle class="hit" r="9"/><path class="dot" d="{_SHAPES[style.marker]}"/>{text}</g>'
    )


def _names(series: Sequence[Series], x: Scale, y: Scale) -> str:
    """Names beside the ends of the series, moved apart where they would overlap."""
    ends = [(s, y(last)) for s in series if (last := _last(s)) is not None]
    places = apart([end for _, end in ends], _LINE, y.end, y.start)
    return "".join(
        f'<g class="series name" style="{_colours(one.style)}" transform="translate({x.end + 8} '
        f'{place})"><path class="line" d="M0 0H22"{_dash(one.style)}/><path class="dot" '
        f'transform="translate(11 0)" d="{_SHAPES[one.style.marker]}"/>'
        f'<text x="27" y="4">{escape(one.name)}</text></g>'
        for (one, _), place in zip(ends, places, strict=True)
    )


def _last(one: Series) -> float | None:
    """The value at the end of a series that has any."""
    return next((dot.y for dot in reversed(one.dots) if dot.y is not None), None)


def _colours(style: Style) -> str:
    return f"--light:{style.light};--dark:{style.dark}"


def _dash(style: Style) -> str:
    return f' stroke-dasharray="{" ".join(map(str, style.dash))}"' if style.dash else ""
