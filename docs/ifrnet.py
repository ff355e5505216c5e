"""IFRNet-S, to be timed beside RIFE: vfi benchmark rife_v4.0 docs/ifrnet.py docs/ifrnet_openvino.py

The small network of "IFRNet: Intermediate Feature Refine Network for Efficient Frame Interpolation"
(Kong et al., CVPR 2022) at inference. Its weights cannot be fetched by a program, and how long a
network takes does not depend on them: these are untrained, so nothing but time may be read off.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vfi.models.warp import resize_flow, warp

WIDTHS = 24, 36, 54, 72  # of the pyramid's features, fine to coarse
SIDE = 24  # channels that a decoder refines by themselves
FLOWS = 4  # (x, y) toward each frame


def conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """A 3x3 convolution and its PReLU."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.PReLU(outputs))


class SideBlock(nn.Module):
    """Five convolutions and a residual sum; two of them see the last channels alone."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.whole = nn.ModuleList(conv(channels, channels) for _ in range(2))
        self.side = nn.ModuleList(conv(SIDE, SIDE) for _ in range(2))
        self.last = nn.Conv2d(channels, channels, 3, 1, 1)
        self.activation = nn.PReLU(channels)

    def forward(self, features: Tensor) -> Tensor:
        """``(B, C, H, W)`` -> the same shape."""
        out = features
        for whole, side in zip(self.whole, self.side, strict=True):
            out = whole(out)
            out = torch.cat((out[:, :-SIDE], side(out[:, -SIDE:])), 1)
        return self.activation(features + self.last(out))


def decoder(inputs: int, inner: int, outputs: int) -> nn.Sequential:
    """What estimates flows and features at twice the resolution that it reads."""
    up = nn.ConvTranspose2d(inner, outputs, 4, 2, 1)
    return nn.Sequential(conv(inputs, inner), SideBlock(inner), up)


class IFRNetSmall(nn.Module):
    """IFRNet-S: a pyramid of features of both frames, and a decoder a level (figure 2 there)."""

    def __init__(self) -> None:
        super().__init__()
        ins, (first, second, third, fourth) = (3, *WIDTHS), WIDTHS
        self.pyramid = nn.ModuleList(
            nn.Sequential(conv(a, b, 2), conv(b, b)) for a, b in zip(ins, WIDTHS, strict=False)
        )
        self.coarsest = decoder(2 * fourth + 1, 2 * fourth, FLOWS + third)
        self.finer = nn.ModuleList(
            decoder(3 * width + FLOWS, 3 * width, FLOWS + out)
            for width, out in ((third, second), (second, first), (first, 4))
        )

    def forward(self, img0: Tensor, img1: Tensor) -> Tensor:
        """``(B, 3, H, W)`` each, in [0, 1] -> the frame half-way between them."""
        frames = torch.cat((img0, img1))
        mean = torch.stack((img0, img1)).mean((0, 2, 3, 4), keepdim=True)[0]
        levels, features = [], frames - mean.repeat(2, 1, 1, 1)
        for stage in self.pyramid:
            features = stage(features)
            levels.append(features)
        both = torch.cat(features.chunk(2), 1)
        time = torch.full_like(both[:, :1], 0.5)
        made = self.coarsest(torch.cat((both, time), 1))
        flow = made[:, :FLOWS]
        for stage, level in zip(self.finer, levels[-2::-1], strict=True):
            one, two = level.chunk(2)
            warped = warp(one, flow[:, :2]), warp(two, flow[:, 2:])
            made = stage(torch.cat((made[:, FLOWS:], *warped, flow), 1))
            flow = made[:, :FLOWS] + resize_flow(flow, 2)
        merge = torch.sigmoid(made[:, FLOWS : FLOWS + 1])
        warped0, warped1 = warp(img0, flow[:, :2]), warp(img1, flow[:, 2:])
        blended = merge * warped0 + (1 - merge) * warped1
        return (blended + made[:, FLOWS + 1 :]).clamp(0, 1)


def load(device: torch.device) -> Callable[[Tensor, Tensor, float], Tensor]:
    """For `vfi benchmark`, which knows such files."""
    torch.manual_seed(0)
    network = IFRNetSmall().requires_grad_(False).eval()
    network.to(device, memory_format=torch.channels_last)
    return lambda img0, img1, _: network(img0, img1)
