"""Mixed precision where the machine trains faster in it."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import torch
from lightning.pytorch.plugins.precision import MixedPrecision
from typing_extensions import override

logger = logging.getLogger(__name__)

_FAST_CPU = ("amx_bf16", "avx512_bf16", "sve_bf16")
"""Instructions that multiply bfloat16."""


class AutoPrecision(MixedPrecision):
    """bfloat16 autocast where the machine trains faster in it, else float32.

    On a CPU without instructions for bfloat16, autocast is three times slower than float32. The log
    says what was chosen. A resumed run keeps its choice, wherever it goes on.

    For ``trainer.plugins``, without ``trainer.precision``.
    """

    def __init__(self) -> None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        super().__init__("bf16-mixed", device)
        self._lower: bool | None = None

    @property
    def lower(self) -> bool:
        """Whether bfloat16 autocast is used; decided when first asked for."""
        if self._lower is None:
            self._choose(prefers_bfloat16(self.device))
        return bool(self._lower)

    @override
    @contextlib.contextmanager
    def forward_context(self) -> Iterator[None]:
        """Autocast, or nothing."""
        with super().forward_context() if self.lower else contextlib.nullcontext():
            yield

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"lower": self.lower}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._choose(bool(state_dict["lower"]))

    def _choose(self, lower: bool) -> None:
        self._lower = lower
        logger.info("training in %s", "bfloat16 autocast" if lower else "float32")


def prefers_bfloat16(device: str) -> bool:
    """Whether a kind of device has what makes training in autocast faster.

    By what it can do, not by timing it: on one machine, two runs must give the same bits.
    """
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if not hasattr(torch.cpu, "get_capabilities"):  # an earlier torch
        return torch.cpu._is_amx_tile_supported()
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in _FAST_CPU)
