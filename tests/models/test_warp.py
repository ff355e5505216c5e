"""The warp's conventions: backward, (x, y) in pixels, borders repeated, precise positions."""

import pytest
import torch

from vfi.models import warp
from vfi.models.warp import resize


def constant_flow(x, y, height=8, width=10, dtype=torch.float32):
    return torch.tensor([x, y], dtype=dtype).reshape(1, 2, 1, 1).expand(1, 2, height, width)


@pytest.fixture
def image():
    return torch.rand(1, 3, 8, 10, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("x", "y"), [(0, 0), (2, 0), (0, 3), (-1, 2), (20, -20)])
def test_integer_shift_samples_that_pixel(image, x, y):
    rows = (torch.arange(8) + y).clamp(0, 7)
    columns = (torch.arange(10) + x).clamp(0, 9)
    expected = image[..., rows, :][..., columns]
    torch.testing.assert_close(warp(image, constant_flow(x, y)), expected, atol=1e-5, rtol=0)


def test_half_pixel_averages_neighbours(image):
    warped = warp(image, constant_flow(0.5, 0))
    expected = (image[..., :-1] + image[..., 1:]) / 2
    torch.testing.assert_close(warped[..., :-1], expected, atol=1e-5, rtol=0)


def test_a_single_pixel_is_all_there_is_to_sample():
    image = torch.rand(1, 2, 1, 1)
    assert torch.equal(warp(image, constant_flow(3, -2, 1, 1)), image)


def test_positions_stay_precise_in_half_precision():
    """bfloat16 positions would jump by 8 pixels at the right edge of this image."""
    ramp = torch.linspace(0, 1, 2048).expand(1, 1, 4, 2048)
    flow = constant_flow(1, 0, 4, 2048, torch.bfloat16)
    warped = warp(ramp, flow)
    assert warped.dtype == torch.float32
    torch.testing.assert_close(warped[..., :-1], ramp[..., 1:], atol=1e-5, rtol=0)


def test_double_precision_is_kept(image):
    assert warp(image.double(), constant_flow(1, 1)).dtype == torch.float64


def test_resize_by_one_is_the_image_itself(image):
    assert resize(image, 1) is image
    assert resize(image, 0.5).shape == (1, 3, 4, 5)
