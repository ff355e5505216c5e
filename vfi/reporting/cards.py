"""What is known of the released models: ``models.json``, and the part of ``README.md`` from it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vfi import reporting
from vfi.files import atomic_path
from vfi.schema import read_record

Card = dict[str, Any]
"""All about a released model, in the types of JSON; `vfi.jobs.release` says what."""

_FIGURES = {"triplets": int, "dataset": dict, "psnr": float, "ssim": float}
CARD = {
    "parent": str,
    "licence": str,
    "parameters": int,
    "flops": int,
    "speed": {
        **dict.fromkeys(("median_ms", "speedup", "parent_median_ms"), float),
        **dict.fromkeys(("height", "width", "threads"), int),
        "precision": str,
        "channels_last": bool,
        "machine": {"cpu": dict, "torch": str},
    },
    "quality": {str: {**_FIGURES, "parent": {"psnr": float, "ssim": float}}},
    "made": [
        {
            "command": str,
            "network": str,
            "steps": int,
            "data": {"name": str, "count": int, "sha256": str},
            "config": {"model": dict, "data": dict, "trainer": dict},
        }
    ],
    "sha256": str,
    "bytes": int,
    "dtype": str,
}
"""The schema of a card."""

CARDS = "models.json"
README = "README.md"
_BEGIN = "<!-- written from models.json by `python lightning_cli.py release`; edits are lost -->"
_END = "<!-- end of what is written from models.json -->"
_HEAD = """# Released models

Networks made from RIFE (Zhewei Huang et al., MIT) by pruning and training, each a file of weights
and shape. `vfi.load_model("<name>")` gives one that is ready to run.
"""


def read(folder: Path) -> dict[str, Card]:
    """The cards of all models in a folder, by name; none if there is no file of them.

    Raises:
        ValueError: if the file is damaged.
    """
    path = folder / CARDS
    if not path.exists():
        return {}
    try:
        known: dict[str, Card] = read_record(path, {str: CARD})
    except ValueError as error:
        raise ValueError(f"{error}; restore it, or remove it") from error
    for name in known:
        ancestry(name, known)
    return known


def ancestry(name: str, known: Mapping[str, Card]) -> list[str]:
    """The released models that a model was made from, the first one first, itself last.

    Raises:
        ValueError: if they lead back to themselves.
    """
    line = [name]
    while (parent := known[line[0]]["made"][0]["network"]) in known:
        if parent in line:
            raise ValueError(
                f"the cards are damaged: {parent} was made from {line[0]}, which was made from it"
            )
        line.insert(0, parent)
    return line


def write(cards: Mapping[str, Card], folder: Path) -> None:
    """Writes the cards, and the part of the folder's README that shows them."""
    cards = dict(sorted(cards.items()))
    reporting.write_json(cards, folder / CARDS)
    path = folder / README
    text = path.read_text(encoding="utf-8") if path.exists() else _HEAD
    before, _, rest = text.partition(_BEGIN)
    after = rest.partition(_END)[2]
    parts = [before.rstrip(), _BEGIN, _table(cards), *map(_section, cards.items()), _END]
    with atomic_path(path) as temporary:
        temporary.write_text("\n\n".join(parts) + (after or "\n"), encoding="utf-8")


def _table(cards: Mapping[str, Card]) -> str:
    """A row a model: its costs, and its PSNR and SSIM on each set, with the way to its parent."""
    sets = list(dict.fromkeys(name for card in cards.values() for name in card["quality"]))
    head = ["model", "parent", "speed", "parameters", "GFLOPs", "file", *sets]
    rows = [head, ["---"] * len(head)]
    for name, card in cards.items():
        costs = [f"{card['speed']['speedup']:.2f} ×", f"{card['parameters'] / 1e6:.2f} M"]
        costs += [f"{card['flops'] / 1e9:.1f}", f"{card['bytes'] / 1e6:.1f} MB"]
        scores = [_scores(card["quality"].get(name)) for name in sets]
        rows.append([f"`{name}`", card["parent"], *costs, *scores])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _scores(quality: Mapping[str, Any] | None) -> str:
    if quality is None:
        return "-"
    difference = quality["psnr"] - quality["parent"]["psnr"]
    return f"{quality['psnr']:.3f} dB ({difference:+.3f}) / {quality['ssim']:.4f}"


def _section(named: tuple[str, Card]) -> str:
    """How a model was made and measured."""
    name, card = named
    lines = [
        f"## {name}",
        *map(_made, card["made"]),
        _speed(card["speed"]),
        *(_by_stride(label, quality) for label, quality in card["quality"].items()),
        f"Licence: {card['licence']}. Weights in {card['dtype']}, SHA-256 `{card['sha256']}`.",
    ]
    return "\n\n".join(line for line in lines if line)


def _made(stage: Mapping[str, Any]) -> str:
    data = stage["data"]
    return (
        f"Trained for {stage['steps']} steps on {data['count']} {data['name']}, from "
        f"`{stage['network']}`:\n\n    {stage['command']}"
    )


def _speed(speed: Mapping[str, Any]) -> str:
    layout = "channels_last, " if speed["channels_last"] else ""
    return (
        f"Speed: {speed['median_ms']:.0f} ms for a frame of {speed['width']}x{speed['height']}, "
        f"its parent {speed['parent_median_ms']:.0f} ms, measured in turns ({speed['precision']}, "
        f"{layout}{speed['threads']} threads of {speed['machine']['cpu']['model']}, torch "
        f"{speed['machine']['torch']})."
    )


def _by_stride(label: str, quality: Mapping[str, Any]) -> str:
    """PSNR by stride, on sets that have strides."""
    strides = [key for key in quality if key.startswith("psnr_stride")]
    if not strides:
        return ""
    parts = [
        f"{key.removeprefix('psnr_stride')}: {quality[key]:.2f} "
        f"({quality[key] - quality['parent'][key]:+.2f})"
        for key in strides
    ]
    return (
        f"PSNR on {label} by stride, frames (and the difference to the parent): {', '.join(parts)}."
    )
