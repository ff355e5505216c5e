"""The optimizer, and a learning rate that knows when training ends."""

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Timer
from lightning.pytorch.utilities.types import OptimizerLRScheduler

from vfi.models import RIFE
from vfi.training.trainer import callbacks

logger = logging.getLogger(__name__)


class Schedule:
    """What the peak learning rate is multiplied by: a linear warm-up, then a cosine to nothing.

    Its numbers are part of every checkpoint (`torch.optim.lr_scheduler.LambdaLR` keeps the
    ``__dict__`` of what it calls), so a resumed run follows the curve that it began.

    Args:
        warmup: steps of the warm-up.
        steps: at which the rate is zero; None if only the clock tells.
        passed: gives the share of the run's time that has passed, in [0, 1]; None if its length is
            not a matter of time.
    """

    __slots__ = ("__dict__", "_passed")

    def __init__(
        self, warmup: int, steps: int | None, passed: Callable[[], float] | None = None
    ) -> None:
        self.warmup = warmup
        self.steps = steps
        self._passed = passed  # a slot: not kept

    def __call__(self, step: int) -> float:
        warmup = min(1.0, (step + 1) / (self.warmup + 1))
        progress = min(1.0, step / self.steps) if self.steps else 0.0
        if self._passed is not None:
            progress = max(progress, self._passed())
        return warmup * (1 + math.cos(math.pi * progress)) / 2


@dataclass(frozen=True)
class OptimizerSpec:
    """AdamW with a linear warm-up and a cosine decay to nothing.

    Attributes:
        lr: the peak learning rate.
        weight_decay: of all parameters.
        warmup: steps of the warm-up.
        flow: learning rate of the blocks that estimate flow, as a fraction of ``lr``. Flow is what
            was learnt from the most data, and is forgotten first.
        steps: at which the rate has fallen to nothing; None takes the run's length. A resumed run
            keeps the number that it began with, unless it is given here.

    Raises:
        ValueError: for the first that is out of bounds.
    """

    lr: float = 1e-4
    weight_decay: float = 1e-4
    warmup: int = 100
    flow: float = 1.0
    steps: int | None = None

    def __post_init__(self) -> None:
        for name in ("lr", "weight_decay", "flow"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"optimizer.{name} is {getattr(self, name)}; give a finite number")
        if self.lr <= 0 or self.weight_decay < 0 or self.warmup < 0:
            raise ValueError(f"{self}: lr must be positive, weight_decay and warmup not negative")
        if not 0 < self.flow <= 1:
            raise ValueError(f"flow is {self.flow}; it must be above 0 and at most 1")
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"optimizer.steps is {self.steps}; it must be at least 1, or null")

    def build(
        self, network: RIFE, steps: int | None, passed: Callable[[], float] | None = None
    ) -> OptimizerLRScheduler:
        """The optimizer of ``network`` and its schedule, for Lightning.

        Args:
            network: what is trained.
            steps: of the run, if that is known.
            passed: see `Schedule`.
        """
        flow: list[torch.nn.Parameter] = []
        rest: list[torch.nn.Parameter] = []
        for name, parameter in network.named_parameters():
            (flow if name.startswith("block") else rest).append(parameter)
        groups: list[dict[str, Any]] = [{"params": rest}]
        groups.append({"params": flow, "lr": self.flow * self.lr})
        groups = [group for group in groups if group["params"]]
        optimizer = torch.optim.AdamW(groups, self.lr, weight_decay=self.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, Schedule(self.warmup, self.steps or steps, passed)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def length(trainer: Trainer) -> tuple[int | None, Callable[[], float] | None]:
    """How long a fit is: its optimizer steps, and the share of its time that has passed.

    Either may be None, not both.

    Raises:
        ValueError: if nothing limits the run, or it has no step.
    """
    steps = trainer.estimated_stepping_batches
    timer = next((c for c in callbacks(trainer) if isinstance(c, Timer)), None)
    if steps == 0 or trainer.max_steps == 0 or trainer.max_epochs == 0:
        raise ValueError(
            f"max_steps is {trainer.max_steps} and max_epochs {trainer.max_epochs}: there is "
            "nothing to train; give numbers above 0"
        )
    passed = None if timer is None else lambda: _passed(trainer, timer)
    if math.isfinite(steps) and steps > 0:
        return int(steps), passed
    if passed is None:
        raise ValueError(
            "the learning rate falls towards the end of training, and nothing says when that is: "
            "give --trainer.max_steps, --trainer.max_epochs with --data.train.steps, or "
            "--trainer.max_time"
        )
    return None, passed


def _passed(trainer: Trainer, timer: Timer) -> float:
    """The share of the time that has passed, by the first process's clock."""
    elapsed, remaining = timer.time_elapsed(), timer.time_remaining()
    share = elapsed / max(elapsed + (remaining or 0.0), 1e-9)
    return min(1.0, float(trainer.strategy.broadcast(share)))


def recorded(checkpoint: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The numbers of the schedules in a checkpoint; none in those of earlier releases."""
    schedulers = checkpoint.get("lr_schedulers") or []
    kept = [numbers for state in schedulers for numbers in state.get("lr_lambdas", []) if numbers]
    return [numbers for numbers in kept if "steps" in numbers]


def stretch(checkpoint: dict[str, Any], spec: OptimizerSpec) -> None:
    """Gives the schedule in a checkpoint the length that was asked for, and says so."""
    for numbers in recorded(checkpoint):
        if spec.steps is not None and numbers["steps"] != spec.steps:
            before, numbers["steps"] = numbers["steps"], spec.steps
            step = checkpoint["global_step"]
            old, new = (Schedule(numbers["warmup"], n)(step) for n in (before, spec.steps))
            logger.info(
                "the learning rate now ends at step %s instead of %s: at step %d it goes from "
                "%.3g to %.3g of its peak", spec.steps, before, step, old, new,
            )  # fmt: skip


def check_length(steps: int | None, before: int | None, spec: OptimizerSpec) -> None:
    """Makes sure that a resumed run does not outlast its learning rate.

    Args:
        steps: of the run, now.
        before: steps of the schedule that was begun, None if there is none.
        spec: what is asked for.

    Raises:
        ValueError: if it would.
    """
    if spec.steps is None and steps and before and steps > before:
        raise ValueError(
            f"the run that is resumed was to end at step {before}, where its learning rate is 0, "
            f"and this command asks for {steps} steps: to stretch the schedule, which lifts the "
            f"rate again, give --model.optimizer.steps {steps}; otherwise train in a new folder"
        )
