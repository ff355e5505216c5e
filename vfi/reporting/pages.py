"""Pages: one file of HTML that opens from the disk and asks for nothing outside.

Their styles and scripts are the project's own, in ``assets`` beside this file.
"""

import json
import os
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any

from vfi.files import atomic_path


class Markup(str):
    """Text that is HTML already."""


Cell = str | int | None


def asset(name: str) -> str:
    """The text of a style, a script or a part of a page."""
    return (files("vfi.reporting") / "assets" / name).read_text(encoding="utf-8")


def page(
    title: str, body: str, scripts: Sequence[str] = (), data: Any = None, styles: Sequence[str] = ()
) -> str:
    """A whole page; a browser that obeys its policy fetches nothing for it.

    Args:
        title: of the window.
        body: HTML.
        scripts: names of assets, run in this order.
        data: what the scripts read, in the types of JSON.
        styles: names of assets, besides those of every page.
    """
    sheets = "\n".join(asset(name) for name in ("chart.css", "page.css", *styles))
    held = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data: '
        "blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">",
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{escape(title)}</title>\n<style>\n{sheets}</style>\n</head>\n<body>",
        body,
        f'<script type="application/json" id="data">{held}</script>',
        *(f"<script>\n{asset(name)}</script>" for name in scripts),
        "</body>\n</html>\n",
    ]
    return "\n".join(parts)


def write_page(text: str, path: str | os.PathLike[str]) -> None:
    """Writes a page, atomically.

    Raises:
        ValueError: if ``path`` cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def html_table(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """A table; numbers stand right, what is missing is a dash."""
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody>'
        "</table></div>"
    )


def _cell(value: Cell) -> str:
    if isinstance(value, Markup):
        return f"<td>{value}</td>"
    text = "–" if value is None else str(value)
    side = ' class="number"' if value is None or _is_number(text) else ""
    return f"<td{side}>{escape(text)}</td>"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
