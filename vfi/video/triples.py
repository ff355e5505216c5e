"""Three frames in a row of a video: the middle one is dropped, made again and compared."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor, nn

from vfi.measure import protocol
from vfi.measure.costs import Efficiency, efficiency
from vfi.measure.quality import quantize
from vfi.models import RIFE, Interpolator
from vfi.models.device import device_of
from vfi.models.estimate import RIFEOutput
from vfi.runtime.load import Precision, Runtime
from vfi.runtime.resolve import resolve_model
from vfi.runtime.ways import Way, described, plain
from vfi.video.make.predict import Predictor, Request, flow_scale_for
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
        network: the model itself.
        name: what it goes by.
        device: where it is.
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
        self.network, self.name = resolve_model(model, device, runtime, precision, threads)
        self.how = described(self.network) if isinstance(self.network, Interpolator) else {}
        self.device = device_of(self.network)
        self._flow_scale = flow_scale
        self._predictor = Predictor(self.network, flow_scale, tile=tile)

    def efficiency(self, height: int, width: int) -> Efficiency | None:
        """What it costs for frames of this size; None if it is somebody else's network."""
        if not isinstance(self.network, Interpolator):
            return None
        scale = flow_scale_for(self._flow_scale, height, width)
        return efficiency(plain(self.network), height, width, scale)

    def make(self, triple: Triple) -> Tensor:
        """Its middle frame, ``(3, H, W)`` on the CPU, in the steps of 8 bits."""
        timestep = triple.timestep if self._predictor.any_timestep else _HALF
        first, second = (p.rgb(self.device) for p in (triple.before, triple.after))
        return quantize(self._predictor([Request(first, second, timestep)])[0]).cpu()

    def make_with_motion(self, triple: Triple) -> tuple[Tensor, Tensor | None]:
        """Its middle frame, and the motion it was made by: ``(2, H, W)``, (x, y) in pixels, from
        the frame before to the one after; None of a model that is no `RIFE`.
        """
        seen: list[RIFEOutput] = []
        networks = [module for module in self.network.modules() if isinstance(module, RIFE)]
        hooks = [
            network.register_forward_hook(lambda _, __, output: seen.append(output))
            for network in networks
        ]
        try:
            made = self.make(triple)
        finally:
            for hook in hooks:
                hook.remove()
        if not seen:
            return made, None
        flow = seen[-1].kept[-1].flow[0, :, : made.shape[-2], : made.shape[-1]].float().cpu()
        return made, flow[2:] - flow[:2]


@dataclass(frozen=True, eq=False)
class Attempt:
    """What a contender makes of a triple.

    Attributes:
        name: the contender's.
        frame: ``(3, H, W)``, in the steps of 8 bits.
        motion: see `Contender.make_with_motion`.
        seconds: it took.
        scores: ``psnr`` in dB and ``ssim``.
    """

    name: str
    frame: Tensor
    motion: Tensor | None
    seconds: float
    scores: Mapping[str, float]


def attempts(triple: Triple, contenders: Sequence[Contender], turn: int = 0) -> list[Attempt]:
    """What each makes of a triple, in the order given; who begins depends on ``turn``, so that
    none always profits from the caches of another.
    """
    truth = quantize(triple.truth.rgb())
    shift = turn % len(contenders)
    made: dict[int, Attempt] = {}
    for place in [*range(shift, len(contenders)), *range(shift)]:
        contender, began = contenders[place], time.perf_counter()
        frame, motion = contender.make_with_motion(triple)
        seconds = time.perf_counter() - began
        made[place] = Attempt(contender.name, frame, motion, seconds, score(frame, truth))
    return [made[place] for place in range(len(contenders))]


def triples(
    source: Source, analyser: Analyser, start: float = 0, seconds: float | None = None
) -> Iterator[Triple]:
    """Yields frames 0 1 2, 2 3 4, 4 5 6, ... of an input, of all of it or a part in seconds."""
    held: list[Picture] = []
    for picture in source.pictures():
        moment = picture.time - source.info.start
        if moment < start:
            continue
        if seconds is not None and moment > start + seconds:
            return
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
