"""RIFE (Huang et al., Real-Time Intermediate Flow Estimation, ECCV 2022), driven by a spec."""

import dataclasses

import torch
from torch import Tensor, nn
from typing_extensions import override

from vfi.models.encoder import Encoder
from vfi.models.estimate import Estimate, Prepared, RIFEOutput, image_of
from vfi.models.ifnet import IFBlock
from vfi.models.refine import UNET_SIGNALS, ContextNet, UNet
from vfi.models.spec import RIFESpec, Step
from vfi.models.warp import concatenate, resize, resize_flow, warp


class RIFE(nn.Module):
    """Any network of the RIFE family: official or pruned, as its spec says.

    The parameter names are those of the official files. One data-dependent branch of the authors'
    version 4.0 is left out on purpose: it doubles all scales when the second block's residual
    exceeds 32 pixels in both directions; ``flow_scale`` does the same by choice, for every input.
    """

    def __init__(self, spec: RIFESpec) -> None:
        super().__init__()
        self.spec = spec
        for index, block in enumerate(spec.blocks):
            inputs = spec.block_channels(index)
            self.add_module(f"block{index}", IFBlock(inputs, block, spec.features))
        if spec.encoder is not None:
            self.encode = Encoder(spec.encoder)
        if spec.teacher is not None:
            self.block_tea = IFBlock(spec.teacher_channels, spec.teacher)
        if spec.refine is not None:
            self.contextnet = ContextNet(spec.refine)
            self.unet = UNet(spec.refine)

    def forward(
        self,
        img0: Tensor | Prepared,
        img1: Tensor | Prepared,
        timestep: float | Tensor = 0.5,
        gt: Tensor | None = None,
        flow_scale: float = 1.0,
        history: bool = True,
    ) -> RIFEOutput:
        """Estimates the frame at ``timestep`` between ``img0`` (time 0) and ``img1`` (time 1).

        Args:
            img0: ``(B, 3, H, W)`` in [0, 1]; H and W multiples of ``spec.stride(flow_scale)``. Or
                what `prepare` made of it, for the same bits in less time.
            img1: likewise.
            timestep: in [0, 1], a number or a tensor ``(B,)`` or ``(B, 1, 1, 1)``.
            gt: the true frame ``(B, 3, H, W)``: runs the teacher block too, if there is one.
            flow_scale: flow is estimated at this fraction of the resolution (0.5 suits 4K).
            history: return every block's estimate; without, the last one only, which saves 270 MiB
                at 1920x1080.

        Raises:
            ValueError: if shapes do not fit or the network cannot do this timestep.
        """
        self._check(image_of(img0), image_of(img1), timestep, flow_scale)
        first, second = self._ready(img0, flow_scale), self._ready(img1, flow_scale)
        known = self._known(first, second, timestep)
        last: Estimate | None = None
        kept: list[Estimate] = []
        steps = self.spec.steps(flow_scale)
        for index, step in enumerate(steps):
            names = self.spec.inputs if index else self.spec.first_inputs
            signals = _signals(names, known[step.level], last)
            block, accumulate = self.get_submodule(f"block{index}"), self.spec.accumulate_mask
            flow, mask, features = _advance(block, signals, last, step, accumulate)
            after = step.after
            if index == len(steps) - 1:
                flow, mask, after = resize_flow(flow, after), resize(mask, after), 1.0
            last = Estimate.of(
                (known[after]["img0"], known[after]["img1"]), flow, mask, after, features
            )
            kept = [*kept, last] if history else [last]
        teacher = None if gt is None else self._teach(known[1.0] | {"gt": gt}, kept[-1], flow_scale)
        frame = self._refine(known, kept[-1], (first.context, second.context))
        return RIFEOutput(frame, tuple(kept), (first.image, second.image), teacher)

    def prepare(self, image: Tensor, flow_scale: float = 1.0) -> Prepared:
        """All of `forward` that depends on one frame alone.

        Args:
            image: ``(B, 3, H, W)`` in [0, 1], of a size that `forward` takes.
            flow_scale: as `forward` will be given it.

        Raises:
            ValueError: if its shape does not fit.
        """
        self._check(image, image, 0.5, flow_scale)
        made = self._resized(image, flow_scale)
        if self.spec.refine is None:
            return made
        read = made.levels[float(self.spec.refine.scale)]["img"]
        return dataclasses.replace(made, context=tuple(self.contextnet.features(read)))

    @override
    def extra_repr(self) -> str:
        spec = self.spec
        text = f"{spec.variant}, warp_at_scale={spec.warp_at_scale}"
        return text if spec.finest_scale == 1 else f"{text}, finest_scale={spec.finest_scale}"

    def _ready(self, frame: Tensor | Prepared, flow_scale: float) -> Prepared:
        if not isinstance(frame, Prepared):
            return self._resized(frame, flow_scale)
        if frame.flow_scale != flow_scale:
            raise ValueError(
                f"a frame was prepared for flow_scale {frame.flow_scale}, not {flow_scale}; "
                "prepare it for that one"
            )
        return frame

    def _resized(self, image: Tensor, flow_scale: float) -> Prepared:
        """What blocks read of a frame, at every resolution that any of them works at."""
        whole = {"img": image}
        if self.spec.encoder is not None:
            whole["encoded"] = self.encode(image)
        refined = {float(self.spec.refine.scale)} if self.spec.refine else set()
        steps = self.spec.steps(flow_scale)
        levels = {1.0, *refined, *(x for step in steps for x in (step.level, step.after))}
        return Prepared(
            image,
            flow_scale,
            {x: {name: resize(part, 1 / x) for name, part in whole.items()} for x in levels},
        )

    def _known(
        self, first: Prepared, second: Prepared, timestep: float | Tensor
    ) -> dict[float, dict[str, Tensor]]:
        """What blocks read that no block has made, by level."""
        known = {}
        for level, parts in first.levels.items():
            known[level] = {f"{name}0": part for name, part in parts.items()}
            known[level] |= {f"{name}1": part for name, part in second.levels[level].items()}
            if self.spec.arbitrary_timestep:
                known[level]["timestep"] = _plane(timestep, known[level]["img0"])
        return known

    def _check(
        self, img0: Tensor, img1: Tensor, timestep: float | Tensor, flow_scale: float
    ) -> None:
        if img0.ndim != 4 or img0.shape[1] != 3 or img0.shape != img1.shape:
            raise ValueError(
                f"frames have shapes {tuple(img0.shape)} and {tuple(img1.shape)}; "
                "both must be the same (B, 3, H, W)"
            )
        stride = self.spec.stride(flow_scale)
        if img0.shape[2] % stride or img0.shape[3] % stride:
            raise ValueError(
                f"frames are {img0.shape[2]}x{img0.shape[3]}; height and width must be multiples "
                f"of {stride}: wrap the network in vfi.models.Interpolator, which pads"
            )
        if not self.spec.arbitrary_timestep and bool((torch.as_tensor(timestep) != 0.5).any()):
            raise ValueError(
                f"timestep is {timestep}; {self.spec.variant} only makes the middle frame (0.5)"
            )

    def _teach(
        self, known: dict[str, Tensor], last: Estimate, flow_scale: float
    ) -> Estimate | None:
        """The teacher block's estimate, if there is such a block; ``known`` has the truth."""
        if self.spec.teacher is None:
            return None
        signals = _signals(self.spec.teacher_inputs, known, last)
        step = Step(self.spec.teacher.scale / flow_scale, 1.0, 1.0)
        flow, mask, _ = _advance(self.block_tea, signals, last, step, True)
        return Estimate.of((known["img0"], known["img1"]), flow, mask)

    def _refine(
        self,
        known: dict[float, dict[str, Tensor]],
        last: Estimate,
        contexts: tuple[tuple[Tensor, ...] | None, tuple[Tensor, ...] | None],
    ) -> Tensor:
        if self.spec.refine is None:
            return last.merged
        scale = self.spec.refine.scale
        names = ("warped0", "warped1", "mask")
        shrunk = (resize(signal, 1 / scale) for signal in _signals(names, {}, last))
        estimated = dict(zip(names, shrunk, strict=True))
        signals = _signals(UNET_SIGNALS, known[scale] | estimated, last)
        flow = resize_flow(last.flow, 1 / scale)
        context0 = self.contextnet(signals[0], flow[:, :2], known=contexts[0])
        context1 = self.contextnet(signals[1], flow[:, 2:], known=contexts[1])
        read = concatenate((*signals, flow), self.unet)
        residual = self.unet(read, context0, context1)
        return (last.merged + resize(residual, scale)).clamp(0, 1)


