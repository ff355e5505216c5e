"""Backward warping of images to phases, and of features at their own resolution."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import override

from vfi.runtime.lean_rewrites import PHASES


def _positions(height: int, width: int) -> Tensor:
    """Where every pixel is, ``(height, width, 2)``: (x, y) from -1 to 1."""
    ys, xs = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
    return torch.stack(torch.meshgrid(ys, xs, indexing="ij")[::-1], -1)


def _step(height: int, width: int) -> Tensor:
    """A pixel in these units, (x, y)."""
    return torch.tensor([2 / max(width - 1, 1), 2 / max(height - 1, 1)])


def _sample(images: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=True)


class _Grid(nn.Module):
    base: Tensor
    step: Tensor


class WarpToPhases(_Grid):
    """Both frames at one size, sampled where the flow in phases points.

    Args:
        height: of the frames as they come, in pixels; even.
        width: likewise.
    """

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height // 2, width // 2
        grid = _positions(height, width).reshape(self.height, 2, self.width, 2, 2)
        grid = grid.permute(1, 3, 4, 0, 2).reshape(1, 2 * PHASES, self.height, self.width)
        self.register_buffer("base", grid.repeat(1, 2, 1, 1).contiguous())
        step = _step(height, width).repeat(2 * PHASES)
        self.register_buffer("step", step.reshape(1, -1, 1, 1))

    @override
    def forward(self, frames: Tensor, flow: Tensor) -> Tensor:
        """``(2, 3, H, W)`` frames, ``(1, 16, H / 2, W / 2)`` flow in `FLOW_ORDER`, in pixels.

        Returns:
            ``(1, 24, H / 2, W / 2)``: frame 0's three colours, then frame 1's, in phases.
        """
        height, width = self.height, self.width
        # Added before the permutation: with (x, y) innermost, arithmetic is slow.
        grid = (flow * self.step + self.base).permute(0, 2, 3, 1)
        grid = grid.reshape(height * width, 2, PHASES, 2).permute(1, 2, 0, 3)
        # One phase below the other: what comes out is the tensor in phases itself.
        grid = grid.reshape(2, PHASES * height, width, 2)
        return _sample(frames, grid).reshape(1, 6 * PHASES, height, width)


class WarpToSquares(_Grid):
    """Both frames, sampled where the flow in squares points.

    Args:
        height: of the frames, in pixels.
        width: likewise.
        side: of a square, in pixels.
    """

    def __init__(self, height: int, width: int, side: int) -> None:
        super().__init__()
        grid = _positions(height, width).reshape(height // side, side, width // side, side, 2)
        grid = grid.permute(1, 3, 4, 0, 2).reshape(1, 2 * side**2, height // side, width // side)
        self.register_buffer("base", grid.contiguous())
        self.register_buffer("step", _step(height, width).repeat(side**2).reshape(1, -1, 1, 1))

    @override
    def forward(self, frames: Tensor, flow: Tensor) -> Tensor:
        """``(2, 3, H, W)`` frames, ``(2, 2 * side**2, H / side, W / side)`` flow in pixels.

        Returns:
            ``(2, 3, H / side, W * side)``: the pixels of a square side by side.
        """
        grid = (flow * self.step + self.base).permute(0, 2, 3, 1)
        return _sample(frames, grid.reshape(2, grid.shape[1], -1, 2))


class WarpFeatures(_Grid):
    """Both frames' features, sampled where the flow points; ``height`` x ``width`` pixels."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width
        base = _positions(height, width).permute(2, 0, 1)[None]
        self.register_buffer("base", base.repeat(1, 2, 1, 1).contiguous())
        self.register_buffer("step", _step(height, width).repeat(2).reshape(1, 4, 1, 1))

    @override
    def forward(self, features: Tensor, flow: Tensor) -> Tensor:
        """``(2, C, H, W)`` features, ``(1, 4, H, W)`` flow in pixels -> ``(1, 2 * C, H, W)``."""
        pixels = self.height * self.width
        grid = (flow * self.step + self.base).permute(0, 2, 3, 1).reshape(pixels, 2, 2)
        grid = grid.permute(1, 0, 2).reshape(2, self.height, self.width, 2)
        return _sample(features, grid).reshape(1, -1, self.height, self.width)


def planar(features: Tensor) -> Tensor:
    """The same tensor by way of channels-last: so OpenVINO transposes it with its fast kernel."""
    batch, channels, height, width = features.shape
    rows = features.permute(0, 2, 3, 1).reshape(batch, height * width, channels)
    return rows.permute(0, 2, 1).reshape(batch, channels, height, width)


def side_by_side(frames: Tensor) -> Tensor:
    """Both frames ``(2, 3, H, W)`` -> ``(1, 6, H, W)``."""
    return frames.reshape(1, 6, *frames.shape[-2:])
