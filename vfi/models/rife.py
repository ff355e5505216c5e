"""RIFE (Huang et al., Real-Time Intermediate Flow Estimation, ECCV 2022), driven by a spec."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from typing_extensions import override

from vfi.models.ifnet import IFBlock
from vfi.models.refine import UNET_SIGNALS, ContextNet, UNet
from vfi.models.spec import RIFESpec
from vfi.models.warp import concatenate, resize, resize_flow, warp


@dataclass(frozen=True)
class Estimate:
    """What is known of the new frame after one block, at the resolution where it is kept.

    Attributes:
        flow: ``(B, 4, H, W)`` pixels, (x, y) toward frame 0 then toward frame 1.
        mask_logit: ``(B, 1, H, W)``; its sigmoid is the weight of frame 0.
        warped0: frame 0 ``(B, 3, H, W)`` warped by the flow.
        warped1: frame 1, likewise.
    """

    flow: Tensor
    mask_logit: Tensor
    warped0: Tensor
    warped1: Tensor

    @property
    def mask(self) -> Tensor:
        """The weight of frame 0, ``(B, 1, H, W)`` in [0, 1]."""
        return torch.sigmoid(self.mask_logit)

    @property
    def merged(self) -> Tensor:
        """Both warped frames fused by the mask, ``(B, 3, H, W)``."""
        # Not w0 * m + w1 * (1 - m): rounded to bfloat16, the two weights do not sum to 1.
        return self.warped1 + (self.warped0 - self.warped1) * self.mask

    def at_frames(self, img0: Tensor, img1: Tensor) -> "Estimate":
        """The same estimate at the resolution of the frames ``(B, 3, H, W)``."""
        factor = img0.shape[-1] / self.flow.shape[-1]
        if factor == 1:
            return self
        return _estimate(
            (img0, img1), resize_flow(self.flow, factor), resize(self.mask_logit, factor)
        )


@dataclass(frozen=True)
class RIFEOutput:
    """All that a forward pass gives.

    Attributes:
        frame: the new frame ``(B, 3, H, W)``, in [0, 1] where the network has a refine stage.
        kept: one `Estimate` a block, coarse to fine, as the network keeps them.
        inputs: the two frames.
        teacher: the teacher block's, when a ground truth was given to a network that has one.
    """

    frame: Tensor
    kept: tuple[Estimate, ...]
    inputs: tuple[Tensor, Tensor]
    teacher: Estimate | None = None

    @cached_property
    def estimates(self) -> tuple[Estimate, ...]:
        """One `Estimate` a block, coarse to fine, all at the resolution of the frames."""
        return tuple(estimate.at_frames(*self.inputs) for estimate in self.kept)

    @property
    def flows(self) -> list[Tensor]:
        """The accumulated flow after each block, ``(B, 4, H, W)`` in pixels."""
        return [estimate.flow for estimate in self.estimates]

    @property
    def masks(self) -> list[Tensor]:
        """The mask after each block, ``(B, 1, H, W)`` in [0, 1]."""
        return [estimate.mask for estimate in self.estimates]

    @property
    def merged(self) -> list[Tensor]:
        """The merged frame after each block, ``(B, 3, H, W)``, before any refinement."""
        return [estimate.merged for estimate in self.estimates]

    @property
    def teacher_flow(self) -> Tensor | None:
        """The teacher's flow ``(B, 4, H, W)`` in pixels."""
        return self.teacher.flow if self.teacher else None

    @property
    def teacher_merged(self) -> Tensor | None:
        """The teacher's merged frame ``(B, 3, H, W)``."""
        return self.teacher.merged if self.teacher else None


