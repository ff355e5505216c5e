"""The network as its users want it: two frames of any size in, one frame out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vfi.models.estimate import Prepared
from vfi.models.frames_io import (
    Frame,
    check_alike,
    check_timestep,
    give_back,
    size_of,
    to_tensor,
    to_tensors,
)
from vfi.models.rife import RIFE
from vfi.models.spec import RIFESpec

_is_tracing: Callable[[], bool] = torch.jit.is_tracing


@dataclass(frozen=True, eq=False)
class Encoded(Generic[Frame]):
    """A frame, and what a model knows of it alone.

    Attributes:
        known: of the frame padded to the network's stride.
        frame: as it came.
    """

    known: Prepared
    frame: Frame


class Interpolator(nn.Module):
    """Wraps a `RIFE` so that frames of any size go in and one frame of that size comes out.

    In eval mode, as `vfi.load_model` gives it, it takes what people have: tensors in [0, 1] or
    8-bit arrays, and says what is wrong with anything else. In training mode it trusts its input.

    Args:
        network: any network of the family.
        info: what is known of its weights: name, licence, how it was made, ...

    >>> import numpy as np
    >>> from vfi.models import RIFE, Interpolator, variant
    >>> model = Interpolator(RIFE(variant("rife_v4.0").for_inference())).eval()
    >>> model(np.zeros((20, 30, 3), np.uint8), np.zeros((20, 30, 3), np.uint8)).shape
    (20, 30, 3)
    """

    def __init__(self, network: RIFE, info: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.network = network
        self.info: dict[str, Any] = dict(info or {})

    @property
    def spec(self) -> RIFESpec:
        """The shape of the network: every channel width."""
        return self.network.spec

    def forward(
        self,
        img0: Frame,
        img1: Frame,
        timestep: float | Tensor = 0.5,
        flow_scale: float = 1.0,
    ) -> Frame:
        """The frame at ``timestep`` between two frames.

        Args:
            img0: ``(B, 3, H, W)`` RGB in [0, 1], any H and W; or, in eval mode, an array
                ``(H, W, 3)`` or ``(B, H, W, 3)`` of uint8.
            img1: likewise, the same kind and shape.
            timestep: in [0, 1], a number or a tensor ``(B,)``; 0 is ``img0``, 1 is ``img1``.
            flow_scale: see `RIFE.forward`.

        Returns:
            A frame of the kind that came in: ``(B, 3, H, W)`` in [0, 1], or uint8.

        Raises:
            ValueError: if a frame, the time or the precision cannot be taken, by name.
        """
        trusted = self.training or not _plain(img0, img1)
        if trusted and isinstance(img0, Tensor) and isinstance(img1, Tensor):
            return self._made(img0, img1, timestep, flow_scale)
        first, second = to_tensors(img0, img1, self._device())
        check_timestep(timestep, len(first))
        return give_back(self._made(first, second, timestep, flow_scale), img0)

    def encode(self, frame: Frame, flow_scale: float = 1.0) -> Encoded[Frame]:
        """All work on a frame that does not depend on the other one, for `between`.

        Args:
            frame: as for `forward`.
            flow_scale: see `RIFE.forward`.

        Raises:
            ValueError: if the frame or the precision cannot be taken.
        """
        image = to_tensor(frame, "frame", self._device())
        return Encoded(self.network.prepare(self._padded(image, flow_scale), flow_scale), frame)

    def between(
        self,
        first: Encoded[Frame],
        second: Encoded[Frame],
        timesteps: Sequence[float | Tensor] = (0.5,),
    ) -> list[Frame]:
        """The frames that `forward` makes, bit for bit in torch, without repeating shared work.

        A frame is the second of one pair and the first of the next, and serves all times of a pair:
        `encode` it once.

        Args:
            first: of `encode`.
            second: likewise, of a frame of the same kind and shape.
            timesteps: a frame is made for each; see `forward`.

        Raises:
            ValueError: if the frames are unlike each other, or a time is none.
        """
        check_alike(first.frame, second.frame)
        height, width = size_of(first.frame)
        made = []
        for timestep in timesteps:
            check_timestep(timestep, len(first.known.image))
            frame: Tensor = self.network(
                first.known,
                second.known,
                timestep,
                flow_scale=first.known.flow_scale,
                history=False,
            ).frame
            made.append(give_back(frame[..., :height, :width], first.frame))
        return made

    def _device(self) -> torch.device:
        """Where the weights are; refuses those that are not float32."""
        weight = next(self.network.parameters())
        if weight.dtype != torch.float32:
            kind = str(weight.dtype).removeprefix("torch.")
            raise ValueError(
                f"the weights are {kind}, in which flow is too coarse; use model.float(), and for "
                "speed torch.autocast"
            )
        return weight.device

    def _made(
        self, img0: Tensor, img1: Tensor, timestep: float | Tensor, flow_scale: float
    ) -> Tensor:
        height, width = img0.shape[-2:]
        img0, img1 = self._padded(img0, flow_scale), self._padded(img1, flow_scale)
        frame: Tensor = self.network(
            img0, img1, timestep, flow_scale=flow_scale, history=False
        ).frame
        return frame[..., :height, :width]

    def _padded(self, image: Tensor, flow_scale: float) -> Tensor:
        """``(B, 3, H, W)`` up to the next multiples of the network's stride."""
        height, width = image.shape[-2:]
        stride = self.network.spec.stride(flow_scale)
        padding = (0, -width % stride, 0, -height % stride)
        # Repeating the border keeps the padding from looking like moving content.
        return F.pad(image, padding, mode="replicate") if any(padding) else image


def _plain(*frames: object) -> bool:
    """Whether frames hold values that can be looked at: not so while a graph is recorded."""
    if torch.compiler.is_compiling() or _is_tracing():
        return False
    return not any(
        isinstance(frame, Tensor) and (frame.is_meta or type(frame) is not Tensor)
        for frame in frames
    )
