"""Repair without training: consumers are re-fitted so that what pruning took is missed less.

A convolution that lost some of its inputs, or whose inputs changed because layers before it were
pruned, no longer puts out what it did. Linear least squares finds the weights and the bias that,
from the pruned network's inputs, come nearest to what the dense network puts out (its activations
before the PReLU), layer after layer in the order of computation, so that each layer also makes up
for what those before it could not mend. It is what He et al. (Channel Pruning for Accelerating Very
Deep Neural Networks, ICCV 2017) do with each layer's inputs, and takes no gradient.

Dense targets are computed by the dense network's same block from the pruned network's frames, flow
and mask: both then see the same pixels in the same places. Features along the dense network's own
flow lie elsewhere, and were a worse guide.
"""

import contextlib
import copy
import functools
import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vfi.models import RIFE, Interpolator
from vfi.pruning.channels import Conv
from vfi.pruning.importance import Batch
from vfi.pruning.plan import PruningPlan
from vfi.pruning.regression import Positions, choose_positions, regress, sample_outputs

logger = logging.getLogger(__name__)

_OF_A_FRAME = ("encode", "contextnet")  # run once a frame; what reads their features is judged


def repair(
    network: RIFE,
    dense: RIFE,
    plan: PruningPlan,
    batches: Iterable[Batch],
    *,
    ridges: Sequence[float] = (0.01, 0.1, 1.0),
    positions: int = 16384,
    held_out: float = 0.2,
    seed: int = 0,
) -> RIFE:
    """A copy of a pruned network with every layer re-fitted to the dense network, without training.

    The last images are kept out of the fits and judge them. Each output channel of a layer takes
    the fit, among those of all ridges, that errs least there, and stays as it is if none improves;
    each block, and the refine stage, stays as it was if its result does not improve.

    All batches are in memory at once, with the features of one layer: about 60 MB for an image of
    256 x 256 pixels. More and larger images are better: a layer at 1/32 of the resolution sees
    only 64 positions of such an image and may have a thousand unknowns.

    Args:
        network: what `compact` made of ``dense``; it is not changed.
        dense: the network before pruning, on the same device.
        plan: what was pruned.
        batches: calibration images, all of the same size; the ground truth is not looked at.
        ridges: strengths of the pull toward the weights as they are, relative to the mean power of
            a layer's inputs.
        positions: at most so many positions of a layer's output are fitted, over all images.
        held_out: fraction of the images that judge the fits, in (0, 1).
        seed: of the positions' choice.

    Raises:
        ValueError: if the plan is for other networks, a setting is out of range, or there are fewer
            than two images.
    """
    _check(network, dense, plan, ridges, positions, held_out)
    img0, img1, timestep = _stacked(batches, network.spec.arbitrary_timestep)
    judges = max(1, round(held_out * len(img0)))
    # A test hook runs under inference mode; weights made there could never be trained.
    with torch.inference_mode(False), torch.no_grad():
        repaired = copy.deepcopy(network).eval()
        judging = torch.arange(len(img0), device=img0.device) >= len(img0) - judges
        per_image = max(1, positions // len(img0))
        repairer = _Repairer(network, dense, plan, judging, ridges, per_image, seed)
        with repairer.attached(repaired):
            Interpolator(repaired)(img0, img1, timestep)
    return repaired.train(network.training)


class _Repairer:
    """Runs the dense network stage by stage beside the pruned one, and re-fits that as it runs."""

    def __init__(
        self,
        pruned: RIFE,
        dense: RIFE,
        plan: PruningPlan,
        judging: Tensor,
        ridges: Sequence[float],
        per_image: int,
        seed: int,
    ) -> None:
        self.pruned = pruned
        self.dense = dense
        self.judging = judging
        self.ridges = ridges
        self.per_image = per_image
        self.generator = torch.Generator().manual_seed(seed)
        self.kept = {
            producer: list(plan.keep[name]) for producer, name in plan.groups.producers.items()
        }
        self.contexts: list[list[Tensor]] = []  # the dense network's, of each frame
        self.entered: set[str] = set()
        self.samples: dict[str, tuple[Positions, Tensor]] = {}
        self.wanted: dict[str, Tensor] = {}  # the output of the dense stage that runs now

    @contextlib.contextmanager
    def attached(self, network: RIFE) -> Iterator[None]:
        """While this lasts, a run of the pruned network repairs it."""
        with contextlib.ExitStack() as hooks:
            for name, stage in network.named_children():
                hook = functools.partial(self._enter_stage, name)
                hooks.callback(stage.register_forward_pre_hook(hook).remove)
                if name not in _OF_A_FRAME:
                    hook = functools.partial(self._leave_stage, name)
                    hooks.callback(stage.register_forward_hook(hook).remove)
                for conv_name, conv in _convolutions(name, stage):
                    hook = functools.partial(self._enter_convolution, conv_name)
                    hooks.callback(conv.register_forward_pre_hook(hook).remove)
            yield

    def _enter_stage(self, name: str, _: nn.Module, args: tuple[Any, ...]) -> None:
        """Before a stage: samples what the dense one makes of the same frames, flow and mask."""
        stage = self.dense.get_submodule(name)
        with contextlib.ExitStack() as hooks:
            if name not in self.entered:  # both frames see one network: one fit
                for conv_name, conv in _convolutions(name, stage):
                    hook = functools.partial(self._sample, conv_name)
                    hooks.callback(conv.register_forward_hook(hook).remove)
            outputs = stage(args[0], *self.contexts) if name == "unet" else stage(*args)
        self.entered.add(name)
        if name == "contextnet":
            self.contexts.append(outputs)
        elif name not in _OF_A_FRAME:
            self.wanted = {name: self._judged(outputs)}

    def _sample(self, name: str, conv: Conv, args: tuple[Tensor], outputs: Tensor) -> None:
        """After a dense convolution: keeps some outputs of the channels that were kept."""
        kept = self.kept.get(name, list(range(conv.out_channels)))
        if kept:
            places = choose_positions(conv, args[0], outputs, self.per_image, self.generator)
            self.samples[name] = places, sample_outputs(conv, outputs, places)[..., kept]

    def _enter_convolution(self, name: str, conv: Conv, args: tuple[Tensor]) -> None:
        """Before a convolution of the pruned network: re-fits it, the first time that it runs."""
        if name not in self.samples:
            return
        places, targets = self.samples.pop(name)
        judging = self.judging[places.image]
        before, after = regress(conv, args[0], targets, places, judging, self.ridges)
        logger.debug("%s: squared error on held-out images %.3g -> %.3g", name, before, after)

    def _leave_stage(self, name: str, stage: nn.Module, args: tuple[Any, ...], outputs: Any) -> Any:
        """After a stage: undoes its repair if on the whole it did more harm than good."""
        unrepaired, wanted = self.pruned.get_submodule(name), self.wanted[name]
        instead = unrepaired(*args)
        before, after = (
            (self._judged(result) - wanted).square().mean().item() for result in (instead, outputs)
        )
        logger.info("%s: squared error on held-out images %.3g -> %.3g", name, before, after)
        if after <= before:
            return outputs
        stage.load_state_dict(unrepaired.state_dict())
        return instead

    def _judged(self, outputs: Any) -> Tensor:
        """What a stage makes of the held-out images: flow and mask, or the frame's correction."""
        outputs = torch.cat(outputs, 1) if isinstance(outputs, tuple) else outputs
        return outputs[self.judging]


def _convolutions(prefix: str, stage: nn.Module) -> list[tuple[str, Conv]]:
    return [
        (f"{prefix}.{name}", module)
        for name, module in stage.named_modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
    ]


def _check(
    network: RIFE,
    dense: RIFE,
    plan: PruningPlan,
    ridges: Sequence[float],
    positions: int,
    held_out: float,
) -> None:
    if network.spec.for_inference() != plan.narrow(dense.spec).for_inference():
        raise ValueError(
            "the network is not what the plan leaves of dense; give compact(dense, plan)"
        )
    if not ridges or min(ridges) <= 0:
        raise ValueError(f"ridges are {list(ridges)}; give at least one, all above 0")
    if positions < 1:
        raise ValueError(f"positions is {positions}; it must be at least 1")
    if not 0 < held_out < 1:
        raise ValueError(f"held_out is {held_out}; it must be between 0 and 1")


def _stacked(
    batches: Iterable[Batch], with_timestep: bool
) -> tuple[Tensor, Tensor, Tensor | float]:
    """All images of all batches, and their timesteps."""
    batches = list(batches)
    sizes = {tuple(batch["img0"].shape[2:]) for batch in batches}
    if len(sizes) > 1:
        raise ValueError(
            f"calibration images have sizes {sorted(sizes)}; they must all be the same"
        )
    count = sum(len(batch["img0"]) for batch in batches)
    if count < 2:
        raise ValueError(f"repair needs at least two calibration images and got {count}")
    img0, img1 = (torch.cat([batch[name] for batch in batches]) for name in ("img0", "img1"))
    if not with_timestep:
        return img0, img1, 0.5
    steps = [
        torch.as_tensor(batch.get("timestep", 0.5)).flatten().expand(len(batch["img0"]))
        for batch in batches
    ]
    return img0, img1, torch.cat(steps)
