"""The blocks of IFNet over tensors in phases."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import override

from vfi.models.ifnet import IFBlock
from vfi.models.spec import FLOW_CHANNELS, SIGNALS
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
    from_corners,
    planar_order,
    shrinking_phases,
    strided_on_phases,
    transposed_on_corners,
)

_FRAMES, _WARPED = ("img0", "img1"), ("warped0", "warped1")
_WARPED_ORDER = planar_order(sum(SIGNALS[name] for name in _WARPED))


@dataclass(frozen=True)
class State:
    """What is known of the new frame, in phases.

    Attributes:
        flow: ``(1, 16, H, W)`` in `FLOW_ORDER`, pixels of this resolution.
        mask: ``(1, 4, H, W)``, a logit; with a timestep ``(1, 5, H, W)``, that being the last.
        warped: both frames ``(1, 24, H, W)``.
    """

    flow: Tensor
    mask: Tensor
    warped: Tensor


def columns(weight: Tensor, names: tuple[str, ...]) -> dict[str, Tensor]:
    """The parts of a convolution's weight that read each signal; the flow comes last."""
    sizes = [SIGNALS[name] for name in names]
    rest = weight.shape[1] - sum(sizes)
    parts = weight.split([*sizes, rest] if rest else sizes, 1)
    return dict(zip((*names, "flow") if rest else names, parts, strict=True))


def _joined(parts: Mapping[str, Tensor], names: tuple[str, ...]) -> Tensor:
    return torch.cat([parts[name] for name in names if name in parts], 1)


def _reading_frames(parts: Mapping[str, Tensor]) -> Learnt | None:
    """The part of a stem that reads the frames as they are, if it does."""
    if not {*_FRAMES} & {*parts}:
        return None
    return Learnt(convolution(_joined(parts, _FRAMES), None, 2, 1))


class FirstStem(nn.Module):
    """The first convolution of the first block: it reads the shrunk frames and the timestep."""

    def __init__(self, conv: nn.Conv2d, names: tuple[str, ...]) -> None:
        super().__init__()
        parts = columns(conv.weight.detach(), names)
        self.frames = Learnt(convolution(_joined(parts, _FRAMES), conv.bias, 2, 1))
        self.time = convolution(parts["timestep"], None, 2, 1) if "timestep" in parts else None

    @override
    def forward(self, frames: Tensor, time: Tensor) -> Tensor:
        """``(1, 6, H, W)`` frames and the timestep ``(1, 1, 1, 1)``."""
        result = self.frames(frames)
        if self.time is None:
            return result
        return result + self.time(time.expand(1, 1, *frames.shape[-2:]))


class PhaseStem(nn.Module):
    """The first convolution of a block that works at the resolution where the state is kept.

    One convolution for each tensor and a sum, which is fused, where joining them would copy.
    """

    def __init__(self, conv: nn.Conv2d, names: tuple[str, ...]) -> None:
        super().__init__()
        parts = columns(conv.weight.detach(), names)
        warped = strided_on_phases(_joined(parts, _WARPED), _WARPED_ORDER)
        self.warped = top_left(warped, conv.bias)
        self.flow = top_left_float(strided_on_phases(parts["flow"], FLOW_ORDER))
        mask = strided_on_phases(parts["mask"], planar_order(1))
        if "timestep" in parts:  # the same in every phase
            time = strided_on_phases(parts["timestep"], planar_order(1)).sum(1, keepdim=True)
            mask = torch.cat((mask, time), 1)
        self.mask = top_left_float(mask)
        self.frames = _reading_frames(parts)

    @override
    def forward(self, state: State, frames: Tensor | None) -> Tensor:
        """The state; the frames ``(1, 6, 2 * H, 2 * W)`` at its resolution, if it reads them."""
        parts = [self.warped(state.warped), self.flow(state.flow), self.mask(state.mask)]
        if self.frames is not None:
            parts.append(self.frames(known(frames, Tensor)))
        return total(parts)


