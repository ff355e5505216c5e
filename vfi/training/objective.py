"""What training minimises: a weighted sum of terms; a configuration can switch each off."""

import math
from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor

from vfi.models import RIFEOutput
from vfi.training import losses


@dataclass(frozen=True)
class Objective:
    """Weights of the loss terms; a term of weight 0 is not computed.

    Attributes:
        laplacian: Laplacian pyramid of the frame against the truth, the paper's reconstruction
            loss.
        charbonnier: smooth L1 of the frame against the truth; it alone sees constant offsets.
        psnr: what the PSNR of each frame lacks to 50 dB; in dB, so 0.01 is much.
        deep: smooth L1 of every block's merged frame against the truth, averaged over blocks.
        teacher: smooth L1 of the privileged teacher block's merged frame against the truth.
        privileged: the paper's distillation of the teacher block's flow into the others.
        dense_frame: L1 of the frame against the dense network's.
        dense_merged: L1 of the blocks' merged frames against the dense network's.
        dense_flow: end-point error in pixels to the dense network's flows, where those are better.

    Raises:
        ValueError: if one is negative or not finite, or all are 0.
    """

    laplacian: float = 1.0
    charbonnier: float = 1.0
    psnr: float = 0.0
    deep: float = 0.1
    teacher: float = 0.0
    privileged: float = 0.0
    dense_frame: float = 0.0
    dense_merged: float = 0.0
    dense_flow: float = 0.0

    def __post_init__(self) -> None:
        weights = {field.name: getattr(self, field.name) for field in fields(self)}
        wrong = {name: weight for name, weight in weights.items() if not 0 <= weight < math.inf}
        if wrong:
            raise ValueError(f"loss weights must not be negative, and finite; got {wrong}")
        if not any(weights.values()):
            raise ValueError("all loss weights are 0; at least one term must count")

    @property
    def needs_dense(self) -> bool:
        """Whether a dense network must run beside the trained one."""
        return bool(self.dense_frame or self.dense_merged or self.dense_flow)

    @property
    def needs_teacher(self) -> bool:
        """Whether the network must have its privileged teacher block."""
        return bool(self.teacher or self.privileged)

    def __call__(
        self, output: RIFEOutput, gt: Tensor, dense: RIFEOutput | None = None
    ) -> dict[str, Tensor]:
        """The weighted terms by name; the loss is their sum.

        Args:
            output: of the network in training; given ``gt`` where `needs_teacher`.
            gt: the true frame ``(B, 3, H, W)`` in [0, 1].
            dense: the dense network's output for the same frames, where `needs_dense`.
        """
        terms: dict[str, Any] = {}
        if self.laplacian:
            terms["laplacian"] = losses.laplacian_loss(output.frame, gt)
        if self.charbonnier:
            terms["charbonnier"] = losses.charbonnier_loss(output.frame, gt)
        if self.psnr:
            terms["psnr"] = losses.psnr_loss(output.frame, gt)
        if self.deep:
            merged = [losses.charbonnier_loss(frame, gt) for frame in output.merged]
            terms["deep"] = sum(merged) / len(merged)
        if self.teacher and output.teacher_merged is not None:
            terms["teacher"] = losses.charbonnier_loss(output.teacher_merged, gt)
        if self.privileged:
            terms["privileged"] = losses.privileged_distillation(output, gt)
        if self.needs_dense and dense is not None:
            distilled = losses.dense_distillation(output, dense, gt)
            terms |= {f"dense_{name}": term for name, term in distilled.items()}
        return {n: getattr(self, n) * t for n, t in terms.items() if getattr(self, n)}
