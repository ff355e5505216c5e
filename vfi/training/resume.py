"""Where a training goes on."""

import logging
from pathlib import Path

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

logger = logging.getLogger(__name__)


def last_checkpoint(trainer: Trainer, path: str) -> str | None:
    """The checkpoint that ``path`` means: itself, or the run's own if it is ``last``.

    Returns:
        None for ``last`` in a run that has none yet: it begins.

    Raises:
        ValueError: for ``last`` in a run that keeps none.
    """
    if path != "last":
        return path
    keeping = checkpointing(trainer)
    if not keeping:
        raise ValueError(
            "ckpt_path is 'last', but trainer.callbacks has no ModelCheckpoint that keeps it; add "
            "one or give the path of a checkpoint"
        )
    folder = keeping[0].dirpath or Path(trainer.default_root_dir) / "checkpoints"
    last = Path(folder) / f"last{ModelCheckpoint.FILE_EXTENSION}"
    if not last.exists():
        return None
    logger.info("going on from %s", last)
    return str(last)


def checkpointing(trainer: Trainer) -> list[ModelCheckpoint]:
    """The callbacks that write checkpoints."""
    return [c for c in trainer.checkpoint_callbacks if isinstance(c, ModelCheckpoint)]
