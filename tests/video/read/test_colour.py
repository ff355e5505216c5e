import av
import numpy as np
import pytest
import torch

from vfi.video.read.colour import ColourTags, PixelSpec, spec_of, working_format

MATRICES = [(0.2126, 0.0722), (0.299, 0.114), (0.2627, 0.0593)]


@pytest.mark.parametrize("depth", [8, 10, 12, 16])
@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (1, 1), (2, 0)])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("weights", MATRICES)
def test_originals_come_back_unchanged(depth, shift, full_range, weights):
    spec = PixelSpec("yuv", depth, shift, full_range, weights)
    unit = 1 << (depth - 8)
    rng = np.random.default_rng(0)
    dtype = np.uint8 if depth == 8 else np.uint16
    planes = [
        rng.integers(low * unit, high * unit, size).astype(dtype)
        for (low, high), size in zip(
            [(90, 160), (118, 138), (118, 138)], spec.plane_sizes(37, 51), strict=True
        )
    ]
    for before, after in zip(planes, spec.from_rgb(spec.to_rgb(planes)), strict=True):
        assert after.dtype == dtype
        assert np.array_equal(before, after)


@pytest.mark.parametrize(
    ("spec", "codes", "rgb"),
    [
        (PixelSpec("yuv", 8), (16, 128, 128), (0, 0, 0)),
        (PixelSpec("yuv", 8), (235, 128, 128), (1, 1, 1)),
        (PixelSpec("yuv", 8, weights=(0.299, 0.114)), (81, 90, 240), (1, 0, 0)),
        (PixelSpec("yuv", 8), (63, 102, 240), (1, 0, 0)),
        (PixelSpec("yuv", 10, full_range=True), (1023, 512, 512), (1, 1, 1)),
        (PixelSpec("gray", 8), (126,), (0.5, 0.5, 0.5)),
        (PixelSpec("rgb", 8), (0, 0, 255), (1, 0, 0)),
    ],
)
def test_known_colours(spec, codes, rgb):
    dtype = np.uint8 if spec.depth == 8 else np.uint16
    planes = [
        np.full(size, code, dtype) for code, size in zip(codes, spec.plane_sizes(2, 2), strict=True)
    ]
    found = spec.to_rgb(planes)
    assert found.shape == (3, 2, 2)
    assert torch.allclose(found, torch.tensor(rgb).reshape(3, 1, 1).float(), atol=0.004)


@pytest.mark.parametrize("tags", [ColourTags(1, 1), ColourTags(2, 6), ColourTags(1, 9)])
def test_agrees_with_swscale(tags):
    rng = np.random.default_rng(0)
    frame = av.VideoFrame(32, 16, "yuv444p")
    planes = [rng.integers(60, 200, (16, 32)).astype(np.uint8) for _ in range(3)]
    for plane, codes in zip(frame.planes, planes, strict=True):
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:16, :32] = codes
    frame.color_range, frame.colorspace = tags.range, tags.matrix
    expected = frame.reformat(
        format="rgb24", src_color_range=tags.range, dst_color_range=2, src_colorspace=tags.matrix
    ).to_ndarray()
    found = spec_of("yuv444p", tags, 16).to_rgb(planes).permute(1, 2, 0).numpy() * 255
    assert np.abs(found - expected).max() < 2.5


def test_rounds_to_the_nearest():
    spec = PixelSpec("rgb", 8)
    rgb = torch.tensor([0.49, 0.51, 100.5001]).reshape(3, 1, 1) / 255
    assert [plane.item() for plane in spec.from_rgb(rgb)] == [1, 101, 0]


def test_ten_bit_ramp_keeps_every_step():
    spec = PixelSpec("yuv", 10)
    ramp = np.arange(64, 941, dtype=np.uint16)[None]
    planes = [ramp, *[np.full_like(ramp, 512)] * 2]
    assert len(torch.unique(spec.to_rgb(planes)[0])) == 877
    assert np.array_equal(spec.from_rgb(spec.to_rgb(planes))[0], ramp)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("yuvj420p", "yuv420p"),
        ("nv12", "yuv420p"),
        ("p010le", "yuv420p10le"),
        ("yuva444p", "yuv444p"),
        ("yuyv422", "yuv422p"),
        ("yuv420p10be", "yuv420p10le"),
        ("rgb24", "gbrp"),
        ("pal8", "gbrp"),
        ("rgb48be", "gbrp16le"),
        ("gray16be", "gray16le"),
        ("yuv411p", "yuv411p"),
    ],
)
def test_every_format_has_a_planar_one(name, expected):
    assert working_format(name) == expected
    assert spec_of(expected, ColourTags(), 480).pixel_format == expected


def test_an_unsaid_matrix_is_guessed_as_players_do():
    assert spec_of("yuv420p", ColourTags(), 480).weights == (0.299, 0.114)
    assert spec_of("yuv420p", ColourTags(), 1080).weights == (0.2126, 0.0722)
