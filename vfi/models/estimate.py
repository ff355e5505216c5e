"""What a network says of the new frame: after each block, and in the end."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from vfi.models.warp import resize, resize_flow, warp


@dataclass(frozen=True)
class Prepared:
    """What a network reads of one frame alone: it serves both pairs of the frame and all times.

    Attributes:
        image: the frame ``(B, 3, H, W)``.
        flow_scale: for which it was made.
        levels: by level, at 1 / level of the frame's resolution: ``img`` and, where there is an
            encoder, ``encoded``.
        context: `vfi.models.refine.ContextNet.features`; None if not made beforehand. Of a network
            in another runtime, all that its program for one frame gives.
    """

    image: Tensor
    flow_scale: float
    levels: Mapping[float, Mapping[str, Tensor]]
    context: tuple[Tensor, ...] | None = None


def image_of(frame: Tensor | Prepared) -> Tensor:
    """The frame itself, ``(B, 3, H, W)``."""
    return frame.image if isinstance(frame, Prepared) else frame


@dataclass(frozen=True)
class Estimate:
    """What is known of the new frame after one block, at the resolution where it is kept.

    Attributes:
        flow: ``(B, 4, H, W)`` pixels, (x, y) toward frame 0 then toward frame 1.
        mask_logit: ``(B, 1, H, W)``; its sigmoid is the weight of frame 0.
        warped0: frame 0 ``(B, 3, H, W)`` warped by the flow.
        warped1: frame 1, likewise.
        level: all of it has 1 / level of the frames' resolution.
        features: ``(B, C, H, W)``, what the block passes on to the next.
    """

    flow: Tensor
    mask_logit: Tensor
    warped0: Tensor
    warped1: Tensor
    level: float = 1
    features: Tensor | None = None

    @classmethod
    def of(
        cls,
        frames: tuple[Tensor, Tensor],
        flow: Tensor,
        mask_logit: Tensor,
        level: float = 1,
        features: Tensor | None = None,
    ) -> "Estimate":
        """Warps both frames ``(B, 3, H, W)``, which have the flow's resolution."""
        warped0, warped1 = warp(frames[0], flow[:, :2]), warp(frames[1], flow[:, 2:])
        return cls(flow, mask_logit, warped0, warped1, level, features)

    @property
    def mask(self) -> Tensor:
        """The weight of frame 0, ``(B, 1, H, W)`` in [0, 1]."""
        return torch.sigmoid(self.mask_logit)

    @property
    def merged(self) -> Tensor:
        """Both warped frames fused by the mask, ``(B, 3, H, W)``."""
        # Not w0 * m + w1 * (1 - m): rounded to bfloat16, the two weights do not sum to 1.
        # In place: each new tensor of this size costs as much as what is computed into it.
        return (self.warped0 - self.warped1).mul_(self.mask).add_(self.warped1)

    def at_frames(self, img0: Tensor, img1: Tensor) -> "Estimate":
        """The same estimate at the resolution of the frames ``(B, 3, H, W)``."""
        if self.level == 1:
            return self
        flow, mask = resize_flow(self.flow, self.level), resize(self.mask_logit, self.level)
        return Estimate.of((img0, img1), flow, mask)


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
