"""A model that remembers what the data module gave it, and a trainer for it."""

from pathlib import Path
from types import SimpleNamespace

import torch
from lightning.pytorch import LightningModule, Trainer

from vfi.data.module import TripletDataModule


class Recorder(LightningModule):
    """A model that learns nothing and remembers what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: list[tuple[str, ...]] = []
        self.batches: list[dict] = []

    def training_step(self, batch: dict, batch_idx: int) -> torch.Tensor:
        """Remembers names and a pixel sum, which crops and flips change."""
        sums = batch["img0"].sum(dim=(1, 2, 3)).tolist()
        self.seen.append(tuple(zip(batch["id"], sums, strict=True)))
        return self.weight.sum()

    def test_step(self, batch: dict, batch_idx: int) -> None:
        """Remembers the batch."""
        self.batches.append(batch)

    validation_step = test_step
    predict_step = test_step

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Something to step."""
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trainer(folder: Path | None = None, **options: object) -> Trainer:
    """A quiet trainer for one process."""
    defaults = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    defaults |= {"enable_checkpointing": False, "accelerator": "cpu", "devices": 1}
    return Trainer(default_root_dir=folder, use_distributed_sampler=False, **defaults | options)


def place(data: TripletDataModule, rank: int, world_size: int) -> TripletDataModule:
    """As if the trainer had started this process."""
    data.trainer = SimpleNamespace(
        global_rank=rank, world_size=world_size, current_epoch=0, limit_val_batches=0
    )
    return data
