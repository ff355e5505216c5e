import copy

import pytest
import torch
from torch import nn

from tests.helpers.small_networks import fill, small_spec
from vfi.models import RIFE
from vfi.pruning import L1, ArchitectureAware, PruningPlan, channel_groups, compact, output_dim
from vfi.pruning.regression import choose_positions, regress, sample_outputs
from vfi.pruning.repair import repair

CONVOLUTIONS = {
    "convolution": lambda: nn.Conv2d(4, 3, 3, 1, 1),
    "stride 2": lambda: nn.Conv2d(4, 3, 3, 2, 1),
    "transposed": lambda: nn.ConvTranspose2d(4, 3, 4, 2, 1),
}


@pytest.fixture(params=CONVOLUTIONS)
def conv(request):
    torch.manual_seed(0)
    return CONVOLUTIONS[request.param]().double().requires_grad_(False)


def sampled(conv, inputs, outputs, count=60):
    places = choose_positions(conv, inputs, outputs, count, torch.Generator().manual_seed(0))
    return sample_outputs(conv, outputs, places), places, places.image >= len(inputs) - 2


def batches(count=10, size=32, seed=0):
    """Smooth random frames in batches of two."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count // 2):
        coarse = torch.rand(2, 2, 3, 5, 5, dtype=torch.float64, generator=generator)
        smooth = nn.functional.interpolate(coarse.flatten(0, 1), size=(size, size), mode="bicubic")
        img0, img1 = smooth.clamp(0, 1).reshape(2, 2, 3, size, size).unbind()
        yield {"img0": img0, "img1": img1}


def with_twin(spec, name):
    """A network in which the last channel of a group is a copy of its first."""
    network = fill(RIFE(spec)).double()
    group = channel_groups(spec)[name]
    with torch.no_grad():
        for producer in group.producers:
            conv = network.get_submodule(producer)
            for values in (conv.weight.transpose(0, output_dim(conv)), conv.bias):
                values[-1] = values[0]
        for name in group.per_channel:
            values = network.get_parameter(name).flatten()
            values[-1] = values[0]
    return network


def test_the_right_weights_are_found(conv):
    inputs = torch.rand(6, 4, 10, 12, dtype=torch.float64)
    targets, places, judging = sampled(conv, inputs, conv(inputs))
    wanted = copy.deepcopy(conv)
    for parameter in conv.parameters():
        parameter.add_(torch.rand_like(parameter))
    before, after = regress(conv, inputs, targets, places, judging, [1e-9])
    assert before > 1e-2
    assert after < 1e-12
    torch.testing.assert_close(conv.weight, wanted.weight, rtol=0, atol=1e-5)
    torch.testing.assert_close(conv.bias, wanted.bias, rtol=0, atol=1e-5)


def test_right_weights_stay_as_they_are(conv):
    inputs = torch.rand(6, 4, 10, 12, dtype=torch.float64)
    targets, places, judging = sampled(conv, inputs, conv(inputs))
    before = copy.deepcopy(conv.state_dict())
    assert regress(conv, inputs, targets, places, judging, [0.1])[0] < 1e-24
    torch.testing.assert_close(conv.state_dict(), before, rtol=0, atol=1e-12)


def test_a_fit_that_does_not_help_on_other_images_is_refused(conv):
    inputs = torch.rand(6, 4, 10, 12, dtype=torch.float64)
    targets, places, judging = sampled(conv, inputs, conv(inputs))
    targets[:, ~judging] += 1 + torch.randn_like(targets[:, ~judging])
    before = copy.deepcopy(conv.state_dict())
    before_error, after_error = regress(conv, inputs, targets, places, judging, [0.01, 1.0])
    assert before_error == after_error
    torch.testing.assert_close(conv.state_dict(), before, rtol=0, atol=0)


def test_inputs_that_say_nothing_leave_their_weights(conv):
    inputs = torch.rand(6, 4, 10, 12, dtype=torch.float64)
    inputs[:, 1] = 0
    targets, places, judging = sampled(conv, inputs, conv(inputs) * 2)
    before = copy.deepcopy(conv.weight)
    regress(conv, inputs, targets, places, judging, [1e-6])
    reads = 1 - output_dim(conv)
    assert conv.weight.select(reads, 1).equal(before.select(reads, 1))
    assert not conv.weight.select(reads, 0).equal(before.select(reads, 0))


@pytest.mark.parametrize("variant", ["rife_v4.0", "rife_m"])
@pytest.mark.parametrize(
    "name", ["block0.trunk", "block1.hidden3", "block2.stem", "context.conv2.out", "unet.down0.out"]
)
def test_a_channel_that_others_can_stand_in_for_is_not_missed(variant, name):
    dense = with_twin(small_spec(variant), name)
    plan = PruningPlan(dense.spec, {name: tuple(range(channel_groups(dense.spec)[name].width - 1))})
    pruned = compact(dense, plan)
    repaired = repair(pruned, dense, plan, batches(), ridges=[1e-9], positions=10000)
    frames = next(batches(2, seed=1)).values()
    with torch.inference_mode():
        wanted, without, got = (net(*frames).estimates[-1] for net in (dense, pruned, repaired))
        frame, without_frame, got_frame = (net(*frames).frame for net in (dense, pruned, repaired))
    lost = (without.flow - wanted.flow).abs().max() + (without_frame - frame).abs().max()
    left = (got.flow - wanted.flow).abs().max() + (got_frame - frame).abs().max()
    assert lost > 1e-5
    assert left < lost / 100


@pytest.fixture(scope="module")
def pruned():
    """A network, a plan for it, and what that leaves of it."""
    dense = fill(RIFE(small_spec("rife_v4.0", teacher=True))).double()
    plan = ArchitectureAware(0.3, L1(), "layer", min_channels=1, multiple=1)(dense)
    return dense, plan, compact(dense, plan)


def test_a_pruned_network_comes_nearer_to_the_dense_one(pruned):
    dense, plan, small = pruned
    repaired = repair(small, dense, plan, batches(20, size=96))
    held_out = [*batches(8, size=96, seed=1)]
    frames = [torch.cat([batch[name] for batch in held_out]) for name in ("img0", "img1")]
    with torch.inference_mode():
        wanted, without, got = (net(*frames).flows[-1] for net in (dense, small, repaired))
    assert (got - wanted).square().mean() < (without - wanted).square().mean()


def test_both_networks_stay_as_they_are_and_the_same_comes_out_again(pruned):
    dense, plan, small = pruned
    before = copy.deepcopy((dense.state_dict(), small.state_dict()))
    states = [repair(small, dense, plan, batches()).state_dict() for _ in range(2)]
    torch.testing.assert_close((dense.state_dict(), small.state_dict()), before, rtol=0, atol=0)
    torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)
    for module in (*dense.modules(), *small.modules()):
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


def test_repaired_under_inference_mode_still_trains(pruned):
    dense, plan, small = pruned
    with torch.inference_mode():
        repaired = repair(small.train(), dense, plan, batches())
    assert repaired.training
    img0, img1 = next(batches(2)).values()
    repaired(img0.clone(), img1.clone()).frame.mean().backward()
    assert repaired.block0.lastconv.weight.grad is not None


def test_an_emptied_group_stays_empty():
    dense = fill(RIFE(small_spec("rife"))).double()
    plan = PruningPlan(dense.spec, {"block1.hidden2": ()})
    repaired = repair(compact(dense, plan), dense, plan, batches())
    conv = repaired.get_submodule("block1.convblock.2.0")
    assert not conv.weight.any()
    assert not conv.bias.any()


def test_the_timestep_of_the_batches_counts(pruned):
    dense, plan, small = pruned
    early = [{**batch, "timestep": torch.full((2,), 0.1)} for batch in batches()]
    weights = [
        repair(small, dense, plan, frames).block0.lastconv.weight for frames in (early, batches())
    ]
    assert not weights[0].equal(weights[1])


@pytest.mark.parametrize(
    ("calibration", "settings", "message"),
    [
        ((), {}, "at least two calibration images and got 0"),
        ([{k: v[:1] for k, v in next(batches(2)).items()}], {}, "at least two .* got 1"),
        ([*batches(2), *batches(2, size=64)], {}, r"sizes \[\(32, 32\), \(64, 64\)\]"),
        ((), {"ridges": ()}, "ridges"),
        ((), {"ridges": (0.1, 0.0)}, "ridges"),
        ((), {"positions": 0}, "positions is 0"),
        ((), {"held_out": 1.0}, "held_out is 1.0"),
    ],
)
def test_bad_input_is_one_clear_error(pruned, calibration, settings, message):
    dense, plan, small = pruned
    with pytest.raises(ValueError, match=message):
        repair(small, dense, plan, calibration, **settings)


def test_networks_must_belong_together(pruned):
    dense, plan, small = pruned
    with pytest.raises(ValueError, match=r"give compact\(dense, plan\)"):
        repair(dense, dense, plan, batches())
    with pytest.raises(ValueError, match="make a plan for this network"):
        repair(small, small, plan, batches())
