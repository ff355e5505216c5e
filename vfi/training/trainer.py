"""What Lightning's trainer holds, by its type."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from vfi.models import RIFE


def callbacks(trainer: Trainer) -> list[Callback]:
    """The trainer's callbacks: the list itself, to which more may be added."""
    held: Any = trainer
    found: list[Callback] = held.callbacks
    return found


def datamodule(trainer: Trainer) -> Any:
    """The trainer's data module, None if it was given loaders."""
    held: Any = trainer
    return held.datamodule


def network_of(pl_module: LightningModule) -> RIFE:
    """The network that can be pruned.

    Raises:
        ValueError: if the module has none.
    """
    network = getattr(pl_module, "network", None)
    if not isinstance(network, RIFE):
        raise ValueError(
            f"{type(pl_module).__name__} has no network to prune; pruning works on RIFEModule"
        )
    return network