def _plane(timestep: float | Tensor, like: Tensor) -> Tensor:
    """The timestep as a constant image ``(B, 1, H, W)``."""
    batch, _, height, width = like.shape
    if not isinstance(timestep, Tensor):
        timestep = like.new_full((1,), timestep)
    elif timestep.numel() not in (1, batch):
        raise ValueError(
            f"timestep has shape {tuple(timestep.shape)}; give one number or {batch}, one a pair"
        )
    return timestep.to(like).reshape(-1, 1, 1, 1).expand(batch, 1, height, width)


def _signals(
    names: tuple[str, ...], known: dict[str, Tensor], previous: Estimate | None
) -> list[Tensor]:
    """The named signals as tensors; what ``known`` lacks is read off the previous estimate."""
    return [known[name] if name in known else _derived(name, known, previous) for name in names]


def _derived(name: str, known: dict[str, Tensor], previous: Estimate | None) -> Tensor:
    if previous is None:
        raise ValueError(f"the first block cannot read {name!r}: there is no flow yet")
    if name.startswith("warped_"):
        flow = previous.flow[:, :2] if name.endswith("0") else previous.flow[:, 2:]
        return warp(known[name.removeprefix("warped_")], flow)
    signal: Tensor = getattr(previous, {"mask": "mask_logit"}.get(name, name))
    return signal


def _advance(
    block: nn.Module,
    signals: list[Tensor],
    previous: Estimate | None,
    step: Step,
    accumulate_mask: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Runs one block and adds its residuals to the previous estimate; see `IFBlock.forward`.

    Flow and mask accumulate in at least float32, so autocast costs no sub-pixel precision.
    """
    flow, mask, features = block(signals, previous.flow if previous else None, step)
    dtype = torch.promote_types(flow.dtype, torch.float32)
    flow, mask = flow.to(dtype), mask.to(dtype)
    if previous is not None:
        factor = step.level / step.after
        flow = resize_flow(previous.flow, factor) + flow
        if accumulate_mask:
            mask = resize(previous.mask_logit, factor) + mask
    return flow, mask, features
