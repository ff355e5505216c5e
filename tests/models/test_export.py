"""Exported and traced networks compute any size."""

import pytest
import torch
from torch.export import Dim

from vfi.models import RIFE, Interpolator, Options

SIZES = ((64, 96), (128, 64), (96, 160))
OPTIONS = [{}, {"warp_at_scale": True, "finest_scale": 2}]


def pair(height, width):
    generator = torch.Generator().manual_seed(height)
    return [torch.rand(1, 3, height, width, generator=generator) for _ in range(2)]


def model(tiny, name, options):
    network = RIFE(tiny(name, **options).spec.for_inference())
    network.load_state_dict(tiny(name, **options).state_dict(), strict=False)
    return Interpolator(network.requires_grad_(False)).eval()


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:.*torch.jit")
@pytest.mark.parametrize(
    ("name", "options"),
    [("rife", OPTIONS[0]), ("rife_v4.0", OPTIONS[1]), ("rife_v4.22-lite", OPTIONS[0])],
)
def test_traced_equals_eager(name, options, tiny):
    eager = model(tiny, name, options)
    traced = torch.jit.trace(eager, tuple(pair(64, 96)), check_trace=False)
    for size in SIZES:
        frames = pair(*size)
        torch.testing.assert_close(traced(*frames), eager(*frames), atol=1e-6, rtol=0)


def test_exported_with_free_height_and_width(tiny):
    """The coarsest and the finest block: between them are all that others do, and it is slow."""
    options = Options(refine=False, blocks=(0, 3), **OPTIONS[1])
    spec = options.apply(tiny("rife_v4.0").spec.for_inference())
    eager = Interpolator(RIFE(spec).requires_grad_(False)).eval()
    stride = spec.stride()
    free = {2: stride * Dim("height", min=2, max=256), 3: stride * Dim("width", min=2, max=256)}
    program = torch.export.export(
        eager, tuple(pair(64, 96)), dynamic_shapes={"img0": free, "img1": free}
    )
    exported = program.module()
    for size in SIZES:
        frames = pair(*size)
        torch.testing.assert_close(exported(*frames), eager(*frames), atol=1e-6, rtol=0)
