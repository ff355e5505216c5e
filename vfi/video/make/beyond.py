"""New frames of pictures that hold more than the network takes: beyond white, and alpha."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from vfi.video.make.predict import Predictor, Request
from vfi.video.make.recent import Recent

_SEEN = 1 / 1024  # less opaque than this, a pixel has no colour of its own


@dataclass(frozen=True)
class _Clamped:
    """What the network sees of a picture, and the rest, None if there is none."""

    inside: Tensor
    rest: Tensor | None


class WholePredictor(Predictor):
    """A predictor of pictures ``(3, H, W)`` whose values may lie outside [0, 1], or with alpha.

    The network sees them clamped. What was cut off is blended by time and added, so that new
    frames do not flicker beside the originals. Of pictures ``(4, H, W)`` with alpha it sees the
    colours multiplied by it, as what is not there must not move, and then the alpha alone.
    """

    @cached_property
    def _clamped(self) -> Recent[Tensor, _Clamped]:
        return Recent(_clamp, self.workers + 2)

    @torch.inference_mode()
    def __call__(self, requests: Sequence[Request]) -> list[Tensor]:
        """The requested frames, ``(3, H, W)`` or ``(4, H, W)`` as the given ones."""
        if not requests or len(requests[0].first) == 3:
            return self._colours(requests)
        colours = self._colours(_changed(requests, lambda picture: picture[:3] * picture[3:]))
        alphas = self._colours(_changed(requests, lambda picture: picture[3:].expand(3, -1, -1)))
        return [
            _put_together(colour, alpha[:1].clamp(0, 1), request)
            for colour, alpha, request in zip(colours, alphas, requests, strict=True)
        ]

    def _colours(self, requests: Sequence[Request]) -> list[Tensor]:
        pairs = [(self._clamped(r.first), self._clamped(r.second)) for r in requests]
        inside = [
            Request(first.inside, second.inside, request.timestep)
            for (first, second), request in zip(pairs, requests, strict=True)
        ]
        made = super().__call__(inside)
        return [
            _with_rest(frame, first.rest, second.rest, float(request.timestep))
            for frame, (first, second), request in zip(made, pairs, requests, strict=True)
        ]


def _clamp(picture: Tensor) -> _Clamped:
    inside = picture.clamp(0, 1)
    if torch.equal(inside, picture):
        return _Clamped(picture, None)
    return _Clamped(inside, picture - inside)


def _changed(requests: Sequence[Request], change: Callable[[Tensor], Tensor]) -> list[Request]:
    """The requests for changed pictures, each of which is changed once."""
    known: dict[int, Tensor] = {}
    for picture in (p for request in requests for p in (request.first, request.second)):
        if id(picture) not in known:
            known[id(picture)] = change(picture)
    return [Request(known[id(r.first)], known[id(r.second)], r.timestep) for r in requests]


def _put_together(colour: Tensor, alpha: Tensor, request: Request) -> Tensor:
    """Colours that are multiplied by alpha, and alpha, to ``(4, H, W)`` with plain colours."""
    plain = torch.lerp(request.first[:3], request.second[:3], float(request.timestep))
    plain = torch.where(alpha < _SEEN, plain, colour / alpha.clamp(min=_SEEN))
    return torch.cat([plain, alpha])


def _with_rest(frame: Tensor, first: Tensor | None, second: Tensor | None, time: float) -> Tensor:
    for rest, share in ((first, 1 - time), (second, time)):
        if rest is not None:
            frame = torch.add(frame, rest, alpha=share)
    return frame
