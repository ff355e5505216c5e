"""The record of a training, ``run.json``: what it began with, and how it was resumed."""

from collections.abc import Mapping
from typing import Any

from vfi.training import resume


def resumed(before: Mapping[str, Any], now: Mapping[str, Any], step: int) -> dict[str, Any]:
    """The record of a run that goes on: as it began, with what is said otherwise now.

    Raises:
        ValueError: if the network or the data is another.
    """
    found = resume.changes(before["config"], now["config"])
    old, new = before["train"]["sha256"], now["train"]["sha256"]
    if old != new:
        raise ValueError(
            f"the run that is resumed learnt from {before['train']['name']} with SHA-256 "
            f"{old[:12]}, and what is given now has {new[:12]}: give the same data, or train in a "
            "new folder"
        )
    resume.say(found)
    entry = {"step": step, "command": now["command"], "changes": found}
    return {**before, "resumed": [*before.get("resumed", []), entry]}
