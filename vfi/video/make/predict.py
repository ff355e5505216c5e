"""Runs the network: batches, times that only bisection reaches, tiles where memory is short."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor, nn

from vfi.video.make.still import hold_still

_4K_PIXELS = 3200 * 1800
_HALF = Fraction(1, 2)


@dataclass(frozen=True, eq=False)
class Request:
    """A frame to make.

    Attributes:
        first: ``(3, H, W)`` RGB in [0, 1], on the model's device.
        second: likewise.
        timestep: between 0 (first) and 1 (second), both excluded.
    """

    first: Tensor
    second: Tensor
    timestep: Fraction


class Predictor:
    """Makes frames between frames.

    Args:
        model: ``model(img0, img1, timestep, flow_scale=1.0)`` with ``(B, 3, H, W)`` RGB in [0, 1].
        flow_scale: see `RIFE.forward`; None takes 0.5 for 4K and 1 below.
        batch_size: frames made at once.
        tile: largest side of what the model sees at once, in pixels; 0 for whole frames.
        overlap: pixels that neighbouring tiles share, over which they are faded into each other.
        still: put back what stands still in both frames, see `hold_still`.

    Attributes:
        batch_size: as given.
        any_timestep: whether the model takes other times than the middle. Where it does not, the
            frames of a pair are best requested together, as they are found by halving.
    """

    def __init__(
        self,
        model: nn.Module,
        flow_scale: float | None = None,
        batch_size: int = 1,
        tile: int = 0,
        overlap: int = 64,
        still: bool = False,
    ) -> None:
        self._model = model
        self.any_timestep = takes_any_timestep(model)
        self._flow_scale = flow_scale
        self.batch_size = batch_size
        self._tile = tile
        self._overlap = overlap
        self._still = still

    @torch.inference_mode()
    def __call__(self, requests: Sequence[Request]) -> list[Tensor]:
        """The requested frames, ``(3, H, W)`` in [0, 1] each."""
        return self._batches(requests) if self.any_timestep else self._bisect(requests)

    def _bisect(self, requests: Sequence[Request]) -> list[Tensor]:
        """Frames at n / 2^k by halving, coarse to fine, a level at a time."""
        pairs = {(id(r.first), id(r.second)): r for r in requests}
        known = {}
        for pair, request in pairs.items():
            known[pair, Fraction(0)], known[pair, Fraction(1)] = request.first, request.second
        levels: dict[int, dict[tuple, None]] = {}
        for request in requests:
            pair = (id(request.first), id(request.second))
            for time in _ancestors(request.timestep):
                levels.setdefault(time.denominator, {})[pair, time] = None
        for denominator in sorted(levels):
            step = Fraction(1, denominator)
            nodes = list(levels[denominator])
            halves = [Request(known[p, t - step], known[p, t + step], _HALF) for p, t in nodes]
            known.update(zip(nodes, self._batches(halves), strict=True))
        return [known[(id(r.first), id(r.second)), r.timestep] for r in requests]

    def _batches(self, requests: Sequence[Request]) -> list[Tensor]:
        size = self.batch_size
        starts = range(0, len(requests), size)
        return [frame for k in starts for frame in self._batch(requests[k : k + size])]

    def _batch(self, requests: Sequence[Request]) -> list[Tensor]:
        img0 = _stacked([request.first for request in requests])
        img1 = _stacked([request.second for request in requests])
        times = torch.tensor([float(r.timestep) for r in requests], device=img0.device)
        made = self._tiled(img0, img1, times).float().clamp_(0, 1)
        return list(hold_still(made, img0, img1) if self._still else made)

    def _tiled(self, img0: Tensor, img1: Tensor, times: Tensor) -> Tensor:
        height, width = img0.shape[-2:]
        scale = self._flow_scale
        if scale is None:
            scale = 0.5 if height * width >= _4K_PIXELS else 1.0
        if not self._tile or max(height, width) <= self._tile:
            return self._run(img0, img1, times, scale)
        total = torch.zeros_like(img0)
        weight = img0.new_zeros(1, 1, height, width)
        for rows in _spans(height, self._tile, self._overlap):
            for columns in _spans(width, self._tile, self._overlap):
                window = (..., slice(*rows), slice(*columns))
                fade = _fade(rows, height, self._overlap)[:, None] * _fade(
                    columns, width, self._overlap
                )
                fade = fade.to(img0.device)
                total[window] += self._run(img0[window], img1[window], times, scale) * fade
                weight[window] += fade
        return total / weight

    def _run(self, img0: Tensor, img1: Tensor, times: Tensor, scale: float) -> Tensor:
        timestep = times if self.any_timestep else 0.5
        return self._model(img0, img1, timestep, flow_scale=scale)


def _stacked(frames: list[Tensor]) -> Tensor:
    """``(B, 3, H, W)``, channels last in memory; one frame is not copied if it is so already."""
    stacked = torch.stack(frames) if len(frames) > 1 else frames[0][None]
    return stacked.contiguous(memory_format=torch.channels_last)


def takes_any_timestep(model: nn.Module) -> bool:
    """Whether the model can be asked for other times than the middle."""
    spec = getattr(getattr(model, "network", None), "spec", None)
    return getattr(spec, "arbitrary_timestep", True)


def _ancestors(time: Fraction) -> Iterator[Fraction]:
    """``time`` = n / 2^k and every coarser time that halving goes through to reach it."""
    if time.denominator == 1:
        return
    step = Fraction(1, time.denominator)
    yield from _ancestors(time - step)
    yield from _ancestors(time + step)
    yield time


def _spans(size: int, tile: int, overlap: int) -> list[tuple[int, int]]:
    """Equal spans of at most ``tile`` that cover ``size`` and share ``overlap`` or more."""
    if size <= tile:
        return [(0, size)]
    count = -(-(size - overlap) // (tile - overlap))
    starts = [round(k * (size - tile) / (count - 1)) for k in range(count)]
    return [(start, start + tile) for start in starts]


def _fade(span: tuple[int, int], size: int, overlap: int) -> Tensor:
    """Weights ``(length,)`` rising from an inner edge over ``overlap`` pixels; 1 at outer edges."""
    start, stop = span
    inside = torch.arange(stop - start, dtype=torch.float32)
    ramp = torch.ones(stop - start)
    if start > 0:
        ramp = torch.minimum(ramp, (inside + 1) / (overlap + 1))
    if stop < size:
        ramp = torch.minimum(ramp, (stop - start - inside) / (overlap + 1))
    return ramp
