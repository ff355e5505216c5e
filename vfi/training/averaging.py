"""The moving average of the weights, which is what gets validated, kept and released."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from lightning.pytorch.utilities.rank_zero import rank_zero_warn
from torch import Tensor
from torch.optim.swa_utils import AveragedModel
from typing_extensions import override

from vfi.training.sharding import parameters_of


class Averaging(WeightAveraging):
    """An exponential moving average (EMA) of the weights: Lightning's own with a warm-up.

    Without, the first weights would count for a thousand steps, and the average of a network that
    was just pruned would lag far behind it; this way it is over the last tenth of a young run. It
    can also be resumed where the network has its shape from pruning, and starts from the weights
    as they are after masks were applied.

    Under DeepSpeed's stage 3, where no process has whole weights, there is no average.

    A checkpoint's ``state_dict`` is the average, so that is what
    `vfi.load_network` reads; what training goes on from lies beside it.

    Args:
        decay: the weight of the average against the newest weights, in [0, 1), once the run is
            older than ``9 / (1 - decay)`` steps.

    Raises:
        ValueError: if ``decay`` is out of bounds.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:  # so for NaN, too
            raise ValueError(f"decay is {decay}; it must be at least 0 and below 1")
        super().__init__(use_buffers=False, multi_avg_fn=warmed_up(decay))

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Waits: the network may yet be pruned, by whatever callback, before it is trained."""

    @override
    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Restores the average, in the shape that the network has taken from the checkpoint."""
        if trainer.state.fn == "fit":
            self._average_model = AveragedModel(parameters_of(pl_module), **self._kwargs)
            super().on_load_checkpoint(trainer, pl_module, checkpoint)

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Makes the average of the weights that training starts from, unless it was restored."""
        if any(hasattr(parameter, "ds_id") for parameter in pl_module.parameters()):
            rank_zero_warn("DeepSpeed's stage 3 has no averaged weights; the last ones are kept")
            return
        if self._average_model is None:
            self._average_model = AveragedModel(parameters_of(pl_module), **self._kwargs)
        self._average_model.to(pl_module.device)

    @override
    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        return self._average_model is not None and super().should_update(step_idx, epoch_idx)

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._average_model is not None:
            super().on_train_end(trainer, pl_module)

    @override
    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keeps both weights; of those that are shared out the average alone, each its part."""
        super().on_save_checkpoint(trainer, pl_module, checkpoint)
        if pl_module.device_mesh is not None:
            checkpoint.pop("current_model_state", None)


def warmed_up(decay: float) -> Callable[[Sequence[Tensor], Sequence[Tensor], Tensor], None]:
    """An averaging function whose decay rises to ``decay``: 1/10, 2/11, 3/12, ..."""

    @torch.no_grad()
    def update(averaged: Sequence[Tensor], current: Sequence[Tensor], count: Tensor) -> None:
        rate = min(decay, (1 + int(count)) / (10 + int(count)))
        for mean, newest in zip(averaged, current, strict=True):
            mean.lerp_(newest, 1 - rate)

    return update
