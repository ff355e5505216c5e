"""New frames of pictures that hold more than the network takes: what is whiter than white."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vfi.video.make.predict import Predictor, Request


class WholePredictor(Predictor):
    """A predictor of pictures ``(3, H, W)`` whose values may lie outside [0, 1].

    The network sees them clamped. What was cut off is blended by time and added, so that new
    frames do not flicker beside the originals.
    """

    @torch.inference_mode()
    def __call__(self, requests: Sequence[Request]) -> list[Tensor]:
        """The requested frames, ``(3, H, W)`` each."""
        clamped: dict[int, Tensor] = {}
        for picture in (p for request in requests for p in (request.first, request.second)):
            if id(picture) not in clamped:
                clamped[id(picture)] = picture.clamp(0, 1)
        inside = [
            Request(clamped[id(r.first)], clamped[id(r.second)], r.timestep) for r in requests
        ]
        made = super().__call__(inside)
        return [
            _with_rest(frame, outer, inner)
            for frame, outer, inner in zip(made, requests, inside, strict=True)
        ]


def _with_rest(frame: Tensor, outer: Request, inner: Request) -> Tensor:
    weight = float(outer.timestep)
    rest = torch.lerp(outer.first - inner.first, outer.second - inner.second, weight)
    return frame + rest
