"""What stands still stays: text, logos and displays over a moving picture.

A network that sees a background move drags what stands before it along. A pixel that is the same in
both frames, as are its neighbours, is therefore kept within a few levels of them, unless something
may have passed over it in between: a ball that lies to its left in one frame and to its right in
the other. Such a thing leaves change on two opposite sides, no farther than things go, and goes
before a background that is still for the most part and hangs together. Letters before a moving
background have change on opposite sides too, but are islands, or most of their surrounding moves.
Elsewhere, along bars and the borders of displays for one, change lies on one side only, and nothing
can have passed.
"""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

_STILL, _NOISY = 2 / 255, 3.6 / 255
"""Mean changes of 3x3 pixels that are noise, in a clean and in the worst video."""
_ABOVE_NOISE = 1.6
"""What is this many times as strong as noise is motion."""
_QUIET_PART = 0.2
_MOST = 16 / 255
"""A change of one pixel that is no noise."""
_SLACK = 3 / 255
"""By how much a new frame may leave the range of the two: noise is not frozen."""
_WAY, _SURROUNDING = 10, 8
"""Farthest way that is believed, to each side, and reach of the surrounding: parts of the shorter
side."""
_MOSTLY_MOVING, _MOSTLY_STILL = 0.4, 0.55
_ISLAND = 0.08
"""Part of the picture: still regions that are smaller stand before what moves around them."""
_CRUMB, _CRUMBS = 7, 0.25
"""Where fewer of the pixels around stray than this part, no thing is that would be worth it."""
_CONTRAST, _AROUND = 24 / 255, 11
_LEAST_SEEN, _WELL_SEEN = 0.12, 0.25
_LARGE, _EDGED = 0.002, 0.2
"""An island of that part of the picture and more stands still if that part of it is seen to."""
_CELL = 8
_DIRECTIONS = ((1, 0), (2, 1), (1, 1), (1, 2), (0, 1), (-1, 2), (-1, 1), (-2, 1))


def hold_still(made: Tensor, img0: Tensor, img1: Tensor) -> Tensor:
    """New frames with what stands still put back.

    Args:
        made: ``(B, 3, H, W)`` frames between ``img0`` and ``img1``.
        img0: ``(B, 3, H, W)`` the frames before, in [0, 1].
        img1: ``(B, 3, H, W)`` the frames after.

    Returns:
        ``(B, 3, H, W)``; ``made`` itself where nothing is to be done.
    """
    low, high = torch.minimum(img0, img1), torch.maximum(img0, img1)
    held = made.clamp(low - _SLACK, high + _SLACK)
    change = high - low
    moves = change.amax(1, keepdim=True) > _MOST
    around = F.avg_pool2d(change.mean(1, keepdim=True), 3, 1, 1, count_include_pad=False)
    noise = _noise(around)
    still = ((_ABOVE_NOISE - around / noise) / (_ABOVE_NOISE - 1)).clamp_(0, 1)
    still *= F.max_pool2d(moves.float(), 3, 1, 1) == 0
    strays = ((made - held).abs().amax(1, keepdim=True) > _SLACK) & (still > 0)
    if not strays.any():
        return made
    contrast = torch.minimum(_contrast(img0), _contrast(img1)).amax(1, keepdim=True)
    seen = (still > 0) & (contrast > _CONTRAST)
    return torch.lerp(made, held, still * _certainty(moves, still, strays, seen))


