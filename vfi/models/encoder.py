"""The encoder of a frame in the later networks."""

from torch import Tensor, nn

from vfi.models.ifnet import activation
from vfi.models.parts import EncoderSpec


class Encoder(nn.Module):
    """The authors' ``Head``: a few features of a frame, at its resolution."""

    def __init__(self, spec: EncoderSpec) -> None:
        super().__init__()
        self.depth, inputs = len(spec.widths), 3
        for index, width in enumerate(spec.widths):
            self.add_module(f"cnn{index}", nn.Conv2d(inputs, width, 3, 1 if index else 2, 1))
            self.add_module(f"relu{index}", activation(width, spec.slope))
            inputs = width
        self.add_module(f"cnn{self.depth}", nn.ConvTranspose2d(inputs, spec.out, 4, 2, 1))

    def forward(self, image: Tensor) -> Tensor:
        """``(B, 3, H, W)`` -> ``(B, spec.out, H, W)``."""
        for layer in self.children():
            image = layer(image)
        return image
