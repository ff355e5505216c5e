"""What `Augment` does to triplets, done to whole batches on the device that trains, by kornia."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vfi.data.augment import Augment, Draw, keyed_rng

_FRAMES = ("img0", "gt", "img1")
_KEY = 0xD0  # tells these draws from a loader's


def varied(
    batch: Mapping[str, Any], augment: Augment, seed: int = 0, epoch: int = 0
) -> dict[str, Any]:
    """The batch, each triplet varied by a draw of its own.

    A draw depends on (seed, epoch, the triplet's id) alone, as in a loader: neither the batch nor
    the process that a triplet is in changes it.

    Args:
        batch: ``img0``, ``gt``, ``img1``: ``(B, 3, S, S)`` in [0, 1], and ``id``.
        augment: what is varied; cropping is done before.
        seed: of the training.
        epoch: its number.
    """
    size = tuple(batch["gt"].shape[-2:])
    rngs = [keyed_rng(seed, epoch, zlib.crc32(name.encode()), _KEY) for name in batch["id"]]
    draws = [augment.draw(rng, size) for rng in rngs]
    frames = torch.stack([batch[key] for key in _FRAMES], 1)
    img0, gt, img1 = apply(frames, draws).unbind(1)
    return {**batch, "img0": img0, "gt": gt, "img1": img1}


def apply(frames: Tensor, draws: Sequence[Draw]) -> Tensor:
    """Triplets ``(B, 3 frames, 3, S, S)`` in [0, 1], varied; they stay in the steps of 8 bits."""
    from kornia.color import rgb_to_bgr
    from kornia.geometry.transform import hflip, vflip

    def where(name: str, change: Callable[[Tensor], Tensor]) -> Tensor:
        chosen = [getattr(draw, name) for draw in draws]
        if not any(chosen):
            return frames
        mask = torch.tensor(chosen, device=frames.device).view(-1, 1, 1, 1, 1)
        return torch.where(mask, change(frames), frames)

    frames = where("mirror", hflip)
    frames = where("upside_down", vflip)
    frames = where("turn", lambda x: x.rot90(1, (-2, -1)))
    frames = where("reverse_time", lambda x: x.flip(1))
    frames = where("reverse_channels", rgb_to_bgr)
    return _with_bars(_toned(frames, draws), draws)


def _toned(frames: Tensor, draws: Sequence[Draw]) -> Tensor:
    from kornia.enhance import adjust_gamma

    toned = [number for number, draw in enumerate(draws) if draw.tone is not None]
    if not toned:
        return frames
    factors = np.stack([draw.tone for draw in draws if draw.tone is not None])
    tone = torch.as_tensor(factors, dtype=frames.dtype, device=frames.device)
    chosen = frames[toned].flatten(0, 1)
    gamma, gain = (tone[:, i].repeat_interleave(3) for i in (1, 0))
    bright = adjust_gamma(chosen, gamma, torch.ones_like(gain)) * gain.view(-1, 1, 1, 1)
    balanced = bright.unflatten(0, (-1, 3)) * tone[:, None, 2:, None, None]
    frames = frames.clone()
    frames[toned] = (balanced * 255).round().clamp(0, 255) / 255
    return frames


def _with_bars(frames: Tensor, draws: Sequence[Draw]) -> Tensor:
    if all(draw.bars is None for draw in draws):
        return frames
    frames = frames.clone()
    for triplet, draw in zip(frames, draws, strict=True):
        if draw.bars is not None:
            axis, before, after = draw.bars
            side = triplet.shape[axis - 2]
            triplet.narrow(axis - 2, 0, before).zero_()
            triplet.narrow(axis - 2, side - after, after).zero_()
    return frames
