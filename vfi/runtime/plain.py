"""The network as it is, in the two parts that runtimes compile: of one frame, and between two."""

import torch
from torch import Tensor, nn
from typing_extensions import override

from vfi.models import RIFE, Prepared


class PlainEncode(nn.Module):
    """``(1, 3, H, W)`` -> what the network reads of one frame alone, besides the frame.

    That may be nothing, which no runtime compiles.
    """

    def __init__(self, network: RIFE) -> None:
        super().__init__()
        self.network = network.requires_grad_(False).eval()

    @override
    def forward(self, frame: Tensor) -> tuple[Tensor, ...]:
        known = self.network.prepare(frame)
        parts = [known.levels[level][name] for level, name in _places(known)]
        return *parts, *(known.context or ())


class PlainBetween(nn.Module):
    """Two frames, what `PlainEncode` gave of each, and ``(1,)`` -> ``(1, 3, H, W)``.

    Args:
        network: its weights are shared.
        frame: ``(1, 3, H, W)``, any that the network can read.
    """

    def __init__(self, network: RIFE, frame: Tensor) -> None:
        super().__init__()
        self.network = network.requires_grad_(False).eval()
        with torch.no_grad():
            self.places = _places(network.prepare(frame))

    @override
    def forward(self, *tensors: Tensor) -> Tensor:
        img0, img1, *known, timestep = tensors
        half = len(known) // 2
        first, second = self._prepared(img0, known[:half]), self._prepared(img1, known[half:])
        frame: Tensor = self.network(first, second, timestep, history=False).frame
        return frame

    def _prepared(self, image: Tensor, known: list[Tensor]) -> Prepared:
        levels: dict[float, dict[str, Tensor]] = {1.0: {"img": image}}
        for (level, name), part in zip(self.places, known, strict=False):
            levels.setdefault(level, {})[name] = part
        return Prepared(image, 1.0, levels, tuple(known[len(self.places) :]) or None)


def _places(known: Prepared) -> list[tuple[float, str]]:
    """Where in `Prepared.levels` the tensors belong, but for the frame itself."""
    every = [(level, name) for level in sorted(known.levels) for name in known.levels[level]]
    return [place for place in every if place != (1.0, "img")]