class ShrunkStem(nn.Module):
    """The first convolution of a block that works at ``1 / shrink`` of the state's resolution."""

    def __init__(self, conv: nn.Conv2d, names: tuple[str, ...], shrink: int) -> None:
        super().__init__()
        parts = columns(conv.weight.detach(), names)
        self.shrink_warped = shrinking_phases(shrink, _WARPED_ORDER)
        self.shrink_flow = shrinking_phases(shrink, FLOW_ORDER, 1 / shrink)
        mask = shrinking_phases(shrink, planar_order(1)).weight
        if "timestep" in parts:
            mask = F.pad(mask, (0, 0, 0, 0, 0, 1, 0, 1))
            mask[1, PHASES, 0, 0] = 1
        self.shrink_mask = convolution(mask, stride=shrink // 2)
        self.warped = Learnt(convolution(_joined(parts, _WARPED), conv.bias, 2, 1))
        self.flow = convolution(parts["flow"], None, 2, 1)
        self.mask = convolution(_joined(parts, ("mask", "timestep")), None, 2, 1)
        self.frames = _reading_frames(parts)

    @override
    def forward(self, state: State, frames: Tensor | None) -> Tensor:
        """The state, and the frames ``(1, 6, h, w)`` shrunk as the block reads them, if it does."""
        parts = [
            self.warped(self.shrink_warped(state.warped)),
            self.flow(self.shrink_flow(state.flow)),
            self.mask(self.shrink_mask(state.mask)),
        ]
        if self.frames is not None:
            parts.append(self.frames(known(frames, Tensor)))
        return total(parts)


class Trunk(nn.Module):
    """All of a block but its first convolution: to the residuals of flow and mask.

    Flow and mask come from convolutions of their own: cutting a tensor's channels apart is slow.
    """

    def __init__(self, block: IFBlock) -> None:
        super().__init__()
        first, second = block.conv0
        last = known(block.lastconv, nn.ConvTranspose2d)
        self.activation = known(known(first, nn.Sequential)[1], nn.PReLU)
        self.second = learnt(second)
        self.body = nn.Sequential(*(learnt(stage) for stage in block.convblock))
        weight = transposed_on_corners(last.weight.detach())
        bias = biases(last).repeat_interleave(PHASES)
        cut = FLOW_CHANNELS * PHASES
        self.flow = convolution(weight[:cut], bias[:cut], 1, 1)
        self.mask = convolution(weight[cut:], bias[cut:], 1, 1)

    @override
    def forward(self, stem: Tensor) -> tuple[Tensor, Tensor]:
        """``(1, stem, H, W)`` -> residuals ``(1, 4, 4 * H / 2, ..)`` and ``(1, 1, ..)``."""
        features = self.second(self.activation(stem))
        features = self.body(features) + features
        flow, mask = self.flow(features), self.mask(features)
        return from_corners(flow), from_corners(mask)


class Update(nn.Module):
    """Adds a block's residuals to the state, at the resolution where it is kept next.

    Args:
        grow: the residuals are enlarged by this.
        ratio: the previous state is enlarged by this; None if there is none.
        timed: whether the mask carries the timestep.
    """

    def __init__(self, grow: int, ratio: int | None, timed: bool) -> None:
        super().__init__()
        mask = planar_order(1)
        self.ratio, self.timed = ratio, timed
        self.brings_time = timed and ratio != 1  # else the previous mask has it already
        self.flow = Enlarge(grow, FLOW_ORDER, grow)
        self.mask = Enlarge(
            grow, mask, spare=timed and not self.brings_time, carried=self.brings_time
        )
        if ratio is not None and ratio > 1:
            self.previous_flow = Enlarge(ratio, FLOW_ORDER, ratio)
            self.previous_mask = Enlarge(ratio, mask, spare=timed)

    @override
    def forward(
        self, residuals: tuple[Tensor, Tensor], previous: State | None, time: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The new flow and mask in phases; ``time`` is ``(1, 1, 1, 1)``."""
        flow, mask = residuals
        if self.brings_time:  # here it costs least: the plane is small
            mask = torch.cat((mask, time.expand(1, 1, *mask.shape[-2:])), 1)
        flow, mask = self.flow(flow), self.mask(mask)
        if previous is None:
            return flow, mask
        if self.ratio == 1:
            return previous.flow + flow, previous.mask + mask
        previous_flow, previous_mask = planes(previous.flow, previous.mask)
        return self.previous_flow(previous_flow) + flow, self.previous_mask(previous_mask) + mask


class EnlargeState(nn.Module):
    """Flow and mask after a last block that worked at ``1 / factor`` of the frames' resolution."""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.flow = Enlarge(factor, FLOW_ORDER, factor)
        self.mask = Enlarge(factor, planar_order(1))

    @override
    def forward(self, flow: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """``(1, 4, H, W)`` and ``(1, 1, H, W)`` -> both enlarged and in phases."""
        return self.flow(flow), self.mask(mask)


def planes(flow: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Flow and mask out of their phases: ``(1, 4, 2 * H, 2 * W)`` and ``(1, 1, ..)``."""
    return _flow_planes(flow), F.pixel_shuffle(mask[:, :PHASES], 2)


def _flow_planes(flow: Tensor) -> Tensor:
    """Flow out of its phases: ``(1, 16, H, W)`` -> ``(1, 4, 2 * H, 2 * W)``."""
    height, width = flow.shape[-2:]
    planes = flow.reshape(1, 2, PHASES, 2, height, width).permute(0, 1, 3, 2, 4, 5)
    return F.pixel_shuffle(planes.reshape(1, 4 * PHASES, height, width), 2)
