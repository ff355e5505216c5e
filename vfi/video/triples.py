"""Three frames in a row of a video: the middle one is dropped, made again and compared."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor, nn

from vfi.measure import protocol
from vfi.measure.quality import quantize
from vfi.models import Interpolator
from vfi.models.device import device_of
from vfi.runtime.eager import resolve_model
from vfi.runtime.load import Precision, Runtime
from vfi.runtime.ways import Way, described
from vfi.video.make.predict import Predictor, Request
from vfi.video.read.source import Picture, Source
from vfi.video.timing.cuts import Analyser, Relation

_HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Triple:
    """Three frames in a row, of which the middle one is to be made from the others.

    Attributes:
        before: the first.
        truth: the middle one.
        after: the last.
        cut: whether a scene ends among them, so that the middle one cannot be known.
    """

    before: Picture
    truth: Picture
    after: Picture
    cut: bool

    @property
    def timestep(self) -> Fraction:
        """Where the middle one lies in time."""
        return (self.truth.time - self.before.time) / (self.after.time - self.before.time)


class Contender:
    """A model that takes part, under its name; see `resolve_model` for most arguments.

    Attributes:
        how: the runtime and precision that it really has.
    """

    def __init__(
        self,
        model: str | nn.Module,
        device: str,
        flow_scale: float | None = None,
        tile: int = 0,
        runtime: Runtime = "torch",
        precision: Precision = "auto",
        threads: int | None = None,
    ) -> None:
        if flow_scale is None and isinstance(model, str):
            flow_scale = Way.named(model, runtime, precision, threads).flow_scale
        network, self.name = resolve_model(model, device, runtime, precision, threads)
        self.how = described(network) if isinstance(network, Interpolator) else {}
        self.device = device_of(network)
        self._predictor = Predictor(network, flow_scale, tile=tile)

    def make(self, triple: Triple) -> Tensor:
        """Its middle frame, ``(3, H, W)`` on the CPU, in the steps of 8 bits."""
        timestep = triple.timestep if self._predictor.any_timestep else _HALF
        first, second = (p.rgb(self.device) for p in (triple.before, triple.after))
        return quantize(self._predictor([Request(first, second, timestep)])[0]).cpu()


def triples(source: Source, analyser: Analyser) -> Iterator[Triple]:
    """Yields frames 0 1 2, 2 3 4, 4 5 6, ... of an input."""
    held: list[Picture] = []
    for picture in source.pictures():
        held.append(picture)
        if len(held) == 3:
            pairs = ((held[0], held[1]), (held[1], held[2]))
            cut = any(analyser.compare(*pair)[0] is Relation.CUT for pair in pairs)
            before, truth, after = held
            yield Triple(before, truth, after, cut)
            held = held[2:]


@torch.inference_mode()
def score(made: Tensor, truth: Tensor) -> dict[str, float]:
    """PSNR in dB and matlab SSIM of a frame ``(3, H, W)``."""
    values = protocol.score(made[None], truth[None], ("psnr", "ssim"))
    return {name: value.item() for name, value in values.items()}
