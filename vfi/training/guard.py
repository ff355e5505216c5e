"""Stops a training that has gone wrong."""

import math
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.optim import Optimizer
from typing_extensions import override

from vfi.training.resume import checkpoint_folder, newest
from vfi.training.sharding import whole


class DivergenceGuard(Callback):
    """Raises an error when the loss or a gradient is NaN or infinite, or the loss runs away.

    It does so before the optimizer's step, so neither the weights nor a checkpoint are spoilt; the
    error names the step and the last checkpoint. Losses are averaged over processes first, so that
    all of them stop.

    Args:
        factor: the loss has run away when its moving average is so many times its lowest so far.
        window: steps of that moving average; a whole window is seen before it is judged.

    Raises:
        ValueError: if ``factor`` is not above 1, or ``window`` is below 1.
    """

    def __init__(self, factor: float = 5.0, window: int = 200) -> None:
        if not factor > 1 or window < 1:
            raise ValueError(
                f"factor is {factor} and window {window}; they must be above 1 and at least 1"
            )
        self.factor = factor
        self.window = window
        self._loss = math.nan
        self._seen = 0
        self._mean = 0.0
        self._lowest = math.inf

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"seen": self._seen, "mean": self._mean, "lowest": self._lowest}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._seen, self._mean = state_dict["seen"], state_dict["mean"]
        self._lowest = state_dict["lowest"]

    @override
    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """Keeps an eye on the loss."""
        self._loss = float(trainer.strategy.reduce(loss.detach(), reduce_op="mean"))
        if not math.isfinite(self._loss):
            self._stop(trainer, f"the loss is {self._loss}")
        self._seen += 1
        self._mean += (self._loss - self._mean) / min(self._seen, self.window)
        if self._seen < self.window:
            return
        self._lowest = min(self._lowest, self._mean)
        if self._mean > self.factor * self._lowest:
            self._stop(
                trainer,
                f"the loss has run away: {self._mean:.3g} over the last {self.window} steps, "
                f"{self.factor:g} times the {self._lowest:.3g} that it was",
            )

    @override
    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Keeps an eye on the gradients; those under a gradient scaler are its business."""
        if getattr(trainer.precision_plugin, "scaler", None) is not None:
            return
        gradients = [p.grad for p in pl_module.parameters() if p.grad is not None]
        norm = whole(torch.nn.utils.get_total_norm(gradients))
        if not norm.isfinite():
            self._stop(trainer, f"the norm of the gradient is {norm} (the loss {self._loss:.3g})")

    def _stop(self, trainer: Trainer, reason: str) -> None:
        path = newest(checkpoint_folder(trainer))
        last = f"the last checkpoint is {path}" if path else "no checkpoint was written yet"
        raise ValueError(
            f"training stopped at step {trainer.global_step}: {reason}; {last}; try a lower "
            "--model.optimizer.lr in a new run (a resumed one keeps its learning rate)"
        )
