"""Changes to a spec that any weights run with."""

import pytest
import torch

from vfi.models import RIFE, VARIANTS, Interpolator, Options, RIFESpec, variant

NAMES = [name for name in sorted(VARIANTS) if VARIANTS[name].stride() <= 32]
CHANGES = {
    "finest": Options(finest_scale=2),
    "finest, at scale": Options(finest_scale=2, warp_at_scale=True),
    "finest 4, at scale": Options(finest_scale=4, warp_at_scale=True),
    "refine at half": Options(refine_scale=2),
    "refine at a quarter": Options(refine_scale=4, finest_scale=2, warp_at_scale=True),
    "no refine": Options(refine=False, finest_scale=2, warp_at_scale=True),
    "a block less": Options(blocks=(0, 2), warp_at_scale=True),
}


def changed(network: RIFE, options: Options) -> RIFE:
    other = RIFE(options.apply(network.spec)).eval()
    state = network.state_dict()
    other.load_state_dict({name: state[options.original(name)] for name in other.state_dict()})
    return other


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("options", CHANGES.values(), ids=CHANGES)
def test_the_same_weights_run_either_way(name, options, tiny, frames):
    network = tiny(name)
    other = changed(network, options)
    assert RIFESpec.from_dict(other.spec.to_dict()) == other.spec
    frames = [frame[..., :64, :64] for frame in frames]
    with torch.inference_mode():
        for flow_scale in (0.5, 1.0, 2.0):
            model = Interpolator(other)
            frame = model(*frames, flow_scale=flow_scale)
            assert frame.shape == frames[0].shape
            assert not torch.equal(frame, Interpolator(network)(*frames, flow_scale=flow_scale))
        output = other(*frames, gt=frames[0])
    assert len(output.flows) == len(other.spec.blocks)
    assert {tuple(flow.shape) for flow in output.flows} == {(2, 4, 64, 64)}
    assert output.kept[-1].flow.shape == (2, 4, 64, 64)
    assert output.teacher_merged.shape == (2, 3, 64, 64)


def test_the_last_block_reads_half_the_resolution(tiny, frames):
    network = changed(tiny("rife_v4.0"), Options(finest_scale=2, warp_at_scale=True))
    seen = []
    network.block3.conv0.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape))
    with torch.inference_mode():
        output = network(*frames)
    assert tuple(seen[0][2:]) == (32, 48)
    row = output.flows[-1][..., 0, :3]
    # Enlarged as a whole: two coarse pixels make three fine ones.
    left, right = row[..., 0], row[..., 1] + row[..., 2] - row[..., 0]
    torch.testing.assert_close(row[..., 1], 0.75 * left + 0.25 * right, atol=1e-5, rtol=0)


def test_each_block_at_a_scale_of_its_own(tiny, frames):
    options = Options(blocks=(0, 2, 3), scales=(8, 4, 2), warp_at_scale=True)
    network = changed(tiny("rife_v4.0"), options)
    seen = []
    for block in (network.block0, network.block1, network.block2):
        block.conv0.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape[-1]))
    with torch.inference_mode():
        Interpolator(network)(*frames)
    assert seen == [frames[0].shape[-1] // scale for scale in (8, 4, 2)]


def test_a_block_at_half_resolution_costs_and_says_so():
    spec = variant("rife_v4.0").replace(finest_scale=2)
    assert spec.scales == (8, 4, 2, 2)
    assert [step.after for step in spec.replace(warp_at_scale=True).steps()] == [4, 2, 2, 2]
    assert [step.after for step in spec.steps()] == [1, 1, 1, 1]
    assert "finest_scale=2" in repr(RIFE(spec))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"finest": 2}, r"unknown options \['finest'\]; the options are .*finest_scale"),
        ({"scales": [8, 4]}, r"scales is \[8, 4\]; give one for each of the 4 blocks"),
        ({"finest_scale": 3}, "finest_scale is 3; it must be 1, 2 or 4"),
        ({"refine_scale": 8}, "refine scale is 8"),
        ({"refine": False, "refine_scale": 2}, "there is no refine stage"),
        ({"refine": 0}, "refine is 0"),
        ({"warp_at_scale": "yes"}, "warp_at_scale is 'yes'"),
        ({"blocks": (1, 2)}, r"blocks is \[1, 2\]; .* 0 to 3"),
        ({"blocks": (0, 2, 1)}, "ascending"),
        ({"blocks": (0, 4)}, "0 to 3"),
        ({"blocks": ()}, "ascending"),
    ],
)
def test_impossible_changes(data, message):
    with pytest.raises(ValueError, match=message):
        Options.from_dict(data).apply(variant("rife_v4.0"))


def test_old_specs_have_no_options():
    data = variant("rife_v4.0").to_dict()
    del data["finest_scale"], data["refine"]["scale"]
    assert RIFESpec.from_dict(data) == variant("rife_v4.0")
