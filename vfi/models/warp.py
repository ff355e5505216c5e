"""Backward warping by optical flow, resizing, and putting channels together."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Samples ``image`` where ``flow`` points: ``out[y, x] = image[y + flow_y, x + flow_x]``.

    Bilinear; outside the image the nearest border pixel counts, as in the authors'
    ``model/warplayer.py``. Positions are computed in at least float32, whatever the precision of
    the network: bfloat16 cannot tell neighbouring pixels of a wide frame apart.

    Args:
        image: ``(B, C, H, W)``.
        flow: ``(B, 2, H, W)`` displacements (x, y) in pixels.

    Returns:
        ``(B, C, H, W)``, float32 (float64 if an input is).
    """
    height, width = image.shape[-2:]
    dtype = torch.promote_types(torch.promote_types(image.dtype, flow.dtype), torch.float32)
    flow = flow.to(dtype)
    xs = torch.linspace(-1, 1, width, dtype=dtype, device=flow.device)
    ys = torch.linspace(-1, 1, height, dtype=dtype, device=flow.device).unsqueeze(1)
    grid_x = xs + flow[:, 0] * (2 / max(width - 1, 1))
    grid_y = ys + flow[:, 1] * (2 / max(height - 1, 1))
    grid = torch.stack((grid_x, grid_y), dim=-1)
    return F.grid_sample(
        image.to(dtype), grid, mode="bilinear", padding_mode="border", align_corners=True
    )


def resize(image: Tensor, factor: float) -> Tensor:
    """Bilinear resize of ``(B, C, H, W)`` by ``factor``; a factor of 1 returns the input itself."""
    if factor == 1:
        return image
    return F.interpolate(
        image,
        scale_factor=factor,
        mode="bilinear",
        align_corners=False,
        recompute_scale_factor=False,
    )


def resize_flow(flow: Tensor, factor: float) -> Tensor:
    """Resizes ``(B, C, H, W)`` displacements, which are in pixels and so grow with the frame."""
    return flow if factor == 1 else resize(flow, factor) * factor


def concatenate(parts: Sequence[Tensor]) -> Tensor:
    """Puts the channels of ``(B, C, H, W)`` tensors behind each other.

    In channels_last if a part is: `torch.cat` makes mixed layouts contiguous, and the convolution
    that reads the result turns it back.
    """
    if any(part.stride(1) == 1 != part.shape[1] for part in parts):
        return torch.cat([part.movedim(1, 3) for part in parts], 3).movedim(3, 1)
    return torch.cat(parts, 1)
