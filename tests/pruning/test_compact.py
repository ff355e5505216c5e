import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.helpers.paths import GOLDEN
from tests.helpers.small_networks import fill, frames, run, small_spec
from vfi.models import RIFE, VARIANTS, Interpolator, Options
from vfi.pruning import (
    L1,
    ArchitectureAware,
    GlobalThreshold,
    PruningPlan,
    channel_groups,
    compact,
    masked,
)

POLICIES = {
    "naive": GlobalThreshold(0.3),
    "by layer": ArchitectureAware(0.5, L1(), scope="layer"),
    "aware": ArchitectureAware(0.3),
}


@pytest.fixture(scope="module")
def network(request):
    if request.param == "rife_v4.0":
        return request.getfixturevalue("pretrained_v4")
    return fill(RIFE(VARIANTS[request.param].for_inference()))


def pair(height, width):
    """Two frames of a golden file, resized: neighbours alike, as in video at this size."""
    with np.load(GOLDEN / "rife_64x96_t0.5.npz") as arrays:
        frames = [torch.from_numpy(arrays[name]) / 255 for name in ("img0", "img1")]
    return [F.interpolate(frame, (height, width), mode="bilinear") for frame in frames]


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize("warp_at_scale", [False, True])
@pytest.mark.parametrize("network", ["rife", "rife_m", "rife_v4.0"], indirect=True)
def test_compact_equals_masked(network, warp_at_scale, policy):
    weights = network.state_dict()
    network = RIFE(network.spec.replace(warp_at_scale=warp_at_scale)).eval()
    network.load_state_dict(weights)
    img0, img1 = pair(64, 96)
    plan = policy(network, [{"img0": img0, "gt": (img0 + img1) / 2, "img1": img1}])
    small = compact(network, plan)
    for height, width in ((256, 256), (93, 131)):
        img0, img1 = pair(height, width)
        with torch.inference_mode():
            removed = Interpolator(small)(img0, img1)
            with masked(network, plan):
                zeroed = Interpolator(network)(img0, img1)
        assert (removed - zeroed).abs().max() <= 1e-5


OPTIONS = [
    Options(finest_scale=2, warp_at_scale=True),
    Options(refine_scale=2),
    Options(refine=False, finest_scale=2, blocks=(0, 1, 3)),
]


@pytest.mark.parametrize("options", OPTIONS)
def test_compact_equals_masked_with_options(options):
    network = fill(RIFE(options.apply(small_spec("rife_v4.0")))).double()
    keep = {name: range(1, group.width) for name, group in channel_groups(network.spec).items()}
    plan = PruningPlan(network.spec, keep)
    with masked(network, plan):
        zeroed = run(network, 64, 64)
    small = compact(network, plan)
    assert small.spec.plain() == plan.narrow(network.spec).plain()
    assert small.spec.finest_scale == network.spec.finest_scale
    torch.testing.assert_close(run(small, 64, 64), zeroed, rtol=0, atol=1e-12)


def test_a_plan_serves_the_network_however_it_is_run():
    spec = small_spec("rife_v4.0")
    plan = PruningPlan(spec, {"block3.trunk": (0,)})
    network = fill(RIFE(Options(finest_scale=2, refine_scale=2).apply(spec)))
    small = compact(network, plan)
    assert small.spec.blocks[3].trunk == 1
    assert (small.spec.finest_scale, small.spec.refine.scale) == (2, 2)
    with pytest.raises(ValueError, match="without the refine stage"):
        compact(fill(RIFE(Options(refine=False).apply(spec))), plan)


def test_emptied_groups_are_exact():
    network = fill(RIFE(small_spec("rife_v4.0"))).double()
    for name in channel_groups(network.spec):
        plan = PruningPlan(network.spec, {name: ()})
        with masked(network, plan):
            zeroed = run(network)
        torch.testing.assert_close(run(compact(network, plan)), zeroed, rtol=0, atol=1e-12)


def test_a_plan_that_removes_nothing_copies_the_network():
    network = fill(RIFE(small_spec("rife", teacher=True)))
    copy = compact(network, PruningPlan(network.spec))
    assert copy.spec == network.spec
    for name, tensor in network.state_dict().items():
        assert copy.state_dict()[name].equal(tensor)
        assert copy.state_dict()[name].data_ptr() != tensor.data_ptr()


def test_mode_and_trainability_come_along():
    network = fill(RIFE(small_spec("rife"))).requires_grad_(False)
    network.block0.requires_grad_(True)
    small = compact(network.train(), PruningPlan(network.spec, {"block0.trunk": (0,)}))
    assert small.training
    assert small.block0.lastconv.weight.requires_grad
    assert not small.unet.conv.weight.requires_grad


def test_compacted_under_inference_mode_still_trains():
    network = fill(RIFE(small_spec("rife")))
    plan = PruningPlan(network.spec, {"block0.trunk": (0,), "unet.up0": ()})
    with torch.inference_mode():
        small = compact(network, plan)
    small(*frames(32, 32)).frame.mean().backward()
    assert small.block0.lastconv.weight.grad is not None


def test_the_random_state_is_left_alone():
    network = fill(RIFE(small_spec("rife")))
    before = torch.get_rng_state()
    compact(network, PruningPlan(network.spec, {"block0.trunk": (0,)}))
    assert torch.get_rng_state().equal(before)


def test_a_plan_for_another_variant_is_refused():
    network = fill(RIFE(small_spec("rife")))
    with pytest.raises(ValueError, match="make a plan for this network"):
        compact(network, PruningPlan(small_spec("rife_m")))
