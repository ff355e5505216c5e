"""The lean form makes the frames of the plain network; each rewriting is its plain operation."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.helpers.frames import frames
from tests.helpers.small_networks import fill, small_spec
from vfi.models import RIFE, Options
from vfi.models.warp import warp
from vfi.runtime.lean_finish import ToSquares
from vfi.runtime.lean_layers import Enlarge, Range, top_left
from vfi.runtime.lean_network import LeanRIFE
from vfi.runtime.lean_refine import Resample
from vfi.runtime.lean_rewrites import (
    FLOW_ORDER,
    from_corners,
    from_squares,
    planar_order,
    same_on_corners,
    shrinking_squares,
    strided_on_phases,
    transposed_on_corners,
    transposed_on_phases,
)
from vfi.runtime.lean_sampling import WarpToSquares
from vfi.runtime.ranges import apply_ranges, calibrated, read_ranges, write_ranges

SIZE = (64, 96)


def pair():
    first, second = frames(2, *SIZE)
    return first[:1], second[1:]


def network(variant="rife_v4.0", refine=True, **options):
    spec = small_spec(variant, refine)
    return fill(RIFE(Options(**options).apply(spec)), gain=1.0).eval()


@pytest.mark.parametrize("refine", [True, False])
@pytest.mark.parametrize("options", [{}, {"warp_at_scale": True}, {"finest_scale": 2}])
@pytest.mark.parametrize("variant", ["rife", "rife_m", "rife_v4.0"])
def test_the_frames_are_those_of_the_plain_network(variant, options, refine):
    plain = network(variant, refine, **options)
    lean = LeanRIFE(plain, *SIZE)
    img0, img1 = pair()
    for time in (0.5, 0.3) if plain.spec.arbitrary_timestep else (0.5,):
        with torch.inference_mode():
            expected = plain(img0, img1, time).frame
            made = lean(torch.cat((img0, img1)), torch.tensor([time]))
        torch.testing.assert_close(made, expected, atol=5e-5, rtol=0)


@pytest.mark.parametrize("scales", [(8, 8, 4, 2), (8, 4, 4, 1)])
def test_blocks_at_other_scales(scales):
    plain = network(refine=False, scales=scales, warp_at_scale=True)
    img0, img1 = pair()
    with torch.inference_mode():
        made = LeanRIFE(plain, *SIZE)(torch.cat((img0, img1)), torch.tensor([0.5]))
        torch.testing.assert_close(made, plain(img0, img1, 0.5).frame, atol=5e-5, rtol=0)


@pytest.mark.parametrize("finest_scale", [1, 2, 4])
@pytest.mark.parametrize("refine_scale", [2, 4])
@pytest.mark.parametrize("warp_at_scale", [False, True])
def test_a_refine_stage_at_a_lower_resolution(refine_scale, finest_scale, warp_at_scale):
    plain = network(
        refine_scale=refine_scale, finest_scale=finest_scale, warp_at_scale=warp_at_scale
    )
    img0, img1 = (F.interpolate(frame, (64, 128)) for frame in pair())
    with torch.inference_mode():
        expected = plain(img0, img1, 0.5).frame
        made = LeanRIFE(plain, 64, 128)(torch.cat((img0, img1)), torch.tensor([0.5]))
    torch.testing.assert_close(made, expected, atol=5e-5, rtol=0)


def test_sizes_are_checked():
    with pytest.raises(ValueError, match="multiples of 32"):
        LeanRIFE(network(), 65, 96)


def test_a_strided_convolution_on_phases():
    image, weight = torch.rand(1, 3, 12, 20), torch.randn(5, 3, 3, 3)
    expected = F.conv2d(image, weight, stride=2, padding=1)
    conv = top_left(strided_on_phases(weight, planar_order(3)))
    torch.testing.assert_close(conv(F.pixel_unshuffle(image, 2)), expected, atol=1e-5, rtol=0)


def test_a_convolution_from_phases_to_corners():
    image, weight = torch.rand(1, 3, 12, 20), torch.randn(2, 3, 3, 3)
    expected = F.conv2d(image, weight, padding=1)
    made = F.conv2d(F.pixel_unshuffle(image, 2), same_on_corners(weight), padding=1)
    torch.testing.assert_close(from_corners(made), expected, atol=1e-5, rtol=0)


def test_a_transposed_convolution_makes_corners_or_phases():
    conv = nn.ConvTranspose2d(4, 3, 4, 2, 1, bias=False)
    features, weight = torch.rand(1, 4, 6, 10), conv.weight.detach()
    corners = F.conv2d(features, transposed_on_corners(weight), padding=1)
    phases = F.conv2d(features, transposed_on_phases(weight), padding=1)
    torch.testing.assert_close(from_corners(corners), conv(features), atol=1e-5, rtol=0)
    torch.testing.assert_close(F.pixel_shuffle(phases, 2), conv(features), atol=1e-5, rtol=0)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_enlarging_is_bilinear_to_the_borders(factor):
    planes = torch.rand(1, 4, 5, 7)
    expected = F.interpolate(planes, scale_factor=factor, mode="bilinear") * factor
    made = Enlarge(factor, FLOW_ORDER, factor)(planes)
    phases = F.pixel_unshuffle(expected, 2)
    channels = [4 * signal + phase for signal, phase in FLOW_ORDER]
    torch.testing.assert_close(made, phases[:, channels], atol=1e-5, rtol=0)


@pytest.mark.parametrize("side", [2, 4])
def test_enlarging_to_squares_is_bilinear(side):
    planes = torch.rand(3, 1, 5, 7)
    expected = F.interpolate(planes, scale_factor=side, mode="bilinear").transpose(0, 1)
    made = from_squares(ToSquares(side)(planes).transpose(0, 1), side)
    torch.testing.assert_close(made, expected, atol=1e-5, rtol=0)


def test_shrinking_squares_is_bilinear():
    image = torch.rand(1, 1, 8, 16)
    squares = image.reshape(1, 2, 4, 4, 4).permute(0, 1, 3, 2, 4).reshape(1, 1, 2, 64)
    torch.testing.assert_close(from_squares(squares, 4), image)
    for factor, conv in [(factor, shrinking_squares(4, factor)) for factor in (2, 4)]:
        expected = F.interpolate(image, scale_factor=1 / factor, mode="bilinear")
        made = F.pixel_shuffle(conv(squares), 4 // factor)
        torch.testing.assert_close(made, expected, atol=1e-5, rtol=0)


def test_frames_are_warped_into_squares():
    frames, flow = torch.rand(2, 3, 8, 12), 4 * torch.randn(2, 2, 8, 12)
    squares = flow.reshape(2, 2, 4, 2, 6, 2).permute(0, 3, 5, 1, 2, 4).reshape(2, 8, 4, 6)
    made = WarpToSquares(8, 12, 2)(frames, squares).reshape(1, 6, 4, 24)
    expected = torch.cat([warp(frames[k : k + 1], flow[k : k + 1]) for k in (0, 1)], 1)
    torch.testing.assert_close(from_squares(made, 2), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("up", "down"), [(2, 2), (4, 4), (4, 2), (2, 4)])
def test_enlarging_and_shrinking_in_one(up, down):
    planes = torch.rand(1, 3, 8, 12)
    whole = F.interpolate(planes, scale_factor=up, mode="bilinear")
    expected = F.interpolate(whole, scale_factor=1 / down, mode="bilinear") * 3
    made = Resample(up, down, 3, gain=3)(planes)
    torch.testing.assert_close(made, expected, atol=1e-5, rtol=0)


def test_eight_bits_stay_near_the_frames_and_are_kept_in_a_file(tmp_path):
    plain = network()
    img0, img1 = pair()
    ranges = calibrated(plain, [(img0, img1)])
    assert all(found.low <= 0 < found.high for found in ranges.values())
    write_ranges(tmp_path / "x.int8.json", ranges, "weights")
    assert read_ranges(tmp_path / "x.int8.json", "weights") == ranges
    lean = LeanRIFE(plain, *SIZE)
    exact = lean(torch.cat((img0, img1)), torch.tensor([0.5]))
    apply_ranges(lean, ranges)
    rounded = lean(torch.cat((img0, img1)), torch.tensor([0.5]))
    assert 0 < (exact - rounded).abs().mean() < 0.02


@pytest.mark.parametrize("found", [Range(0.0, 1.0), Range(-0.3, 2.0), Range(-2.0, 0.3)])
def test_a_range_has_all_levels_and_one_of_them_is_zero(found):
    values = torch.cat((torch.linspace(found.low, found.high, 4000), torch.zeros(1)))
    rounded = torch.fake_quantize_per_tensor_affine(values, found.scale, found.zero, 0, 255)
    assert len(rounded.unique()) == 256
    assert rounded[-1] == 0
    assert (rounded - values).abs().max() <= 1.01 * found.scale


def test_features_have_room_beyond_calibration_and_frames_have_not(monkeypatch):
    found = calibrated(network(), [pair()])
    monkeypatch.setattr("vfi.runtime.ranges._MARGIN", 1)
    tight = calibrated(network(), [pair()])
    of_frames = {name for name, seen in tight.items() if seen.low == 0}
    assert {name for name in tight if name.endswith(("frames", "warped"))} <= of_frames
    assert all(found[name] == tight[name] for name in of_frames)
    for name in tight.keys() - of_frames:
        assert found[name].low < tight[name].low
        assert found[name].high > tight[name].high


def test_ranges_of_other_weights_and_damaged_ones_are_refused(tmp_path):
    path = tmp_path / "x.int8.json"
    write_ranges(path, {"layer": Range(0.0, 1.0)}, "some")
    with pytest.raises(ValueError, match="other weights"):
        read_ranges(path, "others")
    with pytest.raises(ValueError, match="another network"):
        apply_ranges(LeanRIFE(network(), *SIZE), read_ranges(path, "some"))
    path.write_text('{"weights": "some", "ranges": {"layer": {"low": 1')
    with pytest.raises(ValueError, match="damaged"):
        read_ranges(path, "some")
    with pytest.raises(ValueError, match="must hold 0"):
        Range(1.0, 2.0)
