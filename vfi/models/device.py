"""Where networks run: devices and threads."""

import contextlib
import os
import re
import warnings
from collections.abc import Iterator
from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def usable(name: str) -> torch.device:
    """The device of that name, if this machine has it.

    A number is read back: torch knows more devices than it computes on, ``meta`` among them.

    Raises:
        ValueError: if not, with torch's reason.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that torch is about to forget
            device = torch.device(name)
            torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = re.split(r"\.\s|\n| INTERNAL ASSERT", str(error))[0]
        reason = reason if len(reason) > 1 else "torch does not compute there"
        raise ValueError(f"cannot use the device {name!r}: {reason}; cpu always works") from error
    return device


def device_of(network: nn.Module) -> torch.device:
    """Where a model's weights are."""
    weight = next(network.parameters(), None)
    return weight.device if weight is not None else torch.device("cpu")


def cores() -> int:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_threads(count: int | None) -> None:
    """Raises ValueError for a number of threads that cannot be had: at far too many, torch aborts
    the process. None, for as many as there are, passes."""
    most = max(256, 4 * cores())
    if count is not None and not (isinstance(count, int) and 1 <= count <= most):
        raise ValueError(f"threads is {count!r}; it must be from 1 to {most} on this machine")


@contextlib.contextmanager
def limited_threads(count: int | None) -> Iterator[int]:
    """Limits torch's CPU threads for a while, None to as many as there are; yields the count.

    Raises:
        ValueError: see `check_threads`.
    """
    check_threads(count)
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def laid_out(network: Network, layout: torch.memory_format) -> Network:
    """The same module, with the weights of its convolutions in that memory layout."""
    for weight in network.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=layout)
    return network
