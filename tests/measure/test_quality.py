"""The benchmark's figures against independent implementations and against known answers."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from kornia.metrics import ssim3d
from torch import Tensor
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from tests.helpers.frames import frames
from tests.helpers.paths import GOLDEN
from vfi.measure import quality as metrics

TRAIN_GOLDEN = GOLDEN / "rife_64x96_train.npz"
FUNCTIONS = [metrics.psnr, metrics.ssim_matlab, metrics.ssim_2d, metrics.interpolation_error]


def reference_ssim_matlab(pred: Tensor, target: Tensor) -> Tensor:
    padded = [F.pad(x.unsqueeze(1), (5,) * 6, mode="replicate") for x in (pred, target)]
    return ssim3d(*padded, 11, max_val=1.0, padding="valid").mean((1, 2, 3, 4))


def test_psnr_is_per_image_and_agrees_with_torchmetrics():
    pred, target = frames()
    pairs = zip(pred, target, strict=True)
    expected = [peak_signal_noise_ratio(p, t, data_range=1.0) for p, t in pairs]
    torch.testing.assert_close(metrics.psnr(pred, target), torch.stack(expected))


def test_psnr_and_interpolation_error_of_a_known_difference():
    target = torch.full((1, 3, 4, 5), 0.5)
    pred = target + 0.1
    assert metrics.psnr(pred, target).item() == pytest.approx(20.0, abs=1e-5)
    assert metrics.interpolation_error(pred, target).item() == pytest.approx(25.5, abs=1e-4)


def test_a_perfect_frame_scores_the_finite_cap():
    pred, target = frames(count=2)
    pred[0] = target[0]
    assert metrics.psnr(pred, target)[0].item() == metrics.PERFECT_PSNR == 100
    assert metrics.psnr(pred, target)[1].item() < 40
    assert metrics.ssim_matlab(pred, target)[0].item() == pytest.approx(1, abs=1e-6)
    assert metrics.interpolation_error(pred, target)[0].item() == 0


@pytest.mark.parametrize(("height", "width"), [(64, 96), (13, 40), (7, 5)])
def test_ssim_matlab_agrees_with_the_three_dimensional_convolution(height: int, width: int):
    pred, target = frames(2, height, width)
    expected = reference_ssim_matlab(pred, target)
    torch.testing.assert_close(metrics.ssim_matlab(pred, target), expected, atol=5e-6, rtol=0)


def test_ssim_matlab_gives_the_authors_value():
    golden = np.load(TRAIN_GOLDEN)
    gt, img0 = (torch.from_numpy(golden[k]).float() / 255 for k in ("gt", "img0"))
    expected = golden["ssim_matlab_gt_img0"].item()
    assert metrics.ssim_matlab(gt, img0).item() == pytest.approx(expected, abs=5e-6)


@pytest.mark.parametrize(("height", "width"), [(32, 45), (7, 11)])
def test_ssim_2d_is_that_of_torchmetrics_and_not_the_benchmarks(height: int, width: int):
    pred, target = frames(3, height, width)
    expected = structural_similarity_index_measure(pred, target, data_range=1.0, reduction="none")
    torch.testing.assert_close(metrics.ssim_2d(pred, target), expected, atol=5e-6, rtol=0)
    assert (metrics.ssim_matlab(pred, target) - expected).abs().min() > 1e-3


@pytest.mark.parametrize("function", FUNCTIONS)
def test_batches_and_types_do_not_change_an_images_value(function):
    pred, target = frames()
    pairs = zip(pred.split(1), target.split(1), strict=True)
    single = torch.cat([function(p, t) for p, t in pairs])
    torch.testing.assert_close(function(pred, target), single)
    half = pred.bfloat16()
    torch.testing.assert_close(function(half, target), function(half.float(), target))
    torch.testing.assert_close(function(target, half), function(target, half.float()))
    assert function(pred.double(), target).dtype == torch.float64
    assert function(half, target.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize("function", FUNCTIONS)
def test_autocast_costs_no_precision(function):
    pred, target = frames()
    with torch.autocast("cpu", torch.bfloat16):
        value = function(pred, target)
    assert torch.equal(value, function(pred, target))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_gradients_flow(function):
    pred, target = frames()
    function(pred.requires_grad_(), target).sum().backward()
    assert pred.grad.isfinite().all()
    assert pred.grad.abs().flatten(1).amax(1).min() > 0


@pytest.mark.parametrize("function", FUNCTIONS)
def test_arguments_stay_as_they_are(function):
    pred, target = frames()
    before = pred.clone(), target.clone()
    function(pred, target)
    assert torch.equal(pred, before[0])
    assert torch.equal(target, before[1])


def test_quantize_rounds_halves_to_even_as_numpy_does_and_clamps():
    levels = torch.tensor([-3.0, 0.4, 0.5, 1.5, 2.5, 254.4, 254.6, 300.0])
    expected = np.round(levels.clamp(0, 255).numpy())
    np.testing.assert_array_equal(metrics.quantize(levels / 255).numpy() * 255, expected)
    eight_bit = torch.arange(256) / 255
    assert torch.equal(metrics.quantize(eight_bit), eight_bit)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_wrong_shapes_and_types_are_quoted(function):
    pred, target = frames()
    shapes = r"^pred and target must both be \(B, 3, H, W\), got "
    with pytest.raises(ValueError, match=shapes + r"\(3, 3, 24, 37\) and \(2, 3, 24, 37\)"):
        function(pred, target[:2])
    for part in (pred[0], pred[:0], pred[:, :2], pred[None]):
        with pytest.raises(ValueError, match=shapes + re.escape(str(tuple(part.shape)))):
            function(part, part)
    types = r"^pred and target must be floats in \[0, 1\], got .*uint8.*divide 8-bit frames by 255"
    levels = (pred * 255).byte()
    for pair in ((levels, levels), (pred, levels), (levels, target)):
        with pytest.raises(ValueError, match=types):
            function(*pair)


def test_ssim_2d_names_the_smallest_size():
    with pytest.raises(ValueError, match=r"at least 6, got \(1, 3, 5, 64\)"):
        metrics.ssim_2d(torch.rand(1, 3, 5, 64), torch.rand(1, 3, 5, 64))


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_frames_that_are_not_finite_are_an_error_that_names_the_image(function, value: float):
    pred, target = frames()
    target[1, 2, 3, 4] = value
    with pytest.raises(ValueError, match=r"target \(3, 3, 24, 37\) holds NaN .* image 1 of the"):
        function(pred, target)
    with pytest.raises(ValueError, match=r"^pred \("):
        function(target, pred)
    pred[0, 0, 0, 0] = value
    named = r"^pred and target .* image 0, 1 of the batch; check the input frames and the weights$"
    with pytest.raises(ValueError, match=named):
        function(pred, target)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_difference_that_is_too_large_is_named(function):
    pred, target = frames()
    pred[:] = 3e38
    with pytest.raises(ValueError, match=r"^pred - target \(3, 3, 24, 37\) holds NaN or infinite"):
        function(pred, target)


def test_images_are_summed_in_float64():
    """So that threads and their number leave the last digit as it is."""
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(16, 3, 64, 96, generator=generator) / 9
    pred = target + 0.85
    error = (pred - target).square().double().mean((1, 2, 3))
    assert metrics.psnr(pred, target).equal((-10 * error.log10()).float())
    absolute = (pred - target).abs().double().mean((1, 2, 3))
    assert metrics.interpolation_error(pred, target).equal((absolute * 255).float())
    single = (-10 * (pred - target).square().mean((1, 2, 3)).log10()).equal(
        metrics.psnr(pred, target)
    )
    assert not single  # in float32 it would differ
    assert metrics._ssim(pred, target, torch.clone).dtype == torch.float64
