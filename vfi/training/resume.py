"""Where a training goes on, and what of a changed command applies when it does."""

import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from vfi.files import sha256

logger = logging.getLogger(__name__)

LAST = f"last{ModelCheckpoint.FILE_EXTENSION}"
_FIXED = re.compile(
    r"model\.class_path|model\.init_args\.(network|refine|warp_at_scale)|data\.seed"
    r"|data\.(train|val)\.(?!root$).*"
)
"""Settings that make a run another one."""
_KEPT = re.compile(r"model\.init_args\.optimizer\.(lr|weight_decay|warmup|flow)")
"""Settings whose value comes from the checkpoint."""
_MUTE = re.compile(
    r"ckpt_path|config|overwrite|verbose|seed_everything|weights_only|data\.(train\.|val\.)?root"
    r"|data\.train\.stream\.patience"
    r"|trainer\.(default_root_dir|enable_\w+|logger.*|callbacks\.\w*ProgressBar.*)"
    r"|model\.init_args\.optimizer\.steps"
)
"""Settings whose change needs no word, or is told elsewhere."""


def last_checkpoint(trainer: Trainer, path: str, needed: bool = False) -> str | None:
    """The checkpoint that ``path`` means: itself, or the run folder's own if it is ``last``.

    Args:
        trainer: whose ``default_root_dir`` is the run folder.
        path: of a file, or ``last``.
        needed: whether the command can do nothing without one.

    Returns:
        None for ``last`` in a run that has none yet: it begins, which is said.

    Raises:
        ValueError: for ``last`` in a run that keeps none, or has none where one is needed.
    """
    if path != "last":
        return path
    folder = checkpoint_folder(trainer)
    last = newest(folder)
    if last is None and needed:
        raise ValueError(
            f"ckpt_path is 'last', but there is no checkpoint in {folder}; give the path of one, "
            "or the run folder of a fit as --trainer.default_root_dir"
        )
    if last is None and not checkpointing(trainer):
        raise ValueError(
            "ckpt_path is 'last', but trainer.callbacks has no ModelCheckpoint that keeps it; add "
            "one or give the path of a checkpoint"
        )
    if last is None:
        logger.info("there is no checkpoint in %s yet: training starts at step 0", folder)
        return None
    logger.info("going on from %s", last)
    return str(last)


def checkpoint_folder(trainer: Trainer) -> Path:
    """Where the run keeps its checkpoints, with or without a logger."""
    folders = [callback.dirpath for callback in checkpointing(trainer) if callback.dirpath]
    return Path(folders[0]) if folders else Path(trainer.default_root_dir) / "checkpoints"


def checkpointing(trainer: Trainer) -> list[ModelCheckpoint]:
    """The callbacks that write checkpoints."""
    return [c for c in trainer.checkpoint_callbacks if isinstance(c, ModelCheckpoint)]


def newest(folder: Path) -> Path | None:
    """``last.ckpt``, or the file that was written last where none is called so."""
    if (folder / LAST).exists():
        return folder / LAST
    # hidden is what a killed process had not written to its end
    written = list(folder.glob(f"[!.]*{ModelCheckpoint.FILE_EXTENSION}"))
    return max(written, key=lambda path: path.stat().st_mtime, default=None)


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What a resumed run's configuration says otherwise than the one that it began with.

    Returns:
        Setting -> ``before``, ``now`` and ``applies``: False where the checkpoint decides.

    Raises:
        ValueError: if the network or the data is another: that would be another run.
    """
    old, new = dict(_flat(before)), dict(_flat(now))
    found = {}
    for name in sorted({*old, *new}):
        was, value = old.get(name), new.get(name)
        if was == value or _MUTE.fullmatch(name) or _same_file(was, value):
            continue
        if name not in old and value is False:  # an option that there was not, left out
            continue
        if _FIXED.fullmatch(name):
            raise ValueError(
                f"the run that is resumed was begun with {name} {_word(was)}, not {_word(value)}: "
                "its network and data must stay; leave it as it was, or train in a new folder"
            )
        found[name] = {"before": was, "now": value, "applies": not _KEPT.fullmatch(name)}
    return found


def say(found: Mapping[str, Mapping[str, Any]]) -> None:
    """Tells the user of `changes`, a line each."""
    for name, change in found.items():
        outcome = "applies from here on" if change["applies"] else "does not apply: it stays"
        was, value = _word(change["before"]), _word(change["now"])
        logger.warning("resumed with %s %s instead of %s, which %s", name, value, was, outcome)


def _flat(settings: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of all settings; members of a list of classes go by their class."""
    if isinstance(settings, Mapping):
        for key, value in settings.items():
            yield from _flat(value, f"{name}.{key}" if name else str(key))
    elif isinstance(settings, list) and all(isinstance(s, Mapping) for s in settings) and settings:
        for place, value in enumerate(settings):
            label = str(value.get("class_path", place)).rpartition(".")[2]
            yield from _flat(value.get("init_args") or {}, f"{name}.{label}")
    else:
        yield name, settings


def _same_file(was: Any, value: Any) -> bool:
    """Whether two settings name files of the same contents: a folder may have been moved."""
    if not (isinstance(was, str) and isinstance(value, str)):
        return False
    old, new = Path(was), Path(value)
    try:
        return old.is_file() and new.is_file() and sha256(old) == sha256(new)
    except OSError:
        return False


def _word(value: Any) -> str:
    return "unset" if value is None else repr(value)
