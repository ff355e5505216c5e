"""What networks in compiling runtimes have in common."""

import logging
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor
from typing_extensions import override

from vfi.models import RIFE, RIFEOutput
from vfi.runtime.standin import StandIn

logger = logging.getLogger(__name__)

Runner = Callable[[Tensor, Tensor], Tensor]
"""``(2, 3, H, W)`` frames in [0, 1] and a timestep ``(1,)`` -> ``(1, 3, H, W)``."""

SIZES_KEPT = 4


class CompiledNetwork(StandIn):
    """A network in a compiling runtime: one program for each size.

    The last few sizes are kept. What was not compiled, another ``flow_scale``, runs in torch.

    Args:
        network: the weights, on the CPU in float32; left as it is.
        precision: what the runtime computes in.
        threads: of the runtime; its default if None.
    """

    def __init__(self, network: RIFE, precision: str, threads: int | None = None) -> None:
        super().__init__(network.requires_grad_(False).eval(), precision)
        self.threads = threads
        self._runners: OrderedDict[tuple[int, int], Runner] = OrderedDict()
        self._told = False

    @abstractmethod
    def compiled(self, height: int, width: int) -> Runner:
        """The program for frames of one size, a multiple of the network's stride."""

    @override
    def forward(
        self,
        img0: Tensor,
        img1: Tensor,
        timestep: float | Tensor = 0.5,
        flow_scale: float = 1.0,
        history: bool = False,
    ) -> RIFEOutput:
        """As `RIFE.forward`, but the output holds the frame alone."""
        if flow_scale != 1:
            if not self._told:
                logger.info("flow_scale %g runs in torch, not in %s", flow_scale, self.runtime)
                self._told = True
            output: RIFEOutput = self.network(img0, img1, timestep, flow_scale=flow_scale)
            return RIFEOutput(output.frame, (), (img0, img1))
        run = self._runner(*img0.shape[-2:])
        times = torch.as_tensor(timestep, dtype=torch.float32).flatten().expand(len(img0))
        frames = [
            run(torch.stack((first, second)).contiguous(), time.reshape(1))
            for first, second, time in zip(img0.float(), img1.float(), times, strict=True)
        ]
        return RIFEOutput(torch.cat(frames), (), (img0, img1))

    def _runner(self, height: int, width: int) -> Runner:
        size = height, width
        if size not in self._runners:
            self._runners[size] = self.compiled(height, width)
            while len(self._runners) > SIZES_KEPT:
                self._runners.popitem(last=False)
        self._runners.move_to_end(size)
        return self._runners[size]
