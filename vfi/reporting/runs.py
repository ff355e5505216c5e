"""The record of a training, ``run.json``, as it is read again."""

import os
from typing import Any

from vfi.schema import read_record

RUN = {
    "command": [str],
    "config": {
        "model": dict,
        "data": {"train": dict, "val": dict},
        "trainer": dict,
    },
    "network": str,
    "pruning": (dict, None),
    "train": {"name": str, "kind": str, "count": int, "sha256": str},
    "validation": {"source": str, "strides": [int]},
    "environment": dict,
    "resumed?": [{"step": int, "command": [str], "changes": dict}],
}
"""The schema of the record."""


def read_run(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The record of a training.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is damaged.
    """
    return read_record(path, RUN)
