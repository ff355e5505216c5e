"""The plain network in torch, its convolutions in a smaller type."""

import dataclasses
import logging

import torch
from torch import Tensor
from typing_extensions import override

from vfi.models import Prepared, RIFEOutput, image_of
from vfi.runtime.standin import StandIn

logger = logging.getLogger(__name__)

_TYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
_HAS_BFLOAT16 = ("avx512_bf16", "amx_bf16", "sve_bf16", "bf16")


class Autocast(StandIn):
    """The network under autocast.

    Args:
        network: the weights in float32, which they stay; where they are is where it runs.
        precision: bfloat16 or float16.
    """

    runtime = "torch"

    @override
    def forward(
        self,
        img0: Tensor | Prepared,
        img1: Tensor | Prepared,
        timestep: float | Tensor = 0.5,
        flow_scale: float = 1.0,
        history: bool = False,
    ) -> RIFEOutput:
        """As `RIFE.forward`; the frame is float32."""
        with self._autocast(image_of(img0)):
            output: RIFEOutput = self.network(
                img0, img1, timestep, flow_scale=flow_scale, history=history
            )
        return dataclasses.replace(output, frame=output.frame.float())

    @override
    def prepare(self, image: Tensor, flow_scale: float = 1.0) -> Prepared:
        with self._autocast(image):
            return self.network.prepare(image, flow_scale)

    def _autocast(self, image: Tensor) -> torch.autocast:
        return torch.autocast(image.device.type, dtype=_TYPES[self.precision])


def torch_precision(asked: str, device: torch.device) -> str:
    """The precision to use of the one asked for; ``auto`` is float32.

    bfloat16 becomes float32 on a CPU that has no instructions for it: there it is emulated, some
    three times slower.
    """
    if asked == "bfloat16" and device.type == "cpu" and not has_bfloat16():
        logger.warning("this processor has no bfloat16 instructions; float32 is used instead")
        return "float32"
    return "float32" if asked == "auto" else asked


def has_bfloat16() -> bool:
    """Whether this processor multiplies in bfloat16."""
    if not hasattr(torch.cpu, "get_capabilities"):  # an earlier torch
        return torch.cpu._is_avx512_bf16_supported()
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in _HAS_BFLOAT16)


def has_vnni() -> bool:
    """Whether this processor sums products of 8 bits in 32 (VNNI)."""
    if not hasattr(torch.cpu, "get_capabilities"):  # an earlier torch
        return torch.cpu._is_vnni_supported()
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_vnni", "avx_vnni"))
