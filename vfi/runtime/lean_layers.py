"""Layers of the lean form: learnt convolutions that can run in 8 bits, and enlarging."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import override

from vfi.runtime.lean_rewrites import Order, convolution, enlarging, replicated

Kind = TypeVar("Kind")

WEIGHT_LEVELS = 127
SAFE_WEIGHT_LEVELS = 63
"""Half of them: without VNNI, processors add two products in 16 bits, which overflow otherwise."""


def known(module: object, kind: type[Kind]) -> Kind:
    """``module``, which is a ``kind``: torch keeps submodules without their types.

    Raises:
        TypeError: if it is another.
    """
    if not isinstance(module, kind):
        raise TypeError(f"{type(module).__name__} stands where the lean form needs {kind.__name__}")
    return module


@dataclass(frozen=True)
class Range:
    """The values that a layer's input takes: ``low`` <= 0 <= ``high``, not both 0.

    Raises:
        ValueError: if they are anything else.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (self.low <= 0 <= self.high and 0 < self.high - self.low < float("inf")):
            raise ValueError(
                f"an input's range is {self.low} to {self.high}; it must hold 0 and be finite"
            )

    @property
    def scale(self) -> float:
        """The step of the 8 bits."""
        return (self.high - self.low) / 255

    @property
    def zero(self) -> int:
        """The level, of 0 to 255, that stands for 0: what is padded must be exact."""
        return round(-self.low / self.scale)


class Learnt(nn.Module):
    """A convolution with weights of the network, and its PReLU if it has one.

    Attributes:
        range: of the input; while it is None the layer runs in the precision of its input, else
            input and weights are rounded to 8 bits, the weights with a step for each output.
        weight_levels: the largest of a weight then.
    """

    def __init__(
        self,
        conv: nn.Conv2d,
        activation: nn.PReLU | None = None,
        pad: tuple[int, int, int, int] | None = None,
    ) -> None:
        super().__init__()
        self.conv = conv
        self.activation = activation
        self.pad = pad
        self.range: Range | None = None
        self.weight_levels = SAFE_WEIGHT_LEVELS

    @override
    def forward(self, features: Tensor) -> Tensor:
        conv, weight = self.conv, self.conv.weight
        if self.range is not None:
            step = (weight.detach().abs().amax((1, 2, 3)) / self.weight_levels).clamp(min=1e-12)
            zero = torch.zeros_like(step, dtype=torch.int32)
            weight = torch.fake_quantize_per_channel_affine(weight, step, zero, 0, -127, 127)
            # All 256 levels: with fewer, OpenVINO is inexact.
            features = torch.fake_quantize_per_tensor_affine(
                features, self.range.scale, self.range.zero, 0, 255
            )
        if self.pad is not None:
            features = F.pad(features, self.pad)
        features = F.conv2d(features, weight, conv.bias, conv.stride, conv.padding)
        return features if self.activation is None else self.activation(features)


def biases(conv: nn.Conv2d | nn.ConvTranspose2d) -> Tensor:
    """A convolution's biases; zeros if it has none."""
    if conv.bias is None:
        return torch.zeros(conv.out_channels)
    return conv.bias.detach()


def learnt(stage: object) -> Learnt:
    """The network's own convolution and PReLU as a `Learnt`."""
    conv, activation = known(stage, nn.Sequential)
    return Learnt(known(conv, nn.Conv2d), known(activation, nn.PReLU))


def top_left(weight: Tensor, bias: Tensor | None = None) -> Learnt:
    """A 2x2 convolution over phases that reads one pixel above and one left of its place."""
    return Learnt(convolution(weight, bias), pad=(1, 0, 1, 0))


def top_left_float(weight: Tensor) -> nn.Sequential:
    """The same where 8 bits would cost quality: what reads flow, mask or time."""
    return nn.Sequential(nn.ZeroPad2d((1, 0, 1, 0)), convolution(weight))


class Enlarge(nn.Module):
    """Planes ``(B, signals, H, W)`` enlarged bilinearly, in phases.

    The result ``(B, len(order), H * factor / 2, W * factor / 2)`` is the enlarged image in phases.

    Args:
        factor: even.
        order: of the result's channels.
        gain: what the values are multiplied by.
        spare: channels of zeros put behind the result's.
        carried: further planes of the input put behind the result's channels, as they are: for
            planes that are constant.
    """

    def __init__(
        self, factor: int, order: Order, gain: float = 1.0, spare: int = 0, carried: int = 0
    ) -> None:
        super().__init__()
        self.inner = factor // 2
        weight = enlarging(factor, order, gain)
        weight = F.pad(weight, (0, 0, 0, 0, 0, carried, 0, (spare + carried) * self.inner**2))
        for plane in range(carried):
            start = (len(order) + spare + plane) * self.inner**2
            weight[start : start + self.inner**2, weight.shape[1] - carried + plane, 1, 1] = 1
        self.conv = convolution(weight)

    @override
    def forward(self, planes: Tensor) -> Tensor:
        phases = self.conv(replicated(planes))
        return F.pixel_shuffle(phases, self.inner) if self.inner > 1 else phases


def total(parts: Sequence[Tensor]) -> Tensor:
    """The sum of tensors of one shape."""
    result, *others = parts
    for part in others:
        result = result + part
    return result
