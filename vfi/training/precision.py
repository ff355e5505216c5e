"""Mixed precision where it makes the machine train faster."""

import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Any

import torch
from lightning.pytorch.plugins.precision import MixedPrecision
from torch import nn
from typing_extensions import override

logger = logging.getLogger(__name__)

_ROUNDS = 4
_GAIN = 0.9  # bfloat16 must take less than this part of float32's time: its sums are coarser


class AutoPrecision(MixedPrecision):
    """bfloat16 autocast where the machine trains faster in it, else float32.

    What a processor says of itself does not tell: without instructions for bfloat16, autocast is
    three times slower than float32, and with the instructions of AVX-512 it was still a third
    slower in training on one machine, faster on another. So a small convolution is trained in both,
    for half a second, and the log says what was chosen. A resumed run keeps its choice.

    For ``trainer.plugins``, without ``trainer.precision``.
    """

    def __init__(self) -> None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        super().__init__("bf16-mixed", device)
        self._lower: bool | None = None

    @property
    def lower(self) -> bool:
        """Whether bfloat16 autocast is used; measured when first asked for."""
        if self._lower is None:
            self._choose(_prefers_bfloat16(self.device))
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


def _prefers_bfloat16(device: str) -> bool:
    """Whether autocast makes training clearly faster; the two are timed in turns."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    seconds: dict[bool, list[float]] = {True: [], False: []}
    with torch.random.fork_rng(devices=[]):  # what follows must not depend on this
        layers = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.PReLU(64))
        frames = torch.rand(4, 64, 48, 48)
    for _ in range(_ROUNDS):
        for lower, times in seconds.items():
            started = time.perf_counter()
            with torch.autocast(device, torch.bfloat16, enabled=lower):
                loss = layers(frames).float().mean()
            loss.backward()
            times.append(time.perf_counter() - started)
    return min(seconds[True]) < _GAIN * min(seconds[False])
