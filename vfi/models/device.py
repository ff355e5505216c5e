"""Where networks run: devices and threads."""

import contextlib
from collections.abc import Iterator

import torch
from torch import nn


def usable(name: str) -> torch.device:
    """The device of that name, if this machine has it."""
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"cannot use the device {name!r}: {reason}; cpu always works") from error
    return device


def device_of(network: nn.Module) -> torch.device:
    """Where a model's weights are."""
    weight = next(network.parameters(), None)
    return weight.device if weight is not None else torch.device("cpu")


@contextlib.contextmanager
def limited_threads(count: int | None) -> Iterator[None]:
    """Limits the threads of networks for a while; None changes nothing."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
