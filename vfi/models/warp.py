"""Backward warping by optical flow, resizing, and putting channels together."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_FEW = 16  # channels: enlarging so many takes torch's kernel twice as long where they lie last


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
    right, bottom = max(width - 1, 1), max(height - 1, 1)
    # Evenly from -1 to 1; torch.linspace does the same, but is exported with a fixed size.
    xs = torch.arange(1 - width, width, 2, dtype=dtype, device=flow.device) / right
    ys = torch.arange(1 - height, height, 2, dtype=dtype, device=flow.device) / bottom
    grid_x = xs + flow[:, 0] * (2 / right)
    grid_y = ys.unsqueeze(1) + flow[:, 1] * (2 / bottom)
    grid = torch.stack((grid_x, grid_y), dim=-1)
    return F.grid_sample(
        image.to(dtype), grid, mode="bilinear", padding_mode="border", align_corners=True
    )


def resize(image: Tensor, factor: float) -> Tensor:
    """Bilinear resize of ``(B, C, H, W)`` by ``factor``; a factor of 1 returns the input itself.

    ``factor`` is a whole number or 1 / n of one, rows and columns multiples of n: sizes then stay
    whole numbers, which exported and traced networks can compute for any frame.
    """
    if factor == 1:
        return image
    up, down = max(round(factor), 1), max(round(1 / factor), 1)
    size = [side * up // down for side in image.shape[-2:]]
    if factor > 1 and image.shape[1] < _FEW:
        image = image.contiguous()
    return F.interpolate(image, size=size, mode="bilinear", align_corners=False)


def resize_flow(flow: Tensor, factor: float) -> Tensor:
    """Resizes ``(B, C, H, W)`` displacements, which are in pixels and so grow with the frame."""
    if factor == 1:
        return flow
    # Where there are fewer pixels; the same bits, as factors are powers of two.
    return resize(flow * factor, factor) if factor > 1 else resize(flow, factor) * factor


def concatenate(parts: Sequence[Tensor], reader: nn.Module) -> Tensor:
    """Puts the channels of ``(B, C, H, W)`` tensors behind each other.

    In channels_last if the weights of ``reader``, the module that reads the result, are:
    `torch.cat` makes mixed layouts contiguous, and a convolution turns what is not in its own.
    """
    weight = next(reader.parameters())
    last = weight.ndim == 4 and weight.is_contiguous(memory_format=torch.channels_last)
    if last and not weight.is_contiguous():
        return torch.cat([part.movedim(1, 3) for part in parts], 3).movedim(3, 1)
    return torch.cat(list(parts), 1)
