"""Least squares finds the convolution that made the data."""

import pytest
import torch
from torch import nn

from vfi.pruning.regression import choose_positions, regress, sample_outputs

LAYERS = {
    "plain": lambda: nn.Conv2d(3, 4, 3, 1, 1),
    "of stride 2": lambda: nn.Conv2d(3, 4, 3, 2, 1),
    "transposed": lambda: nn.ConvTranspose2d(3, 4, 4, 2, 1),
}


def data(make, places=400):
    """A convolution to find, another one, inputs, sampled outputs, and where a fifth judges."""
    torch.manual_seed(0)
    wanted, conv = make(), make()
    inputs = torch.randn(5, 3, 16, 16)
    with torch.no_grad():
        outputs = wanted(inputs)
    generator = torch.Generator().manual_seed(1)
    positions = choose_positions(conv, inputs, outputs, places, generator)
    return wanted, conv, inputs, outputs, positions, positions.image == 4


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
@torch.no_grad()
def test_the_weights_that_made_the_outputs_are_found(make):
    wanted, conv, inputs, outputs, places, judging = data(make)
    targets = sample_outputs(conv, outputs, places)
    before, after = regress(conv, inputs, targets, places, judging, (1e-6,))
    assert after < 1e-6 < 0.01 < before
    torch.testing.assert_close(conv.weight, wanted.weight, rtol=0, atol=1e-3)
    torch.testing.assert_close(conv.bias, wanted.bias, rtol=0, atol=1e-3)


@torch.no_grad()
def test_a_strong_pull_changes_less():
    moved = []
    for ridge in (0.1, 10.0):
        _, conv, inputs, outputs, places, judging = data(LAYERS["plain"])
        start = conv.weight.clone()
        targets = sample_outputs(conv, outputs, places)
        regress(conv, inputs, targets, places, judging, (ridge,))
        moved.append((conv.weight - start).norm())
    assert moved[0] > 2 * moved[1] > 0


@torch.no_grad()
def test_what_does_not_help_where_it_is_judged_is_left_alone():
    _, conv, inputs, _, places, judging = data(LAYERS["plain"])
    start = conv.weight.clone()
    targets = sample_outputs(conv, conv(inputs), places)  # the judges want it as it is
    targets[:, ~judging] += torch.randn_like(targets[:, ~judging])
    before, after = regress(conv, inputs, targets, places, judging, (0.01,))
    assert before == after
    assert conv.weight.equal(start)


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_sampled_outputs_are_those_of_the_places(make):
    _, conv, inputs, outputs, places, _ = data(make, places=3)
    sampled = sample_outputs(conv, outputs, places)
    phases = 4 if isinstance(conv, nn.ConvTranspose2d) else 1
    assert sampled.shape == (phases, 15, 4)
    image, row, column = (part[7] for part in places)
    step = 2 if phases == 4 else 1
    assert sampled[0, 7].equal(outputs[image, :, row * step, column * step])
    if phases == 4:
        assert sampled[3, 7].equal(outputs[image, :, row * 2 + 1, column * 2 + 1])
    everything = choose_positions(conv, inputs, outputs, 10**6, torch.Generator())
    grid = inputs if phases == 4 else outputs
    assert len(everything.image) == len(grid) * grid.shape[2] * grid.shape[3]
