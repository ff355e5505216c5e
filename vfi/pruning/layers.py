"""The convolutions of a network: their shapes, and what they cost."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vfi.models import RIFE, Interpolator, RIFESpec, warp
from vfi.models.device import laid_out
from vfi.pruning.channels import Conv, channel_groups

_LEAST_RUNS, _MOST_RUNS = 5, 40
_AGREEMENT = 1.03


@dataclass(frozen=True)
class LayerShape:
    """What the cost of a convolution depends on.

    Attributes:
        height: of its input, in pixels.
        width: likewise.
        inputs: channels that it reads.
        outputs: channels that it writes.
        stride: of the convolution.
        transposed: whether it is a transposed convolution.
        activated: whether a PReLU, or another activation, follows.
        warped: whether its output is then warped, as context features are.
    """

    height: int
    width: int
    inputs: int
    outputs: int
    stride: int
    transposed: bool
    activated: bool
    warped: bool

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a call: of a kernel of 3x3, or of 4x4 if it is transposed."""
        weights = self.inputs * self.outputs * (16 if self.transposed else 9)
        step = 1 if self.transposed else self.stride
        return weights * -(-self.height // step) * -(-self.width // step)


@dataclass(frozen=True)
class Layer:
    """A convolution of a network: its shape, and how many times a frame needs it."""

    shape: LayerShape
    calls: int


def network_layers(spec: RIFESpec, height: int, width: int) -> dict[str, Layer]:
    """The convolutions that one frame of ``height`` x ``width`` pixels needs, and their shapes."""
    with torch.device("meta"):
        network, frame = RIFE(spec.for_inference()), torch.empty(1, 3, height, width)
    layers: dict[str, Layer] = {}

    def watch(name: str, conv: Conv) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(_: nn.Module, args: tuple[Tensor, ...]) -> None:
            calls = layers[name].calls + 1 if name in layers else 1
            layers[name] = Layer(_shape(name, conv, args[0], name in producers), calls)

        return hook

    producers = {p for group in channel_groups(spec).values() for p in group.producers}
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.register_forward_pre_hook(watch(name, module))
    Interpolator(network)(frame, frame)
    return layers


def _shape(name: str, conv: Conv, features: Tensor, activated: bool) -> LayerShape:
    return LayerShape(
        height=features.shape[2],
        width=features.shape[3],
        inputs=conv.in_channels,
        outputs=conv.out_channels,
        stride=conv.stride[0],
        transposed=isinstance(conv, nn.ConvTranspose2d),
        activated=activated,
        warped=name.startswith("contextnet.") and name.endswith("conv2.0"),
    )


def layer_ms(
    shape: LayerShape,
    inputs: int,
    outputs: int,
    device: torch.device,
    layout: torch.memory_format,
) -> float:
    """Milliseconds of a call of a layer of this shape, but with these widths.

    The fastest of several runs: whatever else the machine does only ever adds to it.
    """
    conv: Conv
    if shape.transposed:
        conv = nn.ConvTranspose2d(inputs, outputs, 4, shape.stride, 1)
    else:
        conv = nn.Conv2d(inputs, outputs, 3, shape.stride, 1)
    layer = nn.Sequential(conv, nn.PReLU(outputs) if shape.activated else nn.Identity())
    layer = laid_out(layer.to(device), layout)
    features = torch.rand(1, inputs, shape.height, shape.width, device=device)
    features = features.to(memory_format=layout)
    runs: list[float] = []
    with torch.inference_mode():
        flow = 1.5 * torch.ones_like(layer(features)[:, :1]).expand(-1, 2, -1, -1)
        while len(runs) < _LEAST_RUNS or (len(runs) < _MOST_RUNS and not _agree(runs)):
            started = _clock(device)
            result = layer(features)
            if shape.warped:
                warp(result, flow)
            runs.append(_clock(device) - started)
    return min(runs) * 1e3


def _agree(runs: list[float]) -> bool:
    """Whether the fastest runs say the same, so that neither was disturbed."""
    first, second, *_ = sorted(runs)
    return second <= _AGREEMENT * first


def _clock(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif torch.get_num_threads() == 1:
        return time.thread_time()  # what else the machine does is not in it
    return time.perf_counter()
