"""The refine stage over tensors in phases."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import override

from vfi.models.refine import UNET_SIGNALS, ContextNet, Stage, UNet
from vfi.runtime.lean_blocks import State, columns
from vfi.runtime.lean_layers import Learnt, biases, known, learnt, top_left, top_left_float
from vfi.runtime.lean_rewrites import (
    FLOW_ORDER,
    PHASES,
    convolution,
    planar_order,
    same_on_phases,
    shrinking_phases,
    strided_on_phases,
    transposed_on_phases,
)
from vfi.runtime.lean_sampling import WarpFeatures


class _Stage(nn.Module):
    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.first, self.second = learnt(stage.conv1), learnt(stage.conv2)

    @override
    def forward(self, features: Tensor) -> Tensor:
        return self.second(self.first(features))


class Context(nn.Module):
    """Features of both frames as one batch, warped: `vfi.models.refine.ContextNet` twice."""

    def __init__(self, net: ContextNet, height: int, width: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(_Stage(known(stage, Stage)) for stage in net.children())
        sizes = [(height >> level, width >> level) for level in range(1, len(self.stages) + 1)]
        self.warps = nn.ModuleList(WarpFeatures(*size) for size in sizes)
        self.halve = shrinking_phases(2, FLOW_ORDER, 0.5)

    @override
    def forward(self, frames: Tensor, flow: Tensor) -> list[Tensor]:
        """``(2, 3, H, W)`` and the flow in phases -> ``(1, 2 * C, H / 2, W / 2)``, ..."""
        flow, features, pyramid = self.halve(flow), frames, []
        for level, (stage, warp) in enumerate(zip(self.stages, self.warps, strict=True)):
            features = stage(features)
            if level:
                flow = F.avg_pool2d(flow, 2) * 0.5
            pyramid.append(warp(features, flow))
        return pyramid


class _FirstStage(nn.Module):
    """The U-Net's first stage, which reads the frames as they are and the state in phases."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        first = known(stage.conv1, nn.Sequential)
        conv, self.activation = known(first[0], nn.Conv2d), known(first[1], nn.PReLU)
        parts = columns(conv.weight.detach(), UNET_SIGNALS)
        frames = torch.cat((parts["img0"], parts["img1"]), 1)
        warped = torch.cat((parts["warped0"], parts["warped1"]), 1)
        self.frames = Learnt(convolution(frames, conv.bias, 2, 1))
        self.warped = top_left(strided_on_phases(warped, planar_order(6)))
        self.flow = top_left_float(strided_on_phases(parts["flow"], FLOW_ORDER))
        self.mask = top_left_float(strided_on_phases(parts["mask"], planar_order(1)))
        self.second = learnt(stage.conv2)

    @override
    def forward(self, frames: Tensor, state: State) -> Tensor:
        features = self.warped(state.warped) + self.flow(state.flow)
        features = features + self.mask(state.mask[:, :PHASES]) + self.frames(frames)
        return self.second(self.activation(features))


def _up(stage: object) -> Learnt:
    first, second = known(stage, nn.Sequential)
    conv, activation = known(first, nn.ConvTranspose2d), known(second, nn.PReLU)
    slopes = nn.PReLU(PHASES * activation.num_parameters)
    slopes.weight = nn.Parameter(
        activation.weight.detach().repeat_interleave(PHASES), requires_grad=False
    )
    bias = biases(conv).repeat_interleave(PHASES)
    return Learnt(convolution(transposed_on_phases(conv.weight.detach()), bias, 1, 1), slopes)


class Correction(nn.Module):
    """`vfi.models.refine.UNet`: its result stays in phases."""

    def __init__(self, net: UNet) -> None:
        super().__init__()
        self.first = _FirstStage(known(net.down0, Stage))
        downs = (known(stage, Stage) for stage in (net.down1, net.down2, net.down3))
        self.downs = nn.ModuleList(map(_Stage, downs))
        self.ups = nn.ModuleList(_up(stage) for stage in (net.up0, net.up1, net.up2, net.up3))
        # Halved: tanh reads half of it.
        bias = biases(net.conv).repeat_interleave(PHASES) / 2
        self.last = convolution(same_on_phases(net.conv.weight.detach()) / 2, bias, 1, 1)

    @override
    def forward(self, frames: Tensor, state: State, context: list[Tensor]) -> Tensor:
        """``(1, 6, H, W)`` frames -> ``(1, 12, H / 2, W / 2)`` in [-1, 1]."""
        skips = [self.first(frames, state)]
        for down, features in zip(self.downs, context, strict=False):
            skips.append(down(torch.cat((skips[-1], features), 1)))
        features = torch.cat((skips.pop(), context[-1]), 1)
        *ups, last = self.ups
        for up in ups:
            features = F.pixel_shuffle(up(features), 2)
            features = torch.cat((features, skips.pop()), 1)
        return torch.tanh(self.last(last(features)))