class RIFE(nn.Module):
    """Any network of the RIFE family: official or pruned, as its spec says.

    The parameter names are those of the official files. One data-dependent branch of the authors'
    version 4.0 is left out on purpose: it doubles all scales when the second block's residual
    exceeds 32 pixels in both directions; ``flow_scale`` does the same by choice, for every input.
    """

    def __init__(self, spec: RIFESpec) -> None:
        super().__init__()
        self.spec = spec
        for index, block in enumerate(spec.blocks):
            self.add_module(f"block{index}", IFBlock(spec.block_channels(index), block))
        if spec.teacher is not None:
            self.block_tea = IFBlock(spec.teacher_channels, spec.teacher)
        if spec.refine is not None:
            self.contextnet = ContextNet(spec.refine)
            self.unet = UNet(spec.refine)

    def forward(
        self,
        img0: Tensor,
        img1: Tensor,
        timestep: float | Tensor = 0.5,
        gt: Tensor | None = None,
        flow_scale: float = 1.0,
        history: bool = True,
    ) -> RIFEOutput:
        """Estimates the frame at ``timestep`` between ``img0`` (time 0) and ``img1`` (time 1).

        Args:
            img0: ``(B, 3, H, W)`` in [0, 1]; H and W multiples of ``spec.stride(flow_scale)``.
            img1: likewise.
            timestep: in [0, 1], a number or a tensor ``(B,)`` or ``(B, 1, 1, 1)``.
            gt: the true frame ``(B, 3, H, W)``: runs the teacher block too, if there is one.
            flow_scale: flow is estimated at this fraction of the resolution (0.5 suits 4K).
            history: return every block's estimate; without, the last one only, which saves 270 MiB
                at 1920x1080.

        Raises:
            ValueError: if shapes do not fit or the network cannot do this timestep.
        """
        self._check(img0, img1, flow_scale)
        if not self.spec.arbitrary_timestep and bool((torch.as_tensor(timestep) != 0.5).any()):
            raise ValueError(
                f"timestep is {timestep}; {self.spec.variant} only makes the middle frame (0.5)"
            )
        scales = [block.scale / flow_scale for block in self.spec.blocks]
        # What is known when a block starts has 1 / level of the frames' resolution.
        levels = [max(scale, 1) if self.spec.warp_at_scale else 1 for scale in scales] + [1]
        known = {level: self._known(img0, img1, timestep, level) for level in set(levels)}
        estimates: list[Estimate] = []
        for index, (scale, level, after) in enumerate(
            zip(scales, levels, levels[1:], strict=False)
        ):
            names = self.spec.inputs if estimates else self.spec.first_inputs
            previous = estimates[-1] if estimates else None
            signals = _signals(names, known[level], previous)
            frames = known[after]["img0"], known[after]["img1"]
            block = self.get_submodule(f"block{index}")
            step = scale / level, 2 * scale / after
            estimates.append(_advance(block, signals, previous, frames, *step))
            if not history:
                estimates = estimates[-1:]
        previous = None  # it would keep an estimate in memory
        teacher = None
        if gt is not None and self.spec.teacher is not None:
            signals = _signals(self.spec.teacher_inputs, known[1] | {"gt": gt}, estimates[-1])
            scale = self.spec.teacher.scale / flow_scale
            step = scale, 2 * scale
            teacher = _advance(self.block_tea, signals, estimates[-1], (img0, img1), *step)
        frame = self._refine(img0, img1, estimates[-1])
        return RIFEOutput(frame, tuple(estimates), (img0, img1), teacher)

    @override
    def extra_repr(self) -> str:
        return f"{self.spec.variant}, warp_at_scale={self.spec.warp_at_scale}"

    def _known(
        self, img0: Tensor, img1: Tensor, timestep: float | Tensor, level: float
    ) -> dict[str, Tensor]:
        """What blocks read that no block has made, at 1 / level of the resolution."""
        known = {"img0": resize(img0, 1 / level), "img1": resize(img1, 1 / level)}
        if self.spec.arbitrary_timestep:
            known["timestep"] = _plane(timestep, known["img0"])
        return known

    def _check(self, img0: Tensor, img1: Tensor, flow_scale: float) -> None:
        if img0.ndim != 4 or img0.shape[1] != 3 or img0.shape != img1.shape:
            raise ValueError(
                f"frames have shapes {tuple(img0.shape)} and {tuple(img1.shape)}; "
                "both must be the same (B, 3, H, W)"
            )
        if flow_scale not in (0.25, 0.5, 1.0, 2.0):
            raise ValueError(f"flow_scale is {flow_scale}; it must be 0.25, 0.5, 1.0 or 2.0")
        stride = self.spec.stride(flow_scale)
        if img0.shape[2] % stride or img0.shape[3] % stride:
            raise ValueError(
                f"frames are {img0.shape[2]}x{img0.shape[3]}; height and width must be multiples "
                f"of {stride}: wrap the network in vfi.models.Interpolator, which pads"
            )

    def _refine(self, img0: Tensor, img1: Tensor, last: Estimate) -> Tensor:
        if self.spec.refine is None:
            return last.merged
        signals = _signals(UNET_SIGNALS, {"img0": img0, "img1": img1}, last)
        context0 = self.contextnet(img0, last.flow[:, :2])
        context1 = self.contextnet(img1, last.flow[:, 2:])
        residual = self.unet(concatenate((*signals, last.flow)), context0, context1)
        return (last.merged + residual).clamp(0, 1)


def _plane(timestep: float | Tensor, like: Tensor) -> Tensor:
    """The timestep as a constant image ``(B, 1, H, W)``."""
    batch, _, height, width = like.shape
    if not isinstance(timestep, Tensor):
        return like.new_full((batch, 1, height, width), timestep)
    if timestep.numel() not in (1, batch):
        raise ValueError(
            f"timestep has shape {tuple(timestep.shape)}; give one number or {batch}, one a pair"
        )
    return timestep.to(like).reshape(-1, 1, 1, 1).expand(batch, 1, height, width)


def _signals(
    names: tuple[str, ...], known: dict[str, Tensor], previous: Estimate | None
) -> list[Tensor]:
    """The named signals as tensors; what ``known`` lacks is read off the previous estimate."""
    derived = {"warped0": "warped0", "warped1": "warped1", "mask": "mask_logit"}
    return [known[n] if n in known else getattr(previous, derived[n]) for n in names]


def _advance(
    block: IFBlock,
    signals: list[Tensor],
    previous: Estimate | None,
    frames: tuple[Tensor, Tensor],
    shrink: float,
    grow: float,
) -> Estimate:
    """Runs one block and adds its residuals to the previous estimate; see `IFBlock.forward`.

    Flow and mask accumulate in at least float32, so autocast costs no sub-pixel precision.
    """
    flow = previous.flow if previous else None
    flow, mask = block(signals, flow, shrink, grow)
    dtype = torch.promote_types(frames[0].dtype, torch.float32)
    flow, mask = flow.to(dtype), mask.to(dtype)
    if previous is not None:
        factor = flow.shape[-1] / previous.flow.shape[-1]
        flow = resize_flow(previous.flow, factor) + flow
        mask = resize(previous.mask_logit, factor) + mask
    return _estimate(frames, flow, mask)


def _estimate(frames: tuple[Tensor, Tensor], flow: Tensor, mask_logit: Tensor) -> Estimate:
    warped = (warp(frame, part) for frame, part in zip(frames, flow.split(2, 1), strict=True))
    return Estimate(flow, mask_logit, *warped)
