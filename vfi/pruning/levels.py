"""What policies do to a network, level by level: for people to look at."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import torch

from vfi.models import RIFE, RIFESpec
from vfi.pruning.channels import channel_groups, conv_of, fixed_layers
from vfi.pruning.importance import Scores
from vfi.pruning.layers import Layer, layer_ms
from vfi.pruning.plan import PruningPlan
from vfi.pruning.policy import ArchitectureAware, GlobalThreshold


@dataclass(frozen=True)
class Level:
    """A network pruned to a ratio.

    Attributes:
        asked: the overall channel ratio to remove.
        ratio: what was removed; policies round widths.
        threshold: the least score that stays, of a policy that has one.
        widths: group -> channels that stay.
        emptied: groups that lose every channel.
        macs: multiply-accumulates of a frame that are left.
    """

    asked: float
    ratio: float
    threshold: float | None
    widths: Mapping[str, int]
    emptied: tuple[str, ...]
    macs: int


@dataclass(frozen=True)
class Cost:
    """What a convolution costs for a frame.

    Attributes:
        conv: its name.
        group: of the channels that it writes; empty where these are never pruned.
        why: they are not.
        inputs: channels that it reads.
        outputs: channels that it writes.
        macs: multiply-accumulates.
        ms: milliseconds, with the activation or warp that follows.
    """

    conv: str
    group: str
    why: str
    inputs: int
    outputs: int
    macs: int
    ms: float


def levels(
    network: RIFE,
    make: Callable[[float], GlobalThreshold | ArchitectureAware],
    scores: Scores,
    ratios: Iterable[float],
    layers: Mapping[str, Layer],
) -> list[Level]:
    """What a policy does at each ratio; those that it cannot reach are left out.

    Args:
        network: left as it is.
        make: the policy of a ratio.
        scores: of its importance.
        ratios: overall channel ratios to remove, each in [0, 1).
        layers: the network's, as `vfi.pruning.layers.network_layers` gives them.

    Raises:
        ValueError: if it cannot reach any; the message is that of the first.
    """
    found, reason = [], None
    for ratio in ratios:
        policy = make(ratio)
        try:
            plan = policy.plan(network, scores)
        except ValueError as error:
            reason = reason or error
            continue
        threshold = policy.threshold(scores) if isinstance(policy, GlobalThreshold) else None
        macs = _macs(plan, layers)
        found.append(Level(ratio, plan.ratio, threshold, plan.widths, plan.emptied, macs))
    if reason and not found:
        raise reason
    return found


def costs(
    spec: RIFESpec, layers: Mapping[str, Layer], device: torch.device | str = "cpu"
) -> list[Cost]:
    """What each convolution of a network costs, measured one by one.

    Args:
        spec: of the network.
        layers: its layers, in the size of frames that is asked about.
        device: where to measure.
    """
    groups, fixed = channel_groups(spec).producers, fixed_layers(spec)
    shapes = {layer.shape for layer in layers.values()}
    place = torch.device(device)
    known = {s: layer_ms(s, s.inputs, s.outputs, place, torch.channels_last) for s in shapes}
    return [
        Cost(
            name, groups.get(name, ""), fixed.get(name, ""),
            layer.shape.inputs, layer.shape.outputs,
            layer.calls * layer.shape.macs, layer.calls * known[layer.shape],
        )
        for name, layer in layers.items()
    ]  # fmt: skip


def _macs(plan: PruningPlan, layers: Mapping[str, Layer]) -> int:
    """Multiply-accumulates of the compact network."""
    with torch.device("meta"):
        narrow = RIFE(plan.compact_spec)
    total = 0
    for name, layer in layers.items():
        conv = conv_of(narrow, name)
        shape = replace(layer.shape, inputs=conv.in_channels, outputs=conv.out_channels)
        total += layer.calls * shape.macs
    return total
