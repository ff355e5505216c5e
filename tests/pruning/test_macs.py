"""What a channel costs, against PyTorch's own counter."""

import pytest
import torch

from tests.helpers.small_networks import small_spec
from vfi.measure import flops
from vfi.models import RIFE
from vfi.pruning import channel_groups, channel_macs, with_widths

SIDE = 64


def macs(spec) -> float:
    """Multiply-accumulates a pixel of a frame."""
    with torch.device("meta"):
        network = RIFE(spec)
    return flops(network, SIDE, SIDE) / 2 / SIDE**2


BLOCKS = ("block1.stem", "block2.trunk", "block0.hidden3")
REFINE = ("context.conv2.out", "context.conv4.out", "unet.down0.inner", "unet.up1")


@pytest.mark.parametrize(("name", "groups"), [("rife_v4.0", BLOCKS), ("rife", REFINE)])
def test_macs_of_a_channel_are_what_its_removal_saves(name, groups):
    spec = small_spec(name, refine=groups is REFINE)
    dense, costs = macs(spec), channel_macs(RIFE(spec))
    for group in groups:
        width = channel_groups(spec)[group].width
        saved = dense - macs(with_widths(spec, {group: width - 1}))
        assert saved == pytest.approx(costs[group])


def test_every_group_has_a_cost():
    spec = small_spec("rife_m", refine=False)
    costs = channel_macs(RIFE(spec))
    assert costs.keys() == channel_groups(spec).keys()
    assert min(costs.values()) > 0
