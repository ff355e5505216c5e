"""Frames and what noise makes of them."""

import torch
import torch.nn.functional as F


def frames(count: int = 3, height: int = 24, width: int = 37, noise: float = 0.05):
    """Smooth random images and noisy copies, each image noisier than the one before."""
    generator = torch.Generator().manual_seed(5)
    coarse = torch.rand(count, 3, 6, 7, generator=generator)
    target = F.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)
    strength = noise * torch.arange(1, count + 1).view(-1, 1, 1, 1)
    pred = target + strength * torch.randn(target.shape, generator=generator)
    return pred.clamp(0, 1), target
