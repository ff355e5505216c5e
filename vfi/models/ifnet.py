"""The block of IFNet: a coarse correction of flow and mask, estimated at reduced resolution."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vfi.models.parts import BlockSpec
from vfi.models.spec import FLOW_CHANNELS, Step
from vfi.models.warp import concatenate, resize, resize_flow


def activation(channels: int, slope: float | None) -> nn.Module:
    """What follows a convolution: a leaky ReLU of that slope, or a PReLU (one slope a channel)."""
    return nn.PReLU(channels) if slope is None else nn.LeakyReLU(slope, inplace=True)


def conv(inputs: int, outputs: int, stride: int = 1, slope: float | None = None) -> nn.Sequential:
    """A 3x3 convolution and its activation."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), activation(outputs, slope))


class ResidualConv(nn.Module):
    """The authors' ``ResConv``: a 3x3 convolution, scaled by channel and added to its input."""

    def __init__(self, channels: int, slope: float | None) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, 1, 1)
        self.beta = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.relu = activation(channels, slope)

    def forward(self, features: Tensor) -> Tensor:
        """``(B, C, H, W)`` -> the same shape."""
        summed: Tensor = self.relu(self.conv(features) * self.beta + features)
        return summed


class IFBlock(nn.Module):
    """IFBlock of the paper (figure 3); the parameter names are those of the official files.

    Args:
        inputs: channels that it reads, flow included.
        spec: its shape.
        features: channels that it puts out behind flow and mask.
    """

    def __init__(self, inputs: int, spec: BlockSpec, features: int = 0) -> None:
        super().__init__()
        widths, slope = (spec.trunk, *spec.hidden, spec.trunk), spec.slope
        self.residual, self.shuffle = spec.residuals > 0, spec.shuffle
        self.conv0 = nn.Sequential(
            conv(inputs, spec.stem, 2, slope), conv(spec.stem, spec.trunk, 2, slope)
        )
        chain = (ResidualConv(spec.trunk, slope) for _ in range(spec.residuals))
        plain = (conv(a, b, 1, slope) for a, b in itertools.pairwise(widths))
        self.convblock = nn.Sequential(*(chain if self.residual else plain))
        outputs = FLOW_CHANNELS + 1 + features
        last = nn.ConvTranspose2d(spec.trunk, 4 * outputs if self.shuffle else outputs, 4, 2, 1)
        self.lastconv = nn.Sequential(last, nn.PixelShuffle(2)) if self.shuffle else last

    def forward(
        self, signals: Sequence[Tensor], flow: Tensor | None, step: Step
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Estimates what to add to the flow and to the mask.

        Args:
            signals: ``(B, C, H, W)`` each, the block's inputs without the flow, at ``step.level``.
            flow: ``(B, 4, H, W)`` in pixels so far, or None in the first block.
            step: the resolutions of its work.

        Returns:
            At ``step.after``: the flow's residual ``(B, 4, H', W')`` in pixels there, the mask
            ``(B, 1, H', W')``, a logit, and the features ``(B, features, H', W')``.
        """
        shrink = step.level / step.scale
        parts = [resize(signal, shrink) for signal in signals]
        if flow is not None:
            parts.append(resize_flow(flow, shrink))
        features = self.conv0(concatenate(parts, self.conv0))
        changed = self.convblock(features)
        output = self.lastconv(changed if self.residual else changed + features)
        grow = step.scale / step.after * (1 if self.shuffle else 2)
        output = resize(output, grow)
        flow, mask = output[:, :FLOW_CHANNELS] * grow, output[:, FLOW_CHANNELS : FLOW_CHANNELS + 1]
        return flow, mask, output[:, FLOW_CHANNELS + 1 :]
