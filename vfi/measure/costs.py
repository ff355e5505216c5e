"""What a network costs on any machine: parameters, operations, size."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vfi.models import RIFE, Interpolator

TEACHER = "block_tea"
"""The training-only block: inference never runs it, so no figure here counts it."""


_MIB = 2**20


@dataclass(frozen=True)
class Efficiency:
    """What a network costs on any machine.

    Attributes:
        parameters: numbers that inference needs.
        macs: multiply-accumulate operations of the convolutions for one frame.
        flops: floating point operations, two for each MAC.
        weights_mib: size of the weights in the type they have.
    """

    parameters: int
    macs: int
    flops: int
    weights_mib: float


def parameters(network: nn.Module) -> int:
    """The number of parameters that inference needs: all but the teacher block's."""
    return sum(p.numel() for _, p in _inference_parameters(network))


def weights_mib(network: nn.Module) -> float:
    """The size in MiB of the weights that inference needs, in the type they have in memory.

    A file of them is as large, but for a header of some 20 KiB.
    """
    return sum(p.numel() * p.element_size() for _, p in _inference_parameters(network)) / _MIB


def flops(network: RIFE | Interpolator, height: int, width: int, flow_scale: float = 1.0) -> int:
    """Floating point operations for one frame; two for each multiply-accumulate operation (MAC).

    As torch's flop counter has it: convolutions, transposed ones included, over the frame as
    padded to the network's stride. Their biases, and warping, resizing, activations and
    concatenation, are not counted, though they take a third of the time.

    Nothing is computed: the network is run on the meta device.

    Args:
        network: left as it is.
        height: of the frames, in pixels.
        width: likewise.
        flow_scale: see `RIFE.forward`.
    """
    model = network if isinstance(network, Interpolator) else Interpolator(network)
    model = copy.deepcopy(model).to("meta")
    frame = torch.empty(1, 3, height, width, device="meta")
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(frame, frame, flow_scale=flow_scale)
    return int(counter.get_total_flops())


def efficiency(
    network: RIFE | Interpolator, height: int, width: int, flow_scale: float = 1.0
) -> Efficiency:
    """All machine-independent figures of a network; those of one frame as `flops` counts them."""
    operations = flops(network, height, width, flow_scale)
    return Efficiency(parameters(network), operations // 2, operations, weights_mib(network))


def _inference_parameters(network: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    for name, parameter in network.named_parameters():
        if TEACHER not in name.split("."):
            yield name, parameter
