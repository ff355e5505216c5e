"""The job that lists the models there are."""

import sys
from typing import Any

from vfi import reporting
from vfi.checkpoints import registry
from vfi.reporting import cards
from vfi.shipped import folder

_AUTHORS = "MIT (by the authors of RIFE)"


def models(json: bool = False) -> None:
    """Lists every model: name, speed, quality, size, licence, where it is from.

    Speed is that over rife_v4.0 on the CPU of the card; PSNR is that of the 379 triplets of
    UCF-101. Any command takes the name: ``vfi in.mp4 -m rife-tiny``.

    Args:
        json: as JSON, with the whole card of each released model.
    """
    known = cards.read(folder("checkpoints"))
    rows = [_row(name, known) for name in registry.names()]
    if json:
        with_cards = [{**row, "card": known.get(row["name"])} for row in rows]
        sys.stdout.write(reporting.as_json(with_cards))
        return
    reporting.table(
        "models", [_shown(row) for row in rows], "speed over rife_v4.0; PSNR and SSIM on UCF-101"
    )


def _row(name: str, known: dict[str, cards.Card]) -> dict[str, Any]:
    """What is known of a model, released or the authors'."""
    row: dict[str, Any] = {"name": name, "speed": None, "psnr": None, "ssim": None}
    if card := known.get(name):
        quality = card["quality"].get("ucf101", {})
        return {
            **row,
            "speed": card["speed"]["speedup"],
            "psnr": quality.get("psnr"),
            "ssim": quality.get("ssim"),
            "parameters": card["parameters"],
            "bytes": card["bytes"],
            "licence": card["licence"],
            "from": "this package",
            "here": registry.path_of(name) is not None,
        }
    path = registry.path_of(name)
    scores = [
        card["quality"]["ucf101"]["parent"]
        for card in known.values()
        if card["parent"] == name and "ucf101" in card["quality"]
    ]
    return {
        **row,
        "speed": 1.0 if name == registry.FETCHED else None,
        **(scores[0] if scores else {}),
        "parameters": None,
        "bytes": path.stat().st_size if path else None,
        "licence": _AUTHORS,
        "from": registry.origin(name),
        "here": path is not None,
    }


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the table."""
    return {
        "name": row["name"],
        "speed": None if row["speed"] is None else f"{row['speed']:.2f} x",
        "psnr": row["psnr"],
        "ssim": row["ssim"],
        "MB": None if row["bytes"] is None else f"{row['bytes'] / 1e6:.1f}",
        "licence": row["licence"].partition(" (")[0],
        "from": row["from"],
        "here": "yes" if row["here"] else "no",
    }
