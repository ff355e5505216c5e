"""The callback that keeps what ``predict`` makes: one picture a triplet."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from torch import Tensor
from typing_extensions import override

from vfi.files import atomic_path, writable_folder


class FrameWriter(BasePredictionWriter):
    """Writes each predicted frame as ``<index>_<id>.png``; nothing is kept in memory.

    They lie in the trainer's ``default_root_dir``.
    """

    def __init__(self) -> None:
        super().__init__(write_interval="batch")
        self.output = Path()

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Proves that the folder can be written, before any work is done."""
        super().setup(trainer, pl_module, stage)
        if stage == "predict":
            self.output = writable_folder(trainer.default_root_dir)

    @override
    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        prediction: Tensor,
        batch_indices: Sequence[int] | None,
        batch: dict[str, Any],
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        frames = (prediction * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        for frame, index, name in zip(frames, batch["index"].tolist(), batch["id"], strict=True):
            safe = "".join(c if c.isalnum() or c in "-_@+." else "_" for c in str(name))
            with atomic_path(self.output / f"{index:06d}_{safe}.png") as path:
                cv2.imwrite(str(path), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
