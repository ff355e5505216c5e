"""The refine stage over tensors in phases."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import override

from vfi.models import RIFE
from vfi.models.parts import RefineSpec
from vfi.models.refine import UNET_SIGNALS, ContextNet, Stage, UNet
from vfi.models.spec import FLOW_CHANNELS
from vfi.runtime.lean_blocks import State, columns
from vfi.runtime.lean_layers import (
    Enlarge,
    Learnt,
    biases,
    known,
    learnt,
    top_left,
    top_left_float,
    total,
)
from vfi.runtime.lean_rewrites import (
    FLOW_ORDER,
    PHASES,
    convolution,
    enlarged_then_shrunk,
    from_corners,
    planar_order,
    replicated,
    same_on_corners,
    shrinking,
    shrinking_phases,
    strided_on_phases,
    transposed_on_corners,
    transposed_on_phases,
)
from vfi.runtime.lean_sampling import WarpFeatures, planar, side_by_side


class _Stage(nn.Module):
    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.first, self.second = learnt(stage.conv1), learnt(stage.conv2)

    @override
    def forward(self, features: Tensor) -> Tensor:
        return self.second(self.first(features))


class Context(nn.Module):
    """Features of frames, and the same, warped: `vfi.models.refine.ContextNet`."""

    def __init__(self, net: ContextNet, height: int, width: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(_Stage(known(stage, Stage)) for stage in net.children())
        sizes = [(height >> level, width >> level) for level in range(1, len(self.stages) + 1)]
        self.warps = nn.ModuleList(WarpFeatures(*size) for size in sizes)

    def features(self, frame: Tensor) -> list[Tensor]:
        """``(1, 3, H, W)`` -> ``(1, C, H / 2, W / 2)``, ..."""
        features, pyramid = frame, []
        for stage in self.stages:
            features = stage(features)
            pyramid.append(planar(features))
        return pyramid

    @override
    def forward(self, features: Sequence[Tensor], flow: Tensor) -> list[Tensor]:
        """Both frames' features ``(2, C, H / 2, W / 2)``, ... and the flow ``(1, 4, H / 2, W / 2)``
        -> ``(1, 2 * C, H / 2, W / 2)``, ...
        """
        pyramid = []
        for level, (both, warp) in enumerate(zip(features, self.warps, strict=True)):
            if level:
                flow = F.avg_pool2d(flow, 2) * 0.5
            pyramid.append(warp(both, flow))
        return pyramid


class _FirstStage(nn.Module):
    """The U-Net's first stage: a convolution for each tensor, and their sum.

    Args:
        stage: its weights.
        phased: whether flow, mask and warped frames come in phases, or as planes.
    """

    def __init__(self, stage: Stage, phased: bool) -> None:
        super().__init__()
        first = known(stage.conv1, nn.Sequential)
        conv, self.activation = known(first[0], nn.Conv2d), known(first[1], nn.PReLU)
        parts = columns(conv.weight.detach(), UNET_SIGNALS)
        frames = torch.cat((parts["img0"], parts["img1"]), 1)
        warped = torch.cat((parts["warped0"], parts["warped1"]), 1)
        self.frames = Learnt(convolution(frames, conv.bias, 2, 1))
        if phased:
            self.warped = top_left(strided_on_phases(warped, planar_order(6)))
            self.flow: nn.Module = top_left_float(strided_on_phases(parts["flow"], FLOW_ORDER))
            self.mask: nn.Module = top_left_float(strided_on_phases(parts["mask"], planar_order(1)))
        else:
            self.warped = Learnt(convolution(warped, None, 2, 1))
            self.flow = convolution(parts["flow"], None, 2, 1)
            self.mask = convolution(parts["mask"], None, 2, 1)
        self.second = learnt(stage.conv2)

    @override
    def forward(self, frames: Tensor, flow: Tensor, mask: Tensor, warped: Tensor) -> Tensor:
        parts = self.warped(warped), self.flow(flow), self.mask(mask), self.frames(frames)
        return self.second(self.activation(total(parts)))


def _up(stage: object, on: Callable[[Tensor], Tensor]) -> Learnt:
    first, second = known(stage, nn.Sequential)
    conv, activation = known(first, nn.ConvTranspose2d), known(second, nn.PReLU)
    slopes = nn.PReLU(PHASES * activation.num_parameters)
    slopes.weight = nn.Parameter(
        activation.weight.detach().repeat_interleave(PHASES), requires_grad=False
    )
    bias = biases(conv).repeat_interleave(PHASES)
    return Learnt(convolution(on(conv.weight.detach()), bias, 1, 1), slopes)


class Correction(nn.Module):
    """`vfi.models.refine.UNet`: its result stays in phases."""

    def __init__(self, net: UNet, phased: bool) -> None:
        super().__init__()
        self.first = _FirstStage(known(net.down0, Stage), phased)
        downs = (known(stage, Stage) for stage in (net.down1, net.down2, net.down3))
        self.downs = nn.ModuleList(map(_Stage, downs))
        ups = (_up(stage, transposed_on_corners) for stage in (net.up0, net.up1, net.up2))
        self.ups = nn.ModuleList((*ups, _up(net.up3, transposed_on_phases)))
        # Halved: tanh reads half of it.
        bias = biases(net.conv).repeat_interleave(PHASES) / 2
        self.last = convolution(same_on_corners(net.conv.weight.detach()) / 2, bias, 1, 1)

    @override
    def forward(
        self, frames: Tensor, flow: Tensor, mask: Tensor, warped: Tensor, context: list[Tensor]
    ) -> Tensor:
        """``(1, 6, H, W)`` frames -> ``(1, 3, H, W)`` in [-1, 1]."""
        skips = [self.first(frames, flow, mask, warped)]
        for down, features in zip(self.downs, context, strict=False):
            skips.append(down(torch.cat((skips[-1], features), 1)))
        features = torch.cat((skips.pop(), context[-1]), 1)
        *ups, last = self.ups
        for up in ups:
            features = from_corners(up(features))
            features = torch.cat((features, skips.pop()), 1)
        return from_corners(torch.tanh(self.last(last(features))))


class Resample(nn.Module):
    """Planes ``(1, signals, H, W)`` enlarged by ``up`` and shrunk by ``down``, times ``gain``."""

    def __init__(self, up: int, down: int, signals: int, gain: float = 1.0) -> None:
        super().__init__()
        self.grow = up // down
        if self.grow:
            self.conv = convolution(enlarged_then_shrunk(up, down, signals, gain))
        else:  # enlarging leaves no trace then
            self.conv = shrinking(down // up, signals, gain)

    @override
    def forward(self, planes: Tensor) -> Tensor:
        planes = self.conv(replicated(planes) if self.grow else planes)
        return F.pixel_shuffle(planes, self.grow) if self.grow > 1 else planes


class _Refine(nn.Module):
    context: Context
    scale: int

    def features(self, pyramid: Mapping[int, Tensor]) -> list[Tensor]:
        """What is known of one frame alone: by scale, ``(1, 3, H / scale, W / scale)``."""
        return self.context.features(pyramid[self.scale])


class Refine(_Refine):
    """The refine stage at the frames' resolution.

    Args:
        network: its weights.
        height: of the frames, in pixels.
        width: likewise.
    """

    scale = 1

    def __init__(self, network: RIFE, height: int, width: int) -> None:
        super().__init__()
        self.context = Context(network.contextnet, height, width)
        self.correction = Correction(network.unet, phased=True)
        self.halve = shrinking_phases(2, FLOW_ORDER, 0.5)

    @override
    def forward(
        self,
        frames: Tensor,
        features: Sequence[Tensor],
        state: State,
        coarse: tuple[Tensor, Tensor] | None,
    ) -> Tensor:
        """What is to be added to the frame, ``(1, 3, H, W)``.

        Args:
            frames: ``(2, 3, H / scale, W / scale)``.
            features: see `Context.forward`.
            state: flow, mask and warped frames at the frames' resolution.
            coarse: flow and mask as the last block left them, as planes, if that is coarser.
        """
        context = self.context(features, self.halve(state.flow))
        mask = state.mask[:, :PHASES]
        return self.correction(side_by_side(frames), state.flow, mask, state.warped, context)


class ShrunkRefine(_Refine):
    """The refine stage at ``1 / scale`` of the frames' resolution.

    Args:
        network: its weights.
        height: of the frames, in pixels.
        width: likewise.
        finest: flow and mask were last left at ``1 / finest`` of the frames' resolution.
    """

    def __init__(self, network: RIFE, height: int, width: int, finest: int) -> None:
        super().__init__()
        self.scale = scale = known(network.spec.refine, RefineSpec).scale
        self.context = Context(network.contextnet, height // scale, width // scale)
        self.correction = Correction(network.unet, phased=False)
        self.warped = shrinking_phases(scale, planar_order(6))
        if finest == 1:
            self.flow: nn.Module = shrinking_phases(scale, FLOW_ORDER, 1 / scale)
            self.mask: nn.Module = shrinking_phases(scale, planar_order(1))
        else:
            self.flow = Resample(finest, scale, FLOW_CHANNELS, finest / scale)
            self.mask = Resample(finest, scale, 1)
        self.enlarge = Enlarge(scale, planar_order(3))

    @override
    def forward(
        self,
        frames: Tensor,
        features: Sequence[Tensor],
        state: State,
        coarse: tuple[Tensor, Tensor] | None,
    ) -> Tensor:
        """As `Refine.forward`."""
        coarse = coarse or (state.flow, state.mask[:, :PHASES])
        residual = self.shrunk(frames, features, coarse, self.warped(state.warped))
        return F.pixel_shuffle(self.enlarge(residual), 2)

    def shrunk(
        self,
        frames: Tensor,
        features: Sequence[Tensor],
        coarse: tuple[Tensor, Tensor],
        warped: Tensor,
    ) -> Tensor:
        """The same before it is enlarged, of the shrunk warped frames ``(1, 6, h, w)``."""
        flow, mask = self.flow(coarse[0]), self.mask(coarse[1])
        context = self.context(features, F.avg_pool2d(flow, 2) * 0.5)
        return self.correction(side_by_side(frames), flow, mask, warped, context)
