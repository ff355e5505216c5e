"""The whole network in space-to-depth form: the same frames, fewer pixels moved."""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import override

from vfi.models import RIFE, RIFESpec
from vfi.models.ifnet import IFBlock
from vfi.runtime.lean_blocks import (
    EnlargeState,
    FirstStem,
    PhaseStem,
    ShrunkStem,
    State,
    Trunk,
    Update,
    planes,
)
from vfi.runtime.lean_finish import Finish
from vfi.runtime.lean_layers import known
from vfi.runtime.lean_refine import Refine, ShrunkRefine
from vfi.runtime.lean_rewrites import PHASES, shrinking
from vfi.runtime.lean_sampling import WarpToPhases, side_by_side


class LeanRIFE(nn.Module):
    """A `vfi.models.RIFE` for frames of one size, made for runtimes that compile.

    Flow, mask and warped frames live as four phases a channel at half of a block's resolution;
    only the input frames are ever at full resolution. In eager PyTorch it gains nothing.

    Args:
        network: its weights are shared or copied, and it is left as it is.
        height: of the frames, in pixels; a multiple of ``network.spec.stride()``.
        width: likewise.

    Raises:
        ValueError: if the size does not fit.
    """

    def __init__(self, network: RIFE, height: int, width: int) -> None:
        super().__init__()
        spec = network.spec
        _check(spec, height, width)
        self.size = height, width
        self.timed = spec.arbitrary_timestep
        steps = spec.steps()
        self.scales = tuple(int(step.scale) for step in steps)
        self.levels = (*(int(step.level) for step in steps), int(steps[-1].after))
        names = [f"block{index}" for index in range(len(spec.blocks))]
        blocks = [known(network.get_submodule(name), IFBlock) for name in names]
        self.warps = nn.ModuleDict(
            {
                str(level): WarpToPhases(height // level, width // level)
                for level in {*self.levels[1:-1], 1}
            }
        )
        self.stems = nn.ModuleList(_stem(spec, i, block) for i, block in enumerate(blocks))
        refined = {spec.refine.scale} if spec.refine is not None else set()
        read = {x for x, stem in zip(self.scales, self.stems, strict=True) if stem.frames}
        factors = sorted({*read, *self.levels[1:-1], *refined} - {1})
        self.shrinks = nn.ModuleDict({str(factor): shrinking(factor, 3) for factor in factors})
        self.trunks = nn.ModuleList(Trunk(block) for block in blocks)
        self.updates = nn.ModuleList(
            Update(2 * scale // after, level // after if index else None, self.timed)
            for index, (scale, level, after) in enumerate(
                zip(self.scales, self.levels, self.levels[1:], strict=False)
            )
        )
        last = self.levels[-1]
        self.enlarge: EnlargeState | None = EnlargeState(last) if last > 1 else None
        self.refine: Refine | ShrunkRefine | None = None
        if spec.refine is not None:
            plain = spec.refine.scale == 1
            size = height, width
            self.refine = Refine(network, *size) if plain else ShrunkRefine(network, *size, last)
        scale = self.refine.scale if self.refine is not None else last
        self.finish = Finish(height, width, last, scale) if 1 < scale <= last else None
        self.requires_grad_(False).eval()

    @override
    def forward(self, frames: Tensor, timestep: Tensor) -> Tensor:
        """The frame at ``timestep``.

        Args:
            frames: ``(2, 3, H, W)`` in [0, 1].
            timestep: one number, ``(1,)``; ignored by a network that only makes the middle frame.

        Returns:
            ``(1, 3, H, W)``.
        """
        img0, img1 = frames.split(1)
        return self.between((img0, img1), (self.encode(img0), self.encode(img1)), timestep)

    def encode(self, frame: Tensor) -> tuple[Tensor, ...]:
        """What depends on one frame alone, ``(1, 3, H, W)`` in [0, 1]: for `between`."""
        pyramid = {int(name): shrink(frame) for name, shrink in self.shrinks.items()}
        context = self.refine.features({1: frame, **pyramid}) if self.refine is not None else []
        return *pyramid.values(), *context

    def between(
        self,
        frames: tuple[Tensor, Tensor],
        encoded: tuple[tuple[Tensor, ...], tuple[Tensor, ...]],
        timestep: Tensor,
    ) -> Tensor:
        """As `forward`, of two frames and what `encode` made of each."""
        time = timestep.reshape(1, 1, 1, 1)
        pairs = [torch.cat(pair) for pair in zip(*encoded, strict=True)]
        factors = [int(name) for name in self.shrinks]
        pyramid = {1: torch.cat(frames), **dict(zip(factors, pairs, strict=False))}
        state: State | None = None
        motion: tuple[Tensor, Tensor] | None = None
        for index, (stem, trunk, update) in enumerate(
            zip(self.stems, self.trunks, self.updates, strict=True)
        ):
            if motion is not None:
                level = self.levels[index]
                state = State(*motion, self.warps[str(level)](pyramid[level], motion[0]))
            shrunk = side_by_side(pyramid[self.scales[index]]) if stem.frames else None
            features = stem(shrunk, time) if state is None else stem(state, shrunk)
            motion = update(trunk(features), state, time)
        return self._end(pyramid, pairs[len(factors) :], *known(motion, tuple))

    def _end(
        self, pyramid: Mapping[int, Tensor], context: list[Tensor], flow: Tensor, mask: Tensor
    ) -> Tensor:
        """The frame, of the last block's flow and mask in phases."""
        refine, coarse = self.refine, planes(flow, mask) if self.levels[-1] > 1 else None
        if self.finish is not None and coarse is not None:
            if refine is None:
                return self.finish(pyramid[1], *coarse)
            shrunk = known(refine, ShrunkRefine).shrunk
            return self.finish(
                pyramid[1], *coarse, partial(shrunk, pyramid[refine.scale], context, coarse)
            )
        if coarse is not None:
            flow, mask = known(self.enlarge, EnlargeState)(*coarse)
        state = State(flow, mask, self.warps["1"](pyramid[1], flow))
        merged = F.pixel_shuffle(self._merged(state), 2)
        if refine is None:
            return merged
        residual = refine(pyramid[refine.scale], context, state, coarse)
        return (merged + residual).clamp(0, 1)

    def _merged(self, state: State) -> Tensor:
        height, width = self.size[0] // 2, self.size[1] // 2
        weight = torch.sigmoid(state.mask[:, :PHASES]).reshape(1, 1, PHASES, height, width)
        warped0, warped1 = state.warped.reshape(2, 3, PHASES, height, width).split(1)
        merged = warped1 + (warped0 - warped1) * weight
        return merged.reshape(1, 3 * PHASES, height, width)


def _check(spec: RIFESpec, height: int, width: int) -> None:
    if reason := unsupported(spec):
        raise ValueError(f"{spec.variant} has no lean form: {reason}; use runtime torch")
    stride = spec.stride()
    if height < 1 or width < 1 or height % stride or width % stride:
        raise ValueError(
            f"frames of {height}x{width} pixels; height and width must be multiples of {stride}"
        )


def unsupported(spec: RIFESpec) -> str | None:
    """What of a network cannot be rearranged; None if all of it can."""
    if spec.encoder is not None or spec.features or not spec.accumulate_mask:
        return "it passes features from block to block"
    if any(block.residuals or block.shuffle for block in spec.blocks):
        return "its blocks have residual convolutions"
    if list(spec.scales) != sorted(spec.scales, reverse=True):
        return f"its blocks' scales {spec.scales} do not fall"
    return None


def _stem(spec: RIFESpec, index: int, block: IFBlock) -> nn.Module:
    conv = known(known(block.conv0[0], nn.Sequential)[0], nn.Conv2d)
    if index == 0:
        return FirstStem(conv, spec.first_inputs)
    step = spec.steps()[index]
    if step.scale == step.level:
        return PhaseStem(conv, spec.inputs)
    return ShrunkStem(conv, spec.inputs, int(step.scale / step.level))
