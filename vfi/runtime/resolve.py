"""The model that a user means, ready to run."""

import torch
from torch import nn

from vfi.models.device import laid_out, usable
from vfi.runtime.load import Precision, Runtime
from vfi.runtime.ways import AUTO, Way

DEFAULT_MODEL = "rife-fast"


def resolve_model(
    model: str | nn.Module,
    device: str,
    runtime: Runtime = "torch",
    precision: Precision = "auto",
    threads: int | None = None,
) -> tuple[nn.Module, str]:
    """The model meant, and its name.

    Args:
        model: what `Way.named` takes, or a model, which is used where and as it is.
        device: where a model given by name goes: auto, cpu, cuda, cuda:1, ...
        runtime: of a model given by name, see `vfi.load_model`.
        precision: likewise.
        threads: likewise.

    Raises:
        FileNotFoundError: as `vfi.load_model`.
        ValueError: likewise; or if there is no such device.
    """
    if isinstance(model, nn.Module):
        return model, type(model).__name__
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    usable(device)  # before weights are read or fetched
    way = Way.named(str(model), runtime, precision, threads)
    name = way.label if model == AUTO else str(model)
    return laid_out(way.load(device), torch.channels_last), name  # a quarter faster on a CPU
