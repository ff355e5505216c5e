"""Importance: a callable that gives one score per channel of every group; low scores go first."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vfi.models import RIFE, Interpolator
from vfi.pruning.channels import Conv, channel_groups, conv_of, output_dim
from vfi.pruning.groups import Consumer

Batch = Mapping[str, Tensor]
"""``img0``, ``gt``, ``img1``: ``(B, 3, H, W)`` in [0, 1]; ``timestep``: ``(B,)``, 0.5 if absent."""

Scores = dict[str, Tensor]
"""Group -> one score per channel, ``(width,)``."""

Normalize = Literal["layer", "size", "none"]


class Importance(ABC):
    """Scores the channels of a network; measures that look at weights alone ignore ``batches``."""

    @abstractmethod
    def __call__(self, network: RIFE, batches: Iterable[Batch] = ()) -> Scores: ...


@dataclass(frozen=True)
class L1(Importance):
    """Sum of a channel's absolute weights, summed over the group's producers.

    Attributes:
        normalize: ``layer`` divides by the mean over the producer's channels, so that 1 is the
            average channel of every layer and layers compare; ``size`` divides by the number of
            weights of a channel; ``none`` leaves the sums, which mostly say how many inputs a
            layer has.
    """

    normalize: Normalize = "layer"

    def __call__(self, network: RIFE, batches: Iterable[Batch] = ()) -> Scores:
        return _producer_norms(network, 1, self.normalize)


@dataclass(frozen=True)
class L2(Importance):
    """Euclidean norm of a channel's weights, summed over the group's producers.

    Attributes:
        normalize: as for `L1`.
    """

    normalize: Normalize = "layer"

    def __call__(self, network: RIFE, batches: Iterable[Batch] = ()) -> Scores:
        return _producer_norms(network, 2, self.normalize)


@dataclass(frozen=True)
class PathL1(Importance):
    """L1 norm of a channel's paths: of the weights that make it times those that read it.

    The best of the measures that need no data: as PReLU scales with its input, a channel can be
    scaled up by its producer and down again by its consumers without changing the network, and this
    product, unlike the norm of either side, does not change either (the path norm of Neyshabur et
    al., Norm-Based Capacity Control in Neural Networks, COLT 2015, over one channel).
    """

    def __call__(self, network: RIFE, batches: Iterable[Batch] = ()) -> Scores:
        made = _producer_norms(network, 1, "none")
        return {
            name: made[name]
            * sum(_read_norms(network, consumer, group.width).cpu() for consumer in group.consumers)
            for name, group in channel_groups(network.spec).items()
        }


@dataclass(frozen=True)
class Taylor(Importance):
    """How much the loss changes, to first order, when a channel is zeroed.

    ``|sum of weight * gradient|`` over weights and biases of all producers, which is the gradient
    of a gate on the channel, averaged over the batches (Molchanov et al., Importance Estimation for
    Neural Network Pruning, CVPR 2019). The scores are in units of the loss, so layers compare.

    Attributes:
        loss: of the predicted and the true frame, both ``(B, 3, H, W)``.
    """

    loss: Callable[[Tensor, Tensor], Tensor] = F.l1_loss

    def __call__(self, network: RIFE, batches: Iterable[Batch] = ()) -> Scores:
        """The scores.

        Raises:
            ValueError: if there are no batches.
        """
        groups = channel_groups(network.spec)
        # A test hook runs under inference mode, where nothing can be differentiated.
        with torch.inference_mode(False), torch.enable_grad():
            seen: dict[str, list[Tensor]] = {name: [] for name in groups}
            for batch in _calibration(self, batches):
                gates = self._gates(network, batch)
                for name, group in groups.items():
                    gate = torch.stack([gates[p] for p in group.producers]).sum(0)
                    seen[name].append(gate.abs().cpu())
            return {name: torch.stack(values).mean(0) for name, values in seen.items()}

    def _gates(self, network: RIFE, batch: Batch) -> dict[str, Tensor]:
        """For every producer: the gradient of the loss to a factor on each output channel."""
        producers = channel_groups(network.spec).producers
        # Leaves of our own: the network may be frozen, and its gradients are not ours to touch.
        leaves = {
            f"{producer}.{name}": value.detach().requires_grad_()
            for producer in producers
            for name, value in network.get_submodule(producer).named_parameters()
        }
        wrapped = {f"network.{name}": leaf for name, leaf in leaves.items()}
        frame = torch.func.functional_call(Interpolator(network), wrapped, _inputs(batch))
        gradients = torch.autograd.grad(self.loss(frame, batch["gt"]), list(leaves.values()))
        change = {
            name: leaf.detach() * gradient
            for (name, leaf), gradient in zip(leaves.items(), gradients, strict=True)
        }
        return {
            producer: change[f"{producer}.weight"].sum(_but_outputs(conv_of(network, producer)))
            + change[f"{producer}.bias"]
            for producer in producers
        }


@dataclass(frozen=True)
class ActivationL1(Importance):
    """What a channel contributes to its readers: mean ``|activation|`` times their weights' L1.

    Measured at the input of every consumer, where context features are already warped, and summed
    over the consumers.

    Attributes:
        normalize: ``layer`` divides by the mean over a consumer's inputs from the group; ``none``
            does not.
    """

    normalize: Literal["layer", "none"] = "layer"

    def __call__(self, network: RIFE, batches: Iterable[Batch] = ()) -> Scores:
        """The scores.

        Raises:
            ValueError: if there are no batches.
        """
        inputs = self._mean_inputs(network, batches)
        scores = {}
        for name, group in channel_groups(network.spec).items():
            scores[name] = torch.zeros(group.width)
            for consumer in group.consumers:
                seen = inputs[consumer.conv][consumer.offset : consumer.offset + group.width]
                contribution = seen * _read_norms(network, consumer, group.width)
                scores[name] += _normalized(contribution, self.normalize)
        return scores

    def _mean_inputs(self, network: RIFE, batches: Iterable[Batch]) -> dict[str, Tensor]:
        """For every consumer: the mean ``|input|`` of each of its channels, ``(C,)``."""
        groups = channel_groups(network.spec).values()
        consumers = {consumer.conv for group in groups for consumer in group.consumers}
        seen: dict[str, list[Tensor]] = {name: [] for name in consumers}

        def watch(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
            def hook(_: nn.Module, args: tuple[Tensor, ...]) -> None:
                seen[name].append(args[0].abs().mean((0, 2, 3)))

            return hook

        hooks = [
            network.get_submodule(name).register_forward_pre_hook(watch(name)) for name in consumers
        ]
        try:
            with torch.no_grad():
                for batch in _calibration(self, batches):
                    Interpolator(network)(*_inputs(batch))
        finally:
            for hook in hooks:
                hook.remove()
        return {name: torch.stack(means).mean(0) for name, means in seen.items()}


def _producer_norms(network: RIFE, order: int, normalize: Normalize) -> Scores:
    scores = {}
    for name, group in channel_groups(network.spec).items():
        scores[name] = torch.zeros(group.width)
        for producer in group.producers:
            conv = conv_of(network, producer)
            weight = conv.weight.detach().float()
            norms = torch.linalg.vector_norm(weight, order, dim=_but_outputs(conv))
            if normalize == "size":
                norms = norms / (
                    weight[0].numel() if not output_dim(conv) else weight[:, 0].numel()
                )
            scores[name] += _normalized(norms, normalize)
    return scores


def _read_norms(network: RIFE, consumer: Consumer, width: int) -> Tensor:
    """The L1 norm of the weights that read each of a group's channels, ``(width,)``."""
    conv = conv_of(network, consumer.conv)
    norms = torch.linalg.vector_norm(conv.weight.detach().float(), 1, (output_dim(conv), 2, 3))
    return norms[consumer.offset : consumer.offset + width]


def _but_outputs(conv: Conv) -> tuple[int, int, int]:
    """The dimensions of ``conv.weight`` that belong to one output channel."""
    return (1 - output_dim(conv), 2, 3)


def _normalized(scores: Tensor, normalize: Normalize) -> Tensor:
    if normalize == "layer":
        scores = scores / scores.mean().clamp_min(torch.finfo(scores.dtype).tiny)
    return scores.cpu()


def _inputs(batch: Batch) -> tuple[Tensor, Tensor, float | Tensor]:
    return batch["img0"], batch["img1"], batch.get("timestep", 0.5)


def _calibration(importance: Importance, batches: Iterable[Batch]) -> Iterator[Batch]:
    """The batches, copied: tensors made under inference mode cannot be differentiated through.

    Raises:
        ValueError: if there are none.
    """
    empty = True
    for batch in batches:
        empty = False
        yield {key: v.clone() if isinstance(v, Tensor) else v for key, v in batch.items()}
    if empty:
        raise ValueError(
            f"{type(importance).__name__} needs calibration batches and got none; "
            "give at least one batch of img0, gt and img1"
        )
