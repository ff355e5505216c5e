"""What networks in compiling runtimes have in common."""

import contextlib
import logging
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from typing_extensions import override

from vfi.models import RIFE, Prepared, RIFEOutput, image_of
from vfi.models.device import cores
from vfi.runtime.standin import StandIn

logger = logging.getLogger(__name__)

SIZES_KEPT = 4


class Program(ABC):
    """A network for frames of one size, in two parts."""

    @abstractmethod
    def encode(self, frame: Tensor) -> tuple[Tensor, ...]:
        """What ``(1, 3, H, W)`` in [0, 1] gives alone; what it is, is the program's affair."""

    @abstractmethod
    def between(
        self,
        frames: tuple[Tensor, Tensor],
        known: tuple[tuple[Tensor, ...], tuple[Tensor, ...]],
        timestep: Tensor,
    ) -> Tensor:
        """The new frame ``(1, 3, H, W)``, of both frames, what `encode` made of each, ``(1,)``."""


class CompiledNetwork(StandIn):
    """A network in a compiling runtime: one program for each size.

    The last few sizes are kept. What was not compiled, another ``flow_scale``, runs in torch.

    Args:
        network: the weights, on the CPU in float32; left as it is.
        precision: what the runtime computes in.
        threads: of the runtime; its default if None.

    Attributes:
        threads: as given.
        callers: how many threads will call it at once; programs are made for that.
    """

    memory_format = torch.contiguous_format
    """How frames lie in memory so that they need not be copied."""
    most_callers = 1
    """More than these gain nothing, or would need more memory than they are worth."""

    def __init__(self, network: RIFE, precision: str, threads: int | None = None) -> None:
        super().__init__(network.requires_grad_(False).eval(), precision)
        self.threads = threads
        self.callers = 1
        self._programs: OrderedDict[tuple[int, int, int], Program] = OrderedDict()
        self._compiling = threading.Lock()
        self._told = False

    @abstractmethod
    def compiled(self, height: int, width: int) -> Program:
        """The program for frames of one size, a multiple of the network's stride."""

    @override
    def forward(
        self,
        img0: Tensor | Prepared,
        img1: Tensor | Prepared,
        timestep: float | Tensor = 0.5,
        flow_scale: float = 1.0,
        history: bool = False,
    ) -> RIFEOutput:
        """As `RIFE.forward`, but the output holds the frame alone."""
        images = image_of(img0), image_of(img1)
        if flow_scale != 1:
            self._tell(flow_scale)
            output: RIFEOutput = self.network(img0, img1, timestep, flow_scale=flow_scale)
            return RIFEOutput(output.frame, (), images)
        batch = len(images[0])
        times = torch.as_tensor(timestep, dtype=torch.float32).flatten().expand(batch)
        first, second = (x if isinstance(x, Prepared) else self.prepare(x) for x in (img0, img1))
        program = self._program(*images[0].shape[-2:])
        frames = [
            program.between(
                (first.image[k : k + 1], second.image[k : k + 1]),
                (_of(first, k, batch), _of(second, k, batch)),
                times[k : k + 1],
            )
            for k in range(batch)
        ]
        return RIFEOutput(torch.cat(frames) if batch > 1 else frames[0], (), images)

    @override
    def prepare(self, image: Tensor, flow_scale: float = 1.0) -> Prepared:
        if flow_scale != 1:
            self._tell(flow_scale)
            return self.network.prepare(image, flow_scale)
        image = image.float().contiguous()
        program = self._program(*image.shape[-2:])
        made = (program.encode(frame) for frame in image.split(1))
        return Prepared(image, flow_scale, {}, tuple(x for known in made for x in known))

    def _tell(self, flow_scale: float) -> None:
        if not self._told:
            logger.info("flow_scale %g runs in torch, not in %s", flow_scale, self.runtime)
            self._told = True

    def _program(self, height: int, width: int) -> Program:
        key = height, width, self.callers
        with self._compiling:
            if key not in self._programs:
                self._programs[key] = self.compiled(height, width)
                while len(self._programs) > SIZES_KEPT:
                    self._programs.popitem(last=False)
            self._programs.move_to_end(key)
            return self._programs[key]


@contextlib.contextmanager
def called_side_by_side(model: nn.Module, threads: int | None = None) -> Iterator[int]:
    """For a while, a compiled model serves several threads at once; yields how many.

    Where a core each works on a frame of its own none waits for another, as they do in one frame.

    Args:
        model: an `vfi.models.Interpolator`, or anything, which is called by one.
        threads: all that there are; the cores that this process may use if None.
    """
    network = getattr(model, "network", None)
    if not isinstance(network, CompiledNetwork):
        yield 1
        return
    network.callers = min(threads or network.threads or cores(), network.most_callers)
    try:
        yield network.callers
    finally:
        network.callers = 1


def _of(prepared: Prepared, frame: int, batch: int) -> tuple[Tensor, ...]:
    """What is known of one frame of a batch."""
    known = prepared.context or ()
    count = len(known) // batch
    return known[frame * count : (frame + 1) * count]
