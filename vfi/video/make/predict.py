"""Runs the network: batches, times that only bisection reaches, tiles where memory is short."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn

from vfi.video.make.masks import in_levels
from vfi.video.make.recent import Recent
from vfi.video.make.still import StillPair

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
        model: ``model(img0, img1, timestep, flow_scale=1.0)`` with ``(B, 3, H, W)`` RGB in [0, 1];
            if it has `Interpolator.between`, that is used for single frames.
        flow_scale: see `RIFE.forward`; None takes 0.5 for 4K and 1 below.
        batch_size: frames made at once.
        tile: largest side of what the model sees at once, in pixels; 0 for whole frames.
        overlap: pixels that neighbouring tiles share, over which they are faded into each other.
        still: put back what stands still in both frames, see `StillPair`.
        workers: threads that may call at once.

    Attributes:
        batch_size: as given.
        workers: as given.
        any_timestep: whether the model takes other times than the middle. Where it does not, the
            frames of a pair are best requested together, as they are found by halving.
    """

    def __init__(
        self,
        model: Any,
        flow_scale: float | None = None,
        batch_size: int = 1,
        tile: int = 0,
        overlap: int = 64,
        still: bool = False,
        workers: int = 1,
    ) -> None:
        self._model = model
        self.workers = workers
        self.any_timestep = takes_any_timestep(model)
        self._flow_scale = flow_scale
        self.batch_size = batch_size
        self._tile = tile
        self._overlap = overlap
        self._still = still
        network = getattr(model, "network", model)
        self._layout = getattr(network, "memory_format", torch.channels_last)
        self._shares = hasattr(model, "between") and batch_size == 1 and not tile
        self._encoded = Recent(self._encode, workers + 1)
        self._levels = Recent(in_levels, workers + 1)

    @torch.inference_mode()
    def __call__(self, requests: Sequence[Request]) -> list[Tensor]:
        """The requested frames, ``(3, H, W)`` in [0, 1] each."""
        return self._batches(requests) if self.any_timestep else self._bisect(requests)

    def _bisect(self, requests: Sequence[Request]) -> list[Tensor]:
        """Frames at n / 2^k by halving, coarse to fine, a level at a time."""
        pairs = {_pair(r): r for r in requests}
        known = {}
        for pair, request in pairs.items():
            known[pair, Fraction(0)], known[pair, Fraction(1)] = request.first, request.second
        levels: dict[int, dict[tuple, None]] = {}
        for request in requests:
            for time in _ancestors(request.timestep):
                levels.setdefault(time.denominator, {})[_pair(request), time] = None
        for denominator in sorted(levels):
            step = Fraction(1, denominator)
            nodes = list(levels[denominator])
            halves = [Request(known[p, t - step], known[p, t + step], _HALF) for p, t in nodes]
            known.update(zip(nodes, self._batches(halves), strict=True))
        return [known[_pair(r), r.timestep] for r in requests]

    def _batches(self, requests: Sequence[Request]) -> list[Tensor]:
        if self._shares:
            pairs = itertools.groupby(requests, _pair)
            return [frame for _, pair in pairs for frame in self._of_pair(list(pair))]
        size = self.batch_size
        starts = range(0, len(requests), size)
        return [frame for k in starts for frame in self._batch(requests[k : k + size])]

    def _of_pair(self, requests: Sequence[Request]) -> list[Tensor]:
        """Frames between the same two, whose own part of the work is done once."""
        first, second = requests[0].first, requests[0].second
        times = [float(r.timestep) if self.any_timestep else 0.5 for r in requests]
        made = self._model.between(self._encoded(first), self._encoded(second), times)
        return self._held([frame[0].clamp(0, 1) for frame in made], requests)

    def _encode(self, frame: Tensor) -> Any:
        return self._model.encode(self._stacked([frame]), flow_scale=self._scale(frame))

    def _held(self, made: Iterable[Tensor], requests: Sequence[Request]) -> list[Tensor]:
        if not self._still:
            return list(made)
        pairs = {_pair(r): StillPair(r.first, r.second, self._levels) for r in requests}
        return [
            pairs[_pair(r)].hold(frame, float(r.timestep))
            for r, frame in zip(requests, made, strict=True)
        ]

    def _batch(self, requests: Sequence[Request]) -> list[Tensor]:
        img0 = self._stacked([request.first for request in requests])
        img1 = self._stacked([request.second for request in requests])
        times = torch.tensor([float(r.timestep) for r in requests], device=img0.device)
        return self._held(self._tiled(img0, img1, times).float().clamp_(0, 1), requests)

    def _stacked(self, frames: list[Tensor]) -> Tensor:
        """``(B, 3, H, W)``, in memory as the model likes it; one frame that is so is not copied."""
        stacked = torch.stack(frames) if len(frames) > 1 else frames[0][None]
        return stacked.contiguous(memory_format=self._layout)

    def _tiled(self, img0: Tensor, img1: Tensor, times: Tensor) -> Tensor:
        height, width = img0.shape[-2:]
        scale = self._scale(img0)
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

    def _scale(self, frame: Tensor) -> float:
        return flow_scale_for(self._flow_scale, *frame.shape[-2:])

    def _run(self, img0: Tensor, img1: Tensor, times: Tensor, scale: float) -> Tensor:
        timestep = times if self.any_timestep else 0.5
        return self._model(img0, img1, timestep, flow_scale=scale)


def _pair(request: Request) -> tuple[int, int]:
    """Tells which two frames a request is about."""
    return id(request.first), id(request.second)


def flow_scale_for(asked: float | None, height: int, width: int) -> float:
    """The resolution at which motion is estimated; of frames that large, half if none is asked."""
    if asked is not None:
        return asked
    return 0.5 if height * width >= _4K_PIXELS else 1.0


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
