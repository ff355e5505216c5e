"""Turning frames the right way up."""

from fractions import Fraction

import numpy as np
import torch
from torch import Tensor


def upright(rgb: Tensor, matrix: tuple[int, ...]) -> Tensor:
    """Turns ``(3, H, W)`` as a display matrix tells players to, by quarter turns and mirrors.

    The matrix maps a stored (x, y) to (a x + c y, b x + d y); its numbers a, b, c, d are at 0, 1, 3
    and 4.
    """
    a, b, c, d = (matrix[k] for k in (0, 1, 3, 4))
    if abs(b) > abs(a):
        rgb = rgb.transpose(-2, -1)
        mirror_x, mirror_y = c < 0, b < 0
    else:
        mirror_x, mirror_y = a < 0, d < 0
    axes = [axis for axis, mirror in ((-1, mirror_x), (-2, mirror_y)) if mirror]
    return rgb.flip(axes) if axes else rgb


def askew(turn: tuple[int, ...] | None) -> list[str]:
    """A line on what remains where frames are turned by quarters, if anything does."""
    if turn is None or 0 in (turn[0], turn[1]):
        return []
    return ["frames are turned by quarters only, not as askew as players are told to show them"]


def upright_size(width: int, height: int, turn: tuple[int, ...] | None) -> tuple[int, int]:
    """The (width, height) of frames once turned."""
    turned = turn is not None and abs(turn[1]) > abs(turn[0])
    return (height, width) if turned else (width, height)


def as_shown(rgb: Tensor, turn: tuple[int, ...] | None) -> np.ndarray:
    """``(3, H, W)`` in [0, 1] as ``(H, W, 3)`` 8-bit RGB, the right way up."""
    rgb = upright(rgb, turn) if turn else rgb
    return rgb.mul(255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def motion_as_shown(motion: Tensor, turn: tuple[int, ...] | None) -> Tensor:
    """Motion ``(2, H, W)``, (x, y) in pixels, as the picture moves once it is turned."""
    if not turn:
        return motion
    a, b, c, d = (turn[k] / 65536 for k in (0, 1, 3, 4))
    x, y = motion
    return upright(torch.stack([a * x + c * y, b * x + d * y]), turn)


def upright_aspect(aspect: Fraction | None, turn: tuple[int, ...] | None) -> Fraction | None:
    """The width of a pixel over its height once turned, None if it is not said."""
    turned = upright_size(0, 1, turn) == (1, 0)
    return 1 / aspect if turned and aspect else aspect
