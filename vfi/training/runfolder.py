"""The folder that a run writes to, which is the trainer's ``default_root_dir``: one run's alone."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from vfi import reporting

logger = logging.getLogger(__name__)

_MADE = {
    "fit": (reporting.RECORD, "losses.csv", "validation.csv", "checkpoints/*.ckpt"),
    "test": ("metrics.json", "metrics.csv", "per_triplet.csv", "comparison.csv", "comparison.json"),
    "predict": ("[0-9][0-9][0-9][0-9][0-9][0-9]_*.png",),
}
"""What tells that a command has run in a folder."""


def check_folder(folder: Path) -> None:
    """Refuses the folders that hold other things than a run.

    Raises:
        ValueError: if it is the current folder or the project's own.
    """
    place = Path(os.path.realpath(folder))  # where links lead in a circle, `resolve` gives up
    if place == Path.cwd().resolve() or (place / "vfi" / "training").is_dir():
        raise ValueError(
            f"the run folder is {folder}, where other things are; give one of its own by "
            "--trainer.default_root_dir, e.g. runs/mine"
        )


def clear(command: str, folder: Path, overwrite: bool, resumed: str | None = None) -> None:
    """Makes sure that no other run of the command is replaced, unless it was said so.

    Args:
        command: fit, validate, test or predict.
        folder: the run folder.
        overwrite: replace what an earlier run left.
        resumed: the checkpoint that fit goes on from; the run in its folder goes on.

    Raises:
        ValueError: if there is another run.
    """
    if command == "fit":
        for left in folder.glob("checkpoints/.*.ckpt"):  # by a process that was killed as it wrote
            left.unlink()
    if resumed is not None and Path(resumed).resolve().is_relative_to(folder.resolve()):
        return
    made = sorted(_made(command, folder))
    if made and not overwrite:
        going_on = "; --ckpt_path last goes on with it" if command == "fit" else ""
        raise ValueError(
            f"{folder} holds another run of {command} ({made[0].name}): give another "
            f"--trainer.default_root_dir, or --overwrite true to replace it{going_on}"
        )
    if made:
        logger.warning("replacing the run in %s (%d files)", folder, len(made))
    for path in made:
        path.unlink()


def _made(command: str, folder: Path) -> Iterator[Path]:
    for pattern in _MADE.get(command, ()):
        yield from folder.glob(pattern)