def _anchored(still: Tensor, seen: Tensor) -> Tensor:
    """``(B, 1, H, W)`` in [0, 1]: how much of what stands still around a pixel is seen to."""
    sums = (F.avg_pool2d(x, _AROUND, 1, _AROUND // 2) for x in (still * seen, still))
    share = next(sums) / next(sums).clamp_(min=1e-6)
    return ((share - _LEAST_SEEN) / (_WELL_SEEN - _LEAST_SEEN)).clamp_(0, 1)


def _contrast(image: Tensor) -> Tensor:
    """``(B, 6, H, W)`` how far pixels up to two away are darker, and brighter, in each colour."""
    darker, brighter = (F.max_pool2d(sign * image, 5, 1, 2) - sign * image for sign in (-1, 1))
    return torch.cat([darker, brighter], 1)


def _noise(around: Tensor) -> Tensor:
    """``(B, 1, 1, 1)`` the change that is noise, by the quietest part of each picture."""
    sample = around[..., ::4, ::4].flatten(1).float()
    quiet = sample.kthvalue(max(int(_QUIET_PART * sample.shape[1]), 1), dim=1).values
    return (_ABOVE_NOISE * quiet).clamp_(_STILL, _NOISY).view(-1, 1, 1, 1)


def _certainty(moves: Tensor, still: Tensor, strays: Tensor, seen: Tensor) -> Tensor:
    """How sure it is that nothing passed over a still pixel.

    Args:
        moves: ``(B, 1, H, W)`` pixels that change.
        still: ``(B, 1, H, W)`` how still pixels stand among others that do.
        strays: ``(B, 1, H, W)`` still pixels that were made to look otherwise.
        seen: ``(B, 1, H, W)`` still pixels that are seen to be: they have contrast, and that in
            both frames. Flat areas look the same wherever they move; so does what a thin thing
            moves across.

    Returns:
        ``(B, 1, H, W)`` in [0, 1].
    """
    height, width = still.shape[-2:]
    side = min(height, width)
    share = F.avg_pool2d((still > 0).float(), _CELL, ceil_mode=True, count_include_pad=False)
    reach = max(side // _SURROUNDING // _CELL, 1)
    share = F.avg_pool2d(share, 2 * reach + 1, 1, reach, count_include_pad=False)
    overlaid = ((_MOSTLY_STILL - share) / (_MOSTLY_STILL - _MOSTLY_MOVING)).clamp_(0, 1)
    overlaid = F.interpolate(overlaid, scale_factor=_CELL, mode="bilinear")[..., :height, :width]
    crumbs = F.avg_pool2d(strays.float(), _CRUMB, 1, _CRUMB // 2) < _CRUMBS
    islands, anchored_islands = _islands(still > 0, seen)
    sure = torch.maximum(overlaid, (crumbs | islands).float()) * _anchored(still, seen)
    free = anchored_islands | ~_between(moves, max(side // _WAY, 1))
    return torch.maximum(sure, free.float())


def _islands(still: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Which still regions hang together and are small, and which of them are well seen to be still.

    Args:
        still: ``(B, 1, H, W)``.
        seen: ``(B, 1, H, W)`` see `_certainty`.

    Returns:
        Two ``(B, 1, H, W)``.
    """
    small, seen_well = np.zeros(still.shape, bool), np.zeros(still.shape, bool)
    masks, all_marks = still[:, 0].cpu().numpy(), seen[:, 0].cpu().numpy()
    for k, (mask, marks) in enumerate(zip(masks, all_marks, strict=True)):
        _, labels, stats, _ = cv2.connectedComponentsWithStats(
            mask.astype(np.uint8), connectivity=4
        )
        areas = stats[:, cv2.CC_STAT_AREA]
        island = areas < _ISLAND * mask.size
        island[0] = False  # what moves
        marked = np.bincount(labels[marks], minlength=len(areas))
        large = areas >= _LARGE * mask.size
        small[k, 0] = island[labels]
        seen_well[k, 0] = (island & large & (marked > _EDGED * areas))[labels]
    return torch.from_numpy(small).to(still.device), torch.from_numpy(seen_well).to(still.device)


def _between(moves: Tensor, reach: int) -> Tensor:
    """``(B, 1, H, W)`` whether motion lies on two opposite sides, within ``reach`` pixels each.

    Looked for in 16 directions at half the size.
    """
    height, width = moves.shape[-2:]
    half = F.max_pool2d(moves.float(), 2, ceil_mode=True) > 0
    found = torch.zeros_like(half)
    for x, y in _DIRECTIONS:
        steps = max(reach // 2 // max(abs(x), abs(y)), 1)
        found |= _seen(half, x, y, steps) & _seen(half, -x, -y, steps)
    return found.repeat_interleave(2, -2).repeat_interleave(2, -1)[..., :height, :width]


def _seen(mask: Tensor, x: int, y: int, steps: int) -> Tensor:
    """Whether ``mask`` holds anywhere from one to ``steps`` times (x, y) away."""
    seen, done = _moved(mask, x, y), 1
    while done < steps:
        more = min(done, steps - done)
        seen = seen | _moved(seen, more * x, more * y)
        done += more
    return seen


def _moved(mask: Tensor, x: int, y: int) -> Tensor:
    """``mask`` at (+x, +y) of each place; False beyond the borders."""
    height, width = mask.shape[-2:]
    moved = torch.zeros_like(mask)
    if abs(x) < width and abs(y) < height:
        rows, columns = slice(max(-y, 0), height - max(y, 0)), slice(max(-x, 0), width - max(x, 0))
        from_rows = slice(max(y, 0), height + min(y, 0))
        from_columns = slice(max(x, 0), width + min(x, 0))
        moved[..., rows, columns] = mask[..., from_rows, from_columns]
    return moved
