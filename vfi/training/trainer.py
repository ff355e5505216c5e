"""What a trainer and a module hold, typed: Lightning sets some of it without a declaration."""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.types import STEP_OUTPUT

from vfi.models import RIFE


def callbacks(trainer: Trainer) -> list[Callback]:
    """The trainer's callbacks: the very list, which may be changed."""
    found: list[Callback] = vars(trainer)["callbacks"]
    return found


def set_callbacks(trainer: Trainer, chosen: list[Callback]) -> None:
    """Puts other callbacks in their place."""
    vars(trainer)["callbacks"] = chosen


def data_of(trainer: Trainer) -> Any:
    """The trainer's data module; None if it reads loaders."""
    return vars(trainer).get("datamodule")


def results_of(outputs: STEP_OUTPUT) -> Mapping[str, Any]:
    """What a step of `InterpolationModule` gave.

    Raises:
        ValueError: if the module is another one.
    """
    if not isinstance(outputs, Mapping):
        raise ValueError("reports need the scores that this project's modules give with each step")
    return outputs


def network_or_none(pl_module: LightningModule) -> RIFE | None:
    """The module's network; None of a baseline that has none."""
    network = getattr(pl_module, "network", None)
    return network if isinstance(network, RIFE) else None


def network_of(pl_module: LightningModule) -> RIFE:
    """The network that can be pruned.

    Raises:
        ValueError: if the module has none.
    """
    network = network_or_none(pl_module)
    if network is None:
        raise ValueError(
            f"{type(pl_module).__name__} has no network to prune; pruning works on RIFEModule"
        )
    return network
