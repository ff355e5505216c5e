"""The block of IFNet: a coarse correction of flow and mask, estimated at reduced resolution."""

import itertools

import torch
from torch import Tensor, nn

from vfi.models.spec import FLOW_CHANNELS, BlockSpec
from vfi.models.warp import resize

_OUTPUTS = FLOW_CHANNELS + 1  # both flows and the mask


def conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """A 3x3 convolution and its PReLU (one slope a channel)."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.PReLU(outputs))


class IFBlock(nn.Module):
    """IFBlock of the paper (figure 3); the parameter names are those of the official files."""

    def __init__(self, inputs: int, spec: BlockSpec) -> None:
        super().__init__()
        widths = (spec.trunk, *spec.hidden, spec.trunk)
        self.conv0 = nn.Sequential(conv(inputs, spec.stem, 2), conv(spec.stem, spec.trunk, 2))
        self.convblock = nn.Sequential(*(conv(a, b) for a, b in itertools.pairwise(widths)))
        self.lastconv = nn.ConvTranspose2d(spec.trunk, _OUTPUTS, 4, 2, 1)

    def forward(self, signals: Tensor, flow: Tensor | None, scale: float) -> tuple[Tensor, Tensor]:
        """Estimates what to add to the flow and to the mask.

        Args:
            signals: ``(B, C, H, W)``, the block's inputs without the flow.
            flow: ``(B, 4, H, W)`` in pixels so far, or None in the first block.
            scale: the input is shrunk by this factor.

        Returns:
            The flow's residual ``(B, 4, H, W)`` in pixels and the mask's ``(B, 1, H, W)``, a logit.
        """
        features = resize(signals, 1 / scale)
        if flow is not None:
            features = torch.cat((features, resize(flow, 1 / scale) * (1 / scale)), 1)
        features = self.conv0(features)
        features = self.convblock(features) + features
        output = resize(self.lastconv(features), scale * 2)
        return output[:, :FLOW_CHANNELS] * (scale * 2), output[:, FLOW_CHANNELS:]
