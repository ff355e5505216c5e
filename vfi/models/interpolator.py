"""The network as its users want it: two frames of any size in, one frame out."""

from torch import Tensor, nn
from torch.nn import functional as F

from vfi.models.rife import RIFE


class Interpolator(nn.Module):
    """Wraps a `RIFE` so that frames of any size go in and one frame of that size comes out."""

    def __init__(self, network: RIFE) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        img0: Tensor,
        img1: Tensor,
        timestep: float | Tensor = 0.5,
        flow_scale: float = 1.0,
    ) -> Tensor:
        """The frame at ``timestep`` between two frames.

        Args:
            img0: ``(B, 3, H, W)`` RGB in [0, 1], any H and W.
            img1: likewise, the same shape.
            timestep: in [0, 1], a number or a tensor ``(B,)``; 0 is ``img0``, 1 is ``img1``.
            flow_scale: see `RIFE.forward`.

        Returns:
            ``(B, 3, H, W)`` in [0, 1].
        """
        height, width = img0.shape[-2:]
        stride = self.network.spec.stride(flow_scale)
        # Repeating the border keeps the padding from looking like moving content.
        padding = (0, -width % stride, 0, -height % stride)
        if any(padding):
            img0 = F.pad(img0, padding, mode="replicate")
            img1 = F.pad(img1, padding, mode="replicate")
        frame: Tensor = self.network(
            img0, img1, timestep, flow_scale=flow_scale, history=False
        ).frame
        return frame[..., :height, :width]
