"""Clips in large files: litdata's optimised chunks, which object stores give sooner than clips."""

import io
import json
import logging
import os
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from vfi.data.patience import within
from vfi.schema import check_record

PREFIX = "litdata::"
RECORD = "clips.json"
"""What is in the chunks; it lies beside them."""

SCHEMA = {"clips": [{"name": str, "bytes": int, "item": int, "sha256": str}]}

_reading = Lock()  # clips are read by threads


def is_chunked(root: str | os.PathLike[str]) -> bool:
    """Whether a root names chunks, in a folder or at an address."""
    return str(root).startswith(PREFIX)


def chunked_clips(root: str) -> dict[str, dict[str, Any]]:
    """The clips in chunks by name: ``bytes``, ``item`` (their number) and ``sha256``.

    Raises:
        ValueError: if there are none, or their record is damaged.
    """
    place = f"{root.removeprefix(PREFIX).rstrip('/')}/{RECORD}"
    try:
        record = json.loads(_text(place))
        check_record(record, SCHEMA)
    except (OSError, ValueError, ImportError) as error:
        raise ValueError(
            f"there are no clips in chunks at {root} ({error}); make some by: vfi chunks <clips> "
            "-o <folder>"
        ) from error
    return {row["name"]: row for row in record["clips"]}


def chunked_file(address: str, patience: float) -> io.BytesIO:
    """The contents of a clip.

    Args:
        address: ``litdata::<chunks>::<name>``.
        patience: seconds to wait for it.

    Raises:
        OSError: if it cannot be read.
        TooSlowError: if it takes too long.
    """
    root, _, name = address.removeprefix(PREFIX).rpartition("::")
    return io.BytesIO(within(patience, lambda: _contents(root, name)))


def _contents(root: str, name: str) -> bytes:
    try:
        with _reading:
            chunks, clips = _opened(root, os.getpid())
            item = chunks[clips[name]["item"]]
    except (KeyError, IndexError, RuntimeError) as error:
        raise OSError(f"{name} is not in the chunks at {root}: they are damaged") from error
    if item["name"] != name:
        raise OSError(f"{name} is not where {RECORD} says in {root}; convert the clips again")
    return bytes(item["data"])


@lru_cache(maxsize=2)  # of a process: what one has open, another that it forks cannot use
def _opened(root: str, process: int) -> tuple[Any, dict[str, dict[str, Any]]]:
    return opened(root), chunked_clips(root)


def opened(root: str) -> Any:
    """The items in chunks, by number.

    Raises:
        ModuleNotFoundError: if litdata is not installed.
    """
    import litdata

    logging.getLogger("litdata").setLevel(logging.WARNING)  # it tells how it goes about it
    return litdata.StreamingDataset(root)


def _text(place: str) -> str:
    if "://" not in place:
        return Path(place).read_text(encoding="utf-8")
    import fsspec

    with fsspec.open(place, "r", encoding="utf-8") as file:
        return str(file.read())
