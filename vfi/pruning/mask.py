"""Soft pruning: channels are zeroed in place, exactly and reversibly.

A channel whose weight and bias are zero in all its producers stays zero through PReLU, residual
sums, warping and concatenation, so the masked network computes what the compact one will. It is a
preview: a masked network is no faster.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from vfi.models import RIFE
from vfi.pruning.channels import bias_of, conv_of, output_dim
from vfi.pruning.plan import PruningPlan


class Masks:
    """Zeroes the channels that a plan removes, until they are put back.

    The masks hold through training: gradients of zeroed channels are zeroed too (so clipping by
    norm sees the pruned network), and `follow` zeroes them again after each optimizer step, which
    momentum gathered before the masks could otherwise move.

    Args:
        network: what to mask; nothing happens before `apply`.
        plan: made for a network of this shape.

    Raises:
        ValueError: if the plan was made for another network.
    """

    def __init__(self, network: RIFE, plan: PruningPlan) -> None:
        plan.check(network.spec)
        self.network = network
        self.plan = plan
        self._saved: dict[str, Tensor] = {}
        self._handles: list[RemovableHandle] = []

    @property
    def applied(self) -> bool:
        """Whether the channels are zeroed now."""
        return bool(self._saved)

    def apply(self) -> None:
        """Zeroes the channels and remembers what they were; does nothing if already applied."""
        if self.applied:
            return
        with _editing():
            for name, parameter, dim, index in self._slices():
                self._saved[name] = parameter.index_select(dim, index)
        self._hook_gradients()
        self.hold()

    def remove(self) -> None:
        """Puts the channels back, bit for bit; what training did to the kept ones stays."""
        with _editing():
            for name, parameter, dim, index in self._slices() if self.applied else ():
                parameter.index_copy_(dim, index, self._saved[name].to(parameter))
        for handle in self._handles:
            handle.remove()
        self._saved, self._handles = {}, []

    def hold(self) -> None:
        """Zeroes the channels again: cheap, and right after anything that may have moved them."""
        with _editing():
            for _, parameter, dim, index in self._slices():
                parameter.index_fill_(dim, index, 0)

    def follow(self, optimizer: Optimizer) -> None:
        """Holds the masks after every step of ``optimizer``, until `remove`."""
        self._handles.append(optimizer.register_step_post_hook(lambda *_: self.hold()))

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint needs to go on under these masks, or to put the channels back."""
        return {"plan": self.plan.to_dict(), "saved": dict(self._saved)}

    @classmethod
    def from_state_dict(cls, network: RIFE, state: Mapping[str, Any]) -> "Masks":
        """The inverse of `state_dict`, on a network that holds the masked weights.

        Raises:
            ValueError: if the plan was made for another network.
        """
        masks = cls(network, PruningPlan.from_dict(state["plan"]))
        if state["saved"]:
            masks._saved = dict(state["saved"])
            masks._hook_gradients()
            masks.hold()
        return masks

    def _slices(self) -> Iterator[tuple[str, Tensor, int, Tensor]]:
        """Every parameter with zeroed channels: name, itself, their dimension and indices."""
        for name, removed in self.plan.removed.items():
            for producer in self.plan.groups[name].producers:
                conv = conv_of(self.network, producer)
                index = torch.tensor(removed, device=conv.weight.device)
                yield f"{producer}.weight", conv.weight, output_dim(conv), index
                yield f"{producer}.bias", bias_of(conv), 0, index

    def _hook_gradients(self) -> None:
        with _editing():
            for _, parameter, dim, index in self._slices():
                if parameter.requires_grad:
                    self._handles.append(parameter.register_hook(_zeroed(dim, index)))


@contextlib.contextmanager
def masked(network: RIFE, plan: PruningPlan) -> Iterator[Masks]:
    """Masks ``network`` inside a ``with`` block.

    Raises:
        ValueError: if the plan was made for another network.
    """
    masks = Masks(network, plan)
    masks.apply()
    try:
        yield masks
    finally:
        masks.remove()


@contextlib.contextmanager
def _editing() -> Iterator[None]:
    """Parameters may be changed here, and are still trainable if a test hook does it."""
    with torch.inference_mode(False), torch.no_grad():
        yield


def _zeroed(dim: int, index: Tensor) -> Any:
    def hook(gradient: Tensor) -> Tensor:
        return gradient.index_fill(dim, index.to(gradient.device), 0)

    return hook
