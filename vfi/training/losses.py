"""Training losses: reconstruction of a frame, and distillation from a teacher.

Frames are ``(B, 3, H, W)`` in [0, 1], flows ``(B, 4, H, W)`` in pixels. Each loss is a mean, a
scalar in at least float32 also under autocast, and is differentiable everywhere: where a student
equals its teacher, the norm's gradient is 0 and not NaN.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from vfi.models import RIFEOutput

TEACHER_MARGIN = 0.01
"""How much better than a block the paper's teacher must be at a pixel for its flow to be taught."""


def charbonnier_loss(pred: Tensor, target: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Mean of ``sqrt(difference² + epsilon²)``: L1, smooth around 0.

    Args:
        pred: any shape.
        target: the same shape.
        epsilon: the value at 0, in units of the input.
    """
    difference = _difference(pred, target)
    return (difference.square() + epsilon**2).sqrt().mean()


def psnr_loss(pred: Tensor, target: Tensor, epsilon: float = 1e-5) -> Tensor:
    """Mean over the images of ``10 log10(1 + MSE / epsilon)``: what an image lacks to be perfect.

    In dB, and minus the benchmark's PSNR but for a constant.

    An error counts for more in an image that has few, as in the figure, and unlike in a mean of
    absolute differences, which is ruled by the worst images. Used to train restoration networks by
    Chen et al., HINet (CVPR workshops 2021).

    Args:
        pred: ``(B, C, H, W)`` in [0, 1].
        target: the same shape.
        epsilon: a mean squared error far below this counts as none; 1e-5 is 50 dB.
    """
    mse = _difference(pred, target).square().flatten(1).mean(1)
    return 10 * (1 + mse / epsilon).log10().mean()


def laplacian_loss(pred: Tensor, target: Tensor, levels: int = 5) -> Tensor:
    """The sum over octaves of the mean absolute difference of the Laplacian pyramids' bands.

    RIFE's reconstruction loss: a 5x5 binomial filter, reflect padding, every second pixel kept,
    zeros put in between on the way back. The low-pass image that is left after ``levels`` bands is
    not compared, so a constant offset costs nothing: add another loss if brightness may drift.

    kornia's pyramid resizes bilinearly in both directions, which is another number (0.466 for
    0.432), hence this one. The pyramid is linear, so it is built once, of the difference.

    Args:
        pred: ``(B, C, H, W)``.
        target: the same shape.
        levels: bands to compare, 1 or more.

    Raises:
        ValueError: if the shapes differ, or the frames are too small for so many levels.
    """
    octave = _difference(pred, target)
    if levels < 1 or (min(pred.shape[-2:]) - 1) >> (levels - 1) < 2:
        raise ValueError(
            f"a Laplacian pyramid of {levels} levels needs at least 1 level and a height and "
            f"width above {2 << max(levels - 1, 0)}, got {tuple(pred.shape)}"
        )
    total = octave.new_zeros(())
    with torch.autocast(pred.device.type, enabled=False):
        for _ in range(levels):
            low = _reduce(octave)
            height, width = octave.shape[-2:]
            total = total + (octave - _expand(low)[..., :height, :width]).abs().mean()
            octave = low
    return total


def privileged_distillation(
    output: RIFEOutput, gt: Tensor, margin: float = TEACHER_MARGIN
) -> Tensor:
    """The paper's distillation: blocks follow the flow of the teacher block that saw the truth.

    Per block, the root mean square over the 4 flow channels, counted where the teacher's merged
    frame is closer to the truth than the block's by more than ``margin``; summed over blocks. The
    teacher's flow is detached: it learns from its own reconstruction loss.

    Args:
        output: of a forward pass that was given ``gt``.
        gt: the true frame ``(B, 3, H, W)``.
        margin: mean absolute difference over the channels, in [0, 1].

    Raises:
        ValueError: if the output has no teacher.
    """
    if output.teacher_flow is None or output.teacher_merged is None:
        raise ValueError(
            "the output has no teacher: the network needs its teacher block and the forward pass "
            "the true frame (gt)"
        )
    teacher_error = _pixel_error(output.teacher_merged, gt)
    total = gt.new_zeros((), dtype=teacher_error.dtype)
    for flow, merged in zip(output.flows, output.merged, strict=True):
        better = (_pixel_error(merged, gt) > teacher_error + margin).detach()
        distance = _difference(flow, output.teacher_flow.detach())
        # A norm, not a power of 0.5: its gradient at 0 is 0.
        rms = torch.linalg.vector_norm(distance, dim=1, keepdim=True) / distance.shape[1] ** 0.5
        total = total + (rms * better).mean()
    return total


def dense_distillation(
    student: RIFEOutput, teacher: RIFEOutput, gt: Tensor, margin: float = 0.0
) -> dict[str, Tensor]:
    """What a pruned network can learn from the dense one it was cut from, as separate terms.

    Args:
        student: the pruned network's output.
        teacher: the dense network's for the same frames; never differentiated through.
        gt: the true frame ``(B, 3, H, W)``.
        margin: how much closer to the truth the teacher's merged frame must be, per pixel.

    Returns:
        ``frame``: mean absolute difference of the final frames.
        ``merged``: the same of the blocks' merged frames, averaged over blocks.
        ``flow``: end-point error in pixels between flows of the same block, counted only where the
        teacher's block is closer to the truth, averaged over blocks.

    Raises:
        ValueError: if the two have different numbers of blocks.
    """
    if len(student.flows) != len(teacher.flows):
        raise ValueError(
            f"the student has {len(student.flows)} blocks and the teacher {len(teacher.flows)}; "
            "distil from a network of the same variant"
        )
    frame = _difference(student.frame, teacher.frame.detach()).abs().mean()
    merged, flow = [], []
    blocks = zip(student.flows, student.merged, teacher.flows, teacher.merged, strict=True)
    for student_flow, student_merged, teacher_flow, teacher_merged in blocks:
        taught = teacher_merged.detach()
        merged.append(_difference(student_merged, taught).abs().mean())
        better = (_pixel_error(student_merged, gt) > _pixel_error(taught, gt) + margin).detach()
        distance = _difference(student_flow, teacher_flow.detach())
        flow.append((_end_point_error(distance) * better).mean())
    return {"frame": frame, "merged": _mean(merged), "flow": _mean(flow)}


def _difference(a: Tensor, b: Tensor) -> Tensor:
    """``a - b`` in at least float32; shapes must be equal, as broadcasting would hide an error."""
    if a.shape != b.shape:
        raise ValueError(f"shapes must be equal, got {tuple(a.shape)} and {tuple(b.shape)}")
    dtype = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)
    return a.to(dtype) - b.to(dtype)


def _pixel_error(frame: Tensor, gt: Tensor) -> Tensor:
    """Mean absolute difference over the channels, ``(B, 1, H, W)``."""
    return _difference(frame, gt).abs().mean(1, keepdim=True)


def _end_point_error(distance: Tensor) -> Tensor:
    """Length of both flow vectors in ``(B, 4, H, W)``, averaged: ``(B, 1, H, W)``."""
    vectors = distance.unflatten(1, (-1, 2))
    return torch.linalg.vector_norm(vectors, dim=2).mean(1, keepdim=True)


def _mean(terms: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(terms)).mean()


def _binomial(like: Tensor) -> Tensor:
    """The 5x5 binomial filter, one for each channel: ``(C, 1, 5, 5)``, summing to 1."""
    row = torch.tensor([1, 4, 6, 4, 1], dtype=like.dtype, device=like.device) / 16
    return torch.outer(row, row).expand(like.shape[1], 1, 5, 5)


def _reduce(x: Tensor) -> Tensor:
    """``(B, C, H, W)`` blurred with reflected borders, every second row and column of it."""
    padded = F.pad(x, (2, 2, 2, 2), mode="reflect")
    return F.conv2d(padded, _binomial(x), stride=2, groups=x.shape[1])


def _expand(x: Tensor) -> Tensor:
    """``(B, C, H, W)`` to ``(B, C, 2H, 2W)``: zeros put in between, blurred, times 4."""
    # Reflecting the image with its zeros is reflecting x on one side and repeating it on the other.
    padded = F.pad(F.pad(x, (1, 0, 1, 0), mode="reflect"), (0, 1, 0, 1), mode="replicate")
    return F.conv_transpose2d(
        padded, 4 * _binomial(x), stride=2, padding=4, output_padding=1, groups=x.shape[1]
    )
