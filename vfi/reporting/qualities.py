"""The measured quality of models by runtime and precision: ``qualities.json``.

A row belongs to weights, shape and 8-bit ranges by their fingerprint, so figures of a model that
was replaced since are no longer found.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vfi.reporting.provenance import environment
from vfi.reporting.records import write_json
from vfi.schema import read_record

FILE = "qualities.json"
"""Beside the released models."""

_KEY = ("weights", "runtime", "precision", "flow_scale")
_ROW = {
    "name": str,
    **dict.fromkeys(_KEY[:3], str),
    "flow_scale": float,
    "triplets": int,
    **dict.fromkeys(("psnr", "ssim", "psnr_to_eager", "difference"), float),
}
_TABLE = {"dataset": {"name": str, "sha256": str}, "rows": [_ROW]}

Key = tuple[str, str, str, float]
"""Fingerprint, runtime, precision, flow scale."""


def key_of(row: Mapping[str, Any]) -> Key:
    """What a row is found by."""
    return row["weights"], row["runtime"], row["precision"], float(row["flow_scale"])


def read(path: Path) -> dict[Key, dict[str, Any]]:
    """The rows of a table; none if there is no file.

    Raises:
        ValueError: if it is damaged.
    """
    if not path.exists():
        return {}
    return {key_of(row): row for row in read_record(path, _TABLE)["rows"]}


def add(path: Path, rows: Sequence[Mapping[str, Any]], dataset: Mapping[str, Any]) -> None:
    """Adds rows to a table, in place of what it has of the same models in the same way.

    Rows that were measured on another set, or on another number of triplets, do not stay.

    Raises:
        ValueError: if the file is damaged or cannot be written.
    """
    new = [{name: row[name] for name in _ROW} for row in rows if row.get("difference") is not None]
    kept: list[dict[str, Any]] = []
    if path.exists():
        known = read_record(path, _TABLE)
        if known["dataset"]["sha256"] == dataset["sha256"]:
            replaced = {(row["name"], *key_of(row)[1:]) for row in new}
            kept = [
                row
                for row in known["rows"]
                if (row["name"], *key_of(row)[1:]) not in replaced
                and row["triplets"] == new[0]["triplets"]
            ]
    ordered = sorted([*kept, *new], key=lambda row: (row["name"], *key_of(row)[1:]))
    write_json({"dataset": dataset, "rows": ordered, "environment": environment()}, path)
