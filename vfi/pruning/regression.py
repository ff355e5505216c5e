"""Linear regression of a convolution: the weights and bias that best make given outputs of inputs.

A convolution is linear in the patch of inputs that an output sees, so some sampled positions tell
what its weights should be. A transposed convolution of stride 2 is four such convolutions, one for
each parity of the output's row and column; they share the bias and nothing else.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vfi.pruning.channels import Conv, bias_of


class Positions(NamedTuple):
    """Places in a batch of images, ``(P,)`` each.

    They count a convolution's outputs; a transposed one's inputs, each of which makes two rows and
    two columns of outputs.
    """

    image: Tensor
    row: Tensor
    column: Tensor


class _Phase(NamedTuple):
    """Along one axis: which of a position's outputs, of which neighbours, by which kernel part."""

    shift: int
    window: tuple[int, ...]
    kernel: slice


_WHOLE = (_Phase(0, (0, 1, 2), slice(None)),)  # kernel 3, padding 1
_PARITIES = (  # kernel 4, stride 2, padding 1
    _Phase(0, (1, 0), slice(1, None, 2)),
    _Phase(1, (2, 1), slice(0, None, 2)),
)


def regress(
    conv: Conv,
    inputs: Tensor,
    targets: Tensor,
    places: Positions,
    judging: Tensor,
    ridges: Sequence[float],
) -> tuple[float, float]:
    """Changes a convolution so that it puts out ``targets``, where the data say how.

    The ridge pulls toward the weights as they are, not toward zero: where the data say little,
    little changes. Each output channel takes the ridge that errs least on the judging positions,
    and stays as it is if none improves on that.

    Args:
        conv: 3 x 3 with padding 1, or transposed 4 x 4 with stride 2 and padding 1.
        inputs: ``(B, C, H, W)``.
        targets: ``(phases, P, outputs)`` as `sample_outputs` gives them.
        places: where they are.
        judging: ``(P,)``, true for positions that judge and are not fitted.
        ridges: strengths of the pull, relative to the mean power of the inputs.

    Returns:
        Mean squared error on the judging positions, before and after.
    """
    patches = _sample_patches(conv, inputs, places)
    old = torch.stack([weights.flatten(1).T for weights in _phase_weights(conv)])
    bias = bias_of(conv)
    missing = targets - patches @ old - bias
    fits = [(torch.zeros_like(old), torch.zeros_like(bias))]
    fits += _solve(patches[:, ~judging], missing[:, ~judging], ridges)
    patches, missing = patches[:, judging], missing[:, judging]
    errors = torch.stack([(missing - patches @ w - b).square().mean((0, 1)) for w, b in fits])
    best = errors.argmin(0)
    outputs = torch.arange(len(best), device=best.device)
    steps = torch.stack([step for step, _ in fits])[best, :, :, outputs]
    for phase, weights in enumerate(_phase_weights(conv)):
        weights.add_(steps[:, phase].reshape(weights.shape))
    bias.add_(torch.stack([b for _, b in fits])[best, outputs])
    return errors[0].mean().item(), errors.amin(0).mean().item()


def choose_positions(
    conv: Conv, inputs: Tensor, outputs: Tensor, count: int, generator: torch.Generator
) -> Positions:
    """``count`` random places of each image, or all if there are fewer.

    Args:
        conv: what made ``outputs`` of ``inputs``.
        inputs: ``(B, C, H, W)``.
        outputs: ``(B, C', H', W')``.
        count: places an image.
        generator: on the CPU.
    """
    height, width = (inputs if isinstance(conv, nn.ConvTranspose2d) else outputs).shape[2:]
    chosen = [torch.randperm(height * width, generator=generator)[:count] for _ in outputs]
    place = torch.cat(chosen).to(outputs.device)
    image = torch.arange(len(outputs), device=outputs.device).repeat_interleave(len(chosen[0]))
    return Positions(image, place // width, place % width)


def sample_outputs(conv: Conv, outputs: Tensor, places: Positions) -> Tensor:
    """The outputs ``(B, C, H, W)`` at some places, as ``(phases, P, C)``."""
    phases = _phases(conv)
    values = outputs.permute(0, 2, 3, 1)
    sampled = [
        values[
            places.image, places.row * len(phases) + a.shift, places.column * len(phases) + b.shift
        ]
        for a, b in itertools.product(phases, repeat=2)
    ]
    return torch.stack(sampled)


def _phases(conv: Conv) -> tuple[_Phase, ...]:
    return _PARITIES if isinstance(conv, nn.ConvTranspose2d) else _WHOLE


def _sample_patches(conv: Conv, inputs: Tensor, places: Positions) -> Tensor:
    """The inputs that the outputs at some places see, ``(phases, P, C * kernel)``."""
    stride = 1 if isinstance(conv, nn.ConvTranspose2d) else conv.stride[0]
    near = torch.arange(3, device=inputs.device)
    rows = (places.row * stride)[:, None, None] + near[:, None]
    columns = (places.column * stride)[:, None, None] + near
    padded = F.pad(inputs, (1, 1, 1, 1)).permute(0, 2, 3, 1)
    patches = padded[places.image[:, None, None], rows, columns].permute(0, 3, 1, 2)
    sampled = [
        patches[:, :, a.window][..., b.window].flatten(1)
        for a, b in itertools.product(_phases(conv), repeat=2)
    ]
    return torch.stack(sampled)


def _phase_weights(conv: Conv) -> list[Tensor]:
    """Views of the weight, one a phase, ``(outputs, C, rows, columns)``."""
    weight = conv.weight.transpose(0, 1) if isinstance(conv, nn.ConvTranspose2d) else conv.weight
    pairs = itertools.product(_phases(conv), repeat=2)
    return [weight[:, :, a.kernel, b.kernel] for a, b in pairs]


def _solve(
    patches: Tensor, missing: Tensor, ridges: Sequence[float]
) -> list[tuple[Tensor, Tensor]]:
    """For every ridge: the weights ``(phases, unknowns, outputs)`` and bias to add.

    The normal equations of the phases only meet in the bias, which is eliminated first.
    """
    gram = (patches.mT @ patches).double()
    wanted = (patches.mT @ missing).double()
    sums = patches.sum(1).double()
    power = gram.diagonal(dim1=1, dim2=2).mean(1)
    floor = torch.finfo(gram.dtype).tiny  # inputs that are all zero leave the weights alone
    fits = []
    for ridge in ridges:
        pull = torch.diag_embed((ridge * power + floor)[:, None].expand(sums.shape))
        factor = torch.linalg.cholesky(gram + pull)
        fit = torch.cholesky_solve(torch.cat((wanted, sums[..., None]), 2), factor)
        fit, slope = fit[..., :-1], fit[..., -1:]
        explained = (sums[..., None] * fit).sum((0, 1))
        free = patches.shape[0] * patches.shape[1] - (sums[..., None] * slope).sum()
        bias = (missing.double().sum((0, 1)) - explained) / free
        fits.append(((fit - slope * bias).to(patches), bias.to(patches)))
    return fits
