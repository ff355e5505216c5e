"""Figures in files."""

import csv
import dataclasses
import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vfi.files import atomic_path

if TYPE_CHECKING:
    import pandas as pd

RECORD = "run.json"
"""What a training puts on record in its run folder."""


def as_json(data: Any) -> str:
    """``data`` as indented JSON that ends with a newline.

    Dataclasses become objects; paths and torch types text; tensors, arrays and numpy numbers plain
    numbers; NaN and infinity, which JSON has not, null.

    Raises:
        TypeError: if something in ``data`` has no form in JSON.
    """
    return json.dumps(_plain(data), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def write_json(data: Any, path: str | os.PathLike[str]) -> None:
    """Writes ``data`` as `as_json` gives it, atomically.

    Raises:
        TypeError: if something in ``data`` has no form in JSON.
        ValueError: if ``path`` cannot be written.
    """
    text = as_json(data)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_csv(
    rows: "pd.DataFrame | Sequence[Mapping[str, Any]]", path: str | os.PathLike[str]
) -> None:
    """Writes rows as CSV with a header, atomically, floats in full precision.

    Columns are those of all rows, in order of appearance; None, NaN and what a row lacks are empty.

    Raises:
        ValueError: if ``path`` cannot be written.
    """
    records = rows if isinstance(rows, Sequence) else rows.to_dict("records")
    columns = list(dict.fromkeys(name for row in records for name in row))
    if not isinstance(rows, Sequence):
        columns = list(rows)  # also of no rows
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for row in records:
            writer.writerow({name: _cell(value) for name, value in row.items()})


def _cell(value: Any) -> Any:
    """NaN is what is missing."""
    return None if isinstance(value, float) and math.isnan(value) else value


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
