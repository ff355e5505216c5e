"""Pruning under Lightning: for the length of a test, or for good before training."""

import copy
import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from typing_extensions import override

from vfi.models import RIFE
from vfi.pruning.compact import compact
from vfi.pruning.importance import Batch
from vfi.pruning.mask import Masks
from vfi.pruning.plan import PruningPlan
from vfi.pruning.policy import Policy, describe
from vfi.pruning.repair import repair
from vfi.training.trainer import datamodule, network_of

logger = logging.getLogger(__name__)

MODES = ("mask", "compact")
MASKS_GIVE_NO_SPEED = (
    "masked: the pruned channels are zeroed and still computed, so this network is as slow as the "
    "dense one; mode compact removes them"
)


@dataclass(frozen=True)
class FineTuning:
    """Training that follows a test of a pruned network, which is then tested again.

    Attributes:
        steps: optimizer steps on the data module's training set.

    Raises:
        ValueError: if there is none.
    """

    steps: int = 200

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"finetune.steps is {self.steps}; it must be at least 1")


class ChannelPruning(Callback):
    """Prunes the module's ``network``.

    Around a test, after any checkpoint was loaded, the network gives way to a pruned copy; after
    it, the dense network is back, untouched. Under ``fit`` the network is pruned for good: before
    optimizers exist if ``compact``; otherwise its masks hold through every step.

    The plan is made once, by the first process, and is kept in checkpoints: it is the one that
    counts when training resumes, or when a test loads a network that was trained pruned. A
    callback with another policy makes its own plan, also for a network that is pruned already.

    Args:
        policy: chooses the channels.
        mode: ``compact`` removes them; ``mask`` zeroes them, which computes the same and is no
            faster.
        repair: re-fit the compact network's layers to the dense ones before it is used, without
            training: see `vfi.pruning.repair`.
        calibration: batches of the data module's training set that repair and policies may look
            at. They are only read if those need them; never those of the test set.
        finetune: train the pruned network after the test, and test again (the command line does).

    Attributes:
        plan: which channels stay, once it is made.
        dense: the network before pruning, while a pruned one is in its place.

    Raises:
        ValueError: if ``mode`` is unknown, ``calibration`` is below 1, or masks are to be repaired.
    """

    def __init__(
        self,
        policy: Policy,
        mode: str = "compact",
        repair: bool = False,
        calibration: int = 10,
        finetune: FineTuning | None = None,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"mode is {mode!r}; it must be one of {', '.join(MODES)}")
        if calibration < 1:
            raise ValueError(f"calibration is {calibration} batches; it must be at least 1")
        if repair and mode != "compact":
            raise ValueError(f"repair works on compact networks, not in mode {mode!r}")
        self.policy = policy
        self.mode = mode
        self.repair = repair
        self.calibration = calibration
        self.finetune = finetune
        self.plan: PruningPlan | None = None
        self.dense: RIFE | None = None
        self._masks: Masks | None = None
        self._borrowed = False  # the pruned network is there for a test only

    @property
    @override
    def state_key(self) -> str:
        """Says whose plan it is: checkpoints of another policy leave this callback alone."""
        return self._generate_state_key(policy=describe(self.policy))

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"plan": self.plan.to_dict()} if self.plan else {}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.plan = PruningPlan.from_dict(state_dict["plan"])

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Makes the network that ``fit`` trains, before optimizers and other processes see it."""
        network_of(pl_module)
        if stage != "fit" or self.mode != "compact":
            return
        if trainer.ckpt_path:  # its network is pruned already, and its plan comes with it
            self.plan = None
            return
        self._prune(trainer, pl_module)

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Masks what ``fit`` trains, now that weights and optimizers are there.

        Raises:
            ValueError: in mode ``compact``, if the checkpoint's network was pruned otherwise.
        """
        if self.mode == "compact":
            if not self._is_compact(network_of(pl_module)):
                raise ValueError(
                    f"{trainer.ckpt_path} was not trained under this pruning policy; to prune its "
                    "network, give it as --model.network instead of --ckpt_path"
                )
            return
        self.plan = self.plan or self._make_plan(trainer, pl_module)
        network = network_of(pl_module)
        self.dense = copy.deepcopy(network)
        self._masks = Masks(network, self.plan)
        self._masks.apply()
        for optimizer in trainer.optimizers:
            self._masks.follow(optimizer)

    @override
    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Puts the pruned network in place."""
        self._borrowed = self._prune(trainer, pl_module)

    @override
    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Puts the dense network back."""
        self._restore(pl_module)

    @override
    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Puts the dense network back after a test that failed."""
        self._restore(pl_module)

    def report(self) -> dict[str, Any]:
        """How the network was pruned, in the types of JSON; empty before that."""
        if self.plan is None:
            return {}
        before, after = self.plan.parameters
        report = {
            "policy": describe(self.policy),
            "mode": self.mode,
            "repair": self.repair,
            "ratio": self.plan.ratio,
            "plan_sha256": plan_digest(self.plan),
            "parameters": {"dense": before, "compact": after},
            "widths": self.plan.widths,
            "emptied": list(self.plan.emptied),
            "protected": dict(self.plan.protected),
        }
        return report | ({"note": MASKS_GIVE_NO_SPEED} if self.mode == "mask" else {})

    def _prune(self, trainer: Trainer, pl_module: LightningModule) -> bool:
        """Replaces the network by a pruned copy; says whether, as it may be one already."""
        network = network_of(pl_module)
        if self._is_compact(network) or (self._masks and self._masks.network is network):
            return False
        # Test hooks run under inference mode; what is made here may be trained later.
        with torch.inference_mode(False):
            self.plan = self.plan or self._make_plan(trainer, pl_module)
            if self.mode == "compact":
                pruned = compact(network, self.plan)
                if self.repair:
                    self._repair(pruned, trainer, pl_module)
            else:
                pruned = copy.deepcopy(network)
                Masks(pruned, self.plan).apply()
        self.dense = network
        pl_module.network = pruned
        if emptied := self.plan.emptied:
            logger.warning("the policy leaves nothing of %s", ", ".join(emptied))
        return True

    def _restore(self, pl_module: LightningModule) -> None:
        if self._borrowed:
            assert self.dense is not None  # it gave way to the pruned one
            pl_module.network = self.dense
            self.dense, self._borrowed = None, False

    def _is_compact(self, network: RIFE) -> bool:
        """Whether ``network`` is what the plan leaves of another."""
        return self.plan is not None and network.spec.for_inference() == self.plan.compact_spec

    def _make_plan(self, trainer: Trainer, pl_module: LightningModule) -> PruningPlan:
        """The plan of the first process, for all: one that measures time differs in each."""
        sent: Any = None
        if trainer.is_global_zero:
            batches = self._batches(trainer, pl_module.device)
            made = self.policy(network_of(pl_module), batches)
            sent = made.to_dict(), plan_digest(made)
        content, digest = trainer.strategy.broadcast(sent)
        plan = PruningPlan.from_dict(content)
        if plan_digest(plan) != digest:
            raise ValueError(
                f"process {trainer.global_rank} got another plan than the first one made; run the "
                "same version of the project in all processes"
            )
        return plan

    def _repair(self, pruned: RIFE, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gives ``pruned`` the weights that the first process finds."""
        state: Any = None
        if trainer.is_global_zero and self.plan is not None:
            batches = self._batches(trainer, pl_module.device)
            state = repair(pruned, network_of(pl_module), self.plan, batches).cpu().state_dict()
        pruned.load_state_dict(trainer.strategy.broadcast(state))

    def _batches(self, trainer: Trainer, device: torch.device) -> Iterator[Batch]:
        data = datamodule(trainer)
        if not hasattr(data, "calibration_batches"):
            raise ValueError("calibration needs batches: test or fit with a data module")
        yield from data.calibration_batches(self.calibration, device, tested=trainer.testing)


def plan_digest(plan: PruningPlan) -> str:
    """SHA-256 of a plan: the same channels of the same shape give the same digits."""
    text = json.dumps(plan.to_dict(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
