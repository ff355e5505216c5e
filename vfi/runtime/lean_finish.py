"""The end of the lean form where the last block works at a lower resolution than the frames."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from typing_extensions import override

from vfi.runtime.lean_rewrites import (
    convolution,
    enlarging_to_squares,
    from_squares,
    replicated,
    shrinking_squares,
)
from vfi.runtime.lean_sampling import WarpToSquares


class ToSquares(nn.Module):
    """Signals that are apart, enlarged to squares: ``(signals, 1, H, W)`` by default.

    The result ``(signals, 1, H, W * factor**2)`` has a square's pixels side by side.
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.conv = convolution(enlarging_to_squares(factor))

    @override
    def forward(self, planes: Tensor) -> Tensor:
        squares = self.conv(replicated(planes)).permute(0, 2, 3, 1)
        return squares.reshape(planes.shape[0], 1, planes.shape[2], -1)


class Finish(nn.Module):
    """The new frame from flow and mask at ``1 / side`` of its resolution.

    Every pixel of those becomes a square, whose pixels stay side by side until the frame is done:
    the grid that the frames are sampled with needs no transposition then.

    Args:
        height: of the frames, in pixels.
        width: likewise.
        side: of a square.
        scale: of the refine stage; its resolution is not above the frames' nor below the flow's.
    """

    def __init__(self, height: int, width: int, side: int, scale: int) -> None:
        super().__init__()
        self.side, self.scale = side, scale
        self.flow = convolution(enlarging_to_squares(side, 2, side))
        self.mask = ToSquares(side)
        self.warp = WarpToSquares(height, width, side)
        self.shrink = shrinking_squares(side, scale)
        self.residual = ToSquares(scale)

    @override
    def forward(
        self,
        frames: Tensor,
        flow: Tensor,
        mask: Tensor,
        refine: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """The frame ``(1, 3, H, W)``.

        Args:
            frames: both, ``(2, 3, H, W)``.
            flow: ``(1, 4, H / side, W / side)``, pixels of that resolution.
            mask: ``(1, 1, H / side, W / side)``, a logit.
            refine: what is to be added, ``(1, 3, h, w)`` at the refine stage's resolution, of the
                warped frames ``(1, 6, h, w)``.
        """
        flows = self.flow(replicated(flow.reshape(2, 2, *flow.shape[-2:])))
        warped = self.warp(frames, flows)
        first, second = warped.split(1)
        merged = second + (first - second) * torch.sigmoid(self.mask(mask))
        if refine is None:
            return from_squares(merged, self.side)
        residual = refine(self._shrunk(warped))
        residual = self.residual(residual.transpose(0, 1)).transpose(0, 1)
        if self.scale == self.side:
            return from_squares((merged + residual).clamp(0, 1), self.side)
        residual = from_squares(residual, self.scale)
        return (from_squares(merged, self.side) + residual).clamp(0, 1)

    def _shrunk(self, warped: Tensor) -> Tensor:
        height, width = warped.shape[-2:]
        parts = self.shrink(warped.reshape(6, 1, height, width)).permute(0, 2, 3, 1)
        return from_squares(parts.reshape(1, 6, height, -1), self.side // self.scale)
