"""Compaction: the pruned channels are gone, and so is their time."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from vfi.models import RIFE
from vfi.pruning.channels import Conv, conv_of, output_dim
from vfi.pruning.groups import ChannelGroups
from vfi.pruning.plan import PruningPlan


def compact(network: RIFE, plan: PruningPlan) -> RIFE:
    """The network without the channels that ``plan`` removes: a plain `RIFE` with narrower layers.

    It puts out what the masked network puts out, up to the rounding of sums with fewer zeros in
    them. Weights are copies; the teacher block, if there is one, comes along unchanged.

    Args:
        network: a dense or already pruned network; it is not changed.
        plan: made for a network of this shape.

    Raises:
        ValueError: if the plan was made for another network.
    """
    spec = plan.narrow(network.spec)
    # A test hook runs under inference mode; parameters made there could never be trained.
    with torch.inference_mode(False), torch.no_grad():
        with torch.device("meta"):
            narrow = RIFE(spec)
        narrow.load_state_dict(_sliced(network, plan), assign=True)
    for name, parameter in network.named_parameters():
        narrow.get_parameter(name).requires_grad_(parameter.requires_grad)
    return narrow.train(network.training)


def _sliced(network: RIFE, plan: PruningPlan) -> dict[str, Tensor]:
    """The state dict of the compact network."""
    dense = network.state_dict()
    groups = plan.groups
    # An emptied group leaves its first channel behind, zeroed.
    kept = {name: torch.tensor(channels or (0,)) for name, channels in plan.keep.items()}
    written = {producer: kept[name] for producer, name in groups.producers.items()}
    read = _kept_inputs(network, groups, kept)
    state = {
        f"{name}.weight": _sliced_weight(conv_of(network, name), written.get(name), read.get(name))
        for name in written.keys() | read.keys()
    }
    for name, group in groups.items():
        for key in (*(f"{producer}.bias" for producer in group.producers), *group.per_channel):
            # A vector, or a factor (1, C, 1, 1).
            state[key] = dense[key].index_select(min(1, dense[key].ndim - 1), kept[name])
        for producer in group.producers if not plan.keep[name] else ():
            state[f"{producer}.weight"].zero_()
            state[f"{producer}.bias"].zero_()
    return {key: state[key] if key in state else dense[key].clone() for key in dense}


def _sliced_weight(conv: Conv, outputs: Tensor | None, inputs: Tensor | None) -> Tensor:
    """A copy of the weight with some output and input channels; all of them where None is given."""
    if outputs is None:
        outputs = torch.arange(conv.out_channels)
    if inputs is None:
        inputs = torch.arange(conv.in_channels)
    first, second = (inputs, outputs) if output_dim(conv) else (outputs, inputs)
    return conv.weight[first[:, None], second]


def _kept_inputs(
    network: nn.Module, groups: ChannelGroups, kept: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """For every convolution that reads a group: the indices of the input channels that stay."""
    stays: dict[str, Tensor] = {}
    for name, group in groups.items():
        for consumer in group.consumers:
            channels = conv_of(network, consumer.conv).in_channels
            mask = stays.setdefault(consumer.conv, torch.ones(channels, dtype=torch.bool))
            mask[consumer.offset : consumer.offset + group.width] = False
            mask[consumer.offset + kept[name]] = True
    return {conv: mask.nonzero().flatten() for conv, mask in stays.items()}
