"""The refine stage: context features warped to the new frame, and a U-Net that corrects it."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from vfi.models.ifnet import conv
from vfi.models.parts import UNET_STAGES, RefineSpec, StageSpec
from vfi.models.spec import FLOW_CHANNELS, SIGNALS
from vfi.models.warp import concatenate, resize_flow, warp

UNET_SIGNALS = ("img0", "img1", "warped0", "warped1", "mask")
"""What the U-Net reads at full resolution, in order, before the flow."""


class Stage(nn.Module):
    """Two convolutions, the first of stride 2 (the authors' ``Conv2``)."""

    def __init__(self, inputs: int, spec: StageSpec) -> None:
        super().__init__()
        self.conv1 = conv(inputs, spec.inner, 2)
        self.conv2 = conv(spec.inner, spec.out)

    def forward(self, features: Tensor) -> Tensor:
        """``(B, C, H, W)`` -> ``(B, spec.out, H / 2, W / 2)``."""
        made: Tensor = self.conv2(self.conv1(features))
        return made


class ContextNet(nn.Module):
    """Features of one frame at four scales, each warped to the time of the new frame."""

    def __init__(self, spec: RefineSpec) -> None:
        super().__init__()
        inputs = 3
        for index, stage in enumerate(spec.context, start=1):
            self.add_module(f"conv{index}", Stage(inputs, stage))
            inputs = stage.out

    def forward(
        self, image: Tensor, flow: Tensor, known: Sequence[Tensor] | None = None
    ) -> list[Tensor]:
        """Warped features of ``image`` ``(B, 3, H, W)`` at 1/2, 1/4, 1/8 and 1/16 resolution.

        Args:
            image: ``(B, 3, H, W)``.
            flow: ``(B, 2, H, W)`` in pixels.
            known: what `features` gave of the image, if that is known.
        """
        pyramid = []
        for features in known or self.features(image):
            flow = resize_flow(flow, 0.5)
            pyramid.append(warp(features, flow))
        return pyramid

    def features(self, image: Tensor) -> Iterator[Tensor]:
        """Features of ``image`` ``(B, 3, H, W)`` where they are, at the same resolutions."""
        features = image
        for stage in self.children():
            features = stage(features)
            yield features


class UNet(nn.Module):
    """Encoder and decoder with skips, fed with both frames' context at every scale."""

    def __init__(self, spec: RefineSpec) -> None:
        super().__init__()
        context = [2 * stage.out for stage in spec.context]  # both frames
        skips = [stage.out for stage in spec.down]
        image = sum(SIGNALS[name] for name in UNET_SIGNALS) + FLOW_CHANNELS
        for index, stage in enumerate(spec.down):
            inputs = image if index == 0 else skips[index - 1] + context[index - 1]
            self.add_module(f"down{index}", Stage(inputs, stage))
        decoder_skips = [context[-1], *skips[-2::-1]]
        below = skips[-1]
        for index, (width, skip) in enumerate(zip(spec.up, decoder_skips, strict=True)):
            up = nn.Sequential(nn.ConvTranspose2d(below + skip, width, 4, 2, 1), nn.PReLU(width))
            self.add_module(f"up{index}", up)
            below = width
        self.conv = nn.Conv2d(below, 3, 3, 1, 1)

    def forward(self, signals: Tensor, context0: list[Tensor], context1: list[Tensor]) -> Tensor:
        """The correction of the merged frame.

        Args:
            signals: ``(B, 17, H, W)``: `UNET_SIGNALS` (the mask as a logit) and the flow.
            context0: `ContextNet` of frame 0.
            context1: `ContextNet` of frame 1.

        Returns:
            ``(B, 3, H, W)`` in [-1, 1], to be added to the frame.
        """
        encoder = [self.get_submodule(f"down{index}") for index in range(UNET_STAGES)]
        decoder = [self.get_submodule(f"up{index}") for index in range(UNET_STAGES)]
        skips = [encoder[0](signals)]
        for down, *contexts in zip(encoder[1:], context0[:-1], context1[:-1], strict=True):
            skips.append(down(concatenate((skips[-1], *contexts), down)))
        coarsest = skips.pop(), context0[-1], context1[-1]
        features = decoder[0](concatenate(coarsest, decoder[0]))
        for up in decoder[1:]:
            features = up(concatenate((features, skips.pop()), up))
        # The authors' 2 * sigmoid(x) - 1, which bfloat16 would round to steps of 1/128 around 0.
        return torch.tanh(self.conv(features) / 2)
