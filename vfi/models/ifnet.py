"""The block of IFNet: a coarse correction of flow and mask, estimated at reduced resolution."""

import itertools
from collections.abc import Sequence

from torch import Tensor, nn

from vfi.models.spec import FLOW_CHANNELS, BlockSpec
from vfi.models.warp import concatenate, resize, resize_flow

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

    def forward(
        self, signals: Sequence[Tensor], flow: Tensor | None, shrink: float, grow: float
    ) -> tuple[Tensor, Tensor]:
        """Estimates what to add to the flow and to the mask.

        Args:
            signals: ``(B, C, H, W)`` each, the block's inputs without the flow.
            flow: ``(B, 4, H, W)`` in pixels so far, or None in the first block.
            shrink: the input is shrunk by this factor.
            grow: the result, which is half the size of the shrunk input, is enlarged by this one.

        Returns:
            The flow's residual ``(B, 4, H', W')`` in its own pixels and the mask's
            ``(B, 1, H', W')``, a logit; ``H' = H * grow / (2 * shrink)``.
        """
        parts = [resize(signal, 1 / shrink) for signal in signals]
        if flow is not None:
            parts.append(resize_flow(flow, 1 / shrink))
        features = self.conv0(concatenate(parts))
        features = self.convblock(features) + features
        output = resize(self.lastconv(features), grow)
        return output[:, :FLOW_CHANNELS] * grow, output[:, FLOW_CHANNELS:]
