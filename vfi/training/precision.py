"""Mixed precision where the machine has instructions for it."""

import contextlib
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager

import torch
from lightning.pytorch.plugins.precision import MixedPrecision
from typing_extensions import override

logger = logging.getLogger(__name__)


class AutoPrecision(MixedPrecision):
    """bfloat16 autocast if the processor (or graphics card) computes in it, else float32.

    Without such instructions bfloat16 is emulated, which is three times slower than float32 on a
    CPU. For ``trainer.plugins``; leave out ``trainer.precision``. The log says what was chosen.
    """

    def __init__(self) -> None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        super().__init__("bf16-mixed", device)
        self.lower = has_bfloat16(device)
        if not self.lower:
            self.precision = "32-true"
        logger.info(
            "training in %s",
            "bfloat16 autocast"
            if self.lower
            else f"float32: this {device} has no instructions for bfloat16",
        )

    @override
    def forward_context(self) -> AbstractContextManager[None]:
        """Autocast, or nothing."""
        return super().forward_context() if self.lower else _nothing()


@contextlib.contextmanager
def _nothing() -> Iterator[None]:
    yield


def has_bfloat16(device: str = "cpu") -> bool:
    """Whether a kind of device has instructions that compute in bfloat16."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "sve_bf16"))
