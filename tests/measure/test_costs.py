"""Costs against counts by hand."""

import pytest
import torch
from torch import nn

from tests.helpers.small_networks import narrow_network
from vfi import measure
from vfi.models import RIFE, Interpolator, variant


@pytest.fixture(scope="module")
def network() -> RIFE:
    return narrow_network()


def test_parameters_leave_out_the_teacher(network):
    without = RIFE(network.spec.for_inference())
    expected = sum(p.numel() for p in without.parameters())
    assert measure.parameters(network) == measure.parameters(without) == expected
    assert measure.parameters(Interpolator(network)) == expected
    assert sum(p.numel() for p in network.parameters()) > expected


def test_weights_size_is_in_the_type_they_have(network):
    without = RIFE(network.spec.for_inference())
    size = measure.weights_mib(network)
    assert size == pytest.approx(measure.parameters(network) * 4 / 2**20)
    assert measure.weights_mib(without.half()) == pytest.approx(size / 2)


@pytest.mark.parametrize(
    ("height", "width", "flow_scale"), [(64, 96, 1.0), (50, 70, 1.0), (64, 96, 0.5)]
)
def test_flops_are_two_for_each_multiplication_of_every_convolution(
    network, height, width, flow_scale
):
    macs = 0

    def count(module: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        nonlocal macs
        # A convolution uses its kernel once an output pixel, a transposed one once an input pixel.
        pixels = inputs[0] if isinstance(module, nn.ConvTranspose2d) else output
        macs += pixels.shape[0] * pixels.shape[2] * pixels.shape[3] * module.weight.numel()

    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    hooks = [module.register_forward_hook(count) for module in convolutions]
    frame = torch.rand(1, 3, height, width)
    with torch.inference_mode():
        Interpolator(network)(frame, frame, flow_scale=flow_scale)
    for hook in hooks:
        hook.remove()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert measure.flops(network, height, width, flow_scale) == 2 * macs > 0
    assert measure.flops(Interpolator(network), height, width, flow_scale) == 2 * macs
    assert all(torch.equal(t, before[n]) for n, t in network.state_dict().items())
    result = measure.efficiency(network, height, width, flow_scale)
    assert (result.macs, result.flops) == (macs, 2 * macs)
    assert result.parameters == measure.parameters(network)


def test_only_convolutions_are_counted():
    class Warp(nn.Module):
        def forward(self, img0: torch.Tensor, img1: torch.Tensor) -> torch.Tensor:
            grid = torch.zeros(1, 8, 8, 2, device=img0.device)
            moved = nn.functional.grid_sample(img0, grid, align_corners=True)
            return nn.functional.interpolate(moved + img1, scale_factor=2)

    with torch.utils.flop_counter.FlopCounterMode(display=False) as counter:
        Warp()(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8))
    assert counter.get_total_flops() == 0


def test_official_figures():
    with torch.device("meta"):
        official = RIFE(variant("rife_v4.0"))
    figures = measure.efficiency(official, 480, 640)
    assert figures.parameters == 8_412_855
    assert figures.macs == 24_817_036_800
    assert figures.flops == 2 * figures.macs
