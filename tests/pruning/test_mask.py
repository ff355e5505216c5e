import copy

import pytest
import torch

from tests.helpers.small_networks import fill, frames, run, small_spec
from vfi.models import RIFE
from vfi.pruning import Masks, PruningPlan, compact, masked

KEEP = {
    "block0.trunk": (0, 2),
    "block1.hidden2": (),
    "context.conv2.out": (0,),
    "unet.down1.out": (1, 3),
    "unet.up1": (2,),
}


@pytest.fixture
def network():
    return fill(RIFE(small_spec("rife_v4.0", teacher=True)))


@pytest.fixture
def plan(network):
    return PruningPlan(network.spec, KEEP)


def snapshot(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(before, network):
    after = network.state_dict()
    return before.keys() == after.keys() and all(before[k].equal(after[k]) for k in before)


def is_masked(network):
    """By hand, independent of the package: the channels that KEEP removes."""
    trunk, up = network.block0, network.unet.up1[0]
    dead = [
        conv.weight[[1, 3]].abs().sum() + conv.bias[[1, 3]].abs().sum()
        for conv in (trunk.conv0[1][0], trunk.convblock[7][0])
    ]
    hidden = network.block1.convblock[2][0]
    dead += [hidden.weight.abs().sum(), hidden.bias.abs().sum()]
    dead += [up.weight[:, [0, 1, 3]].abs().sum(), up.bias[[0, 1, 3]].abs().sum()]
    return all(value == 0 for value in dead) and up.weight[:, 2].abs().min() > 0


def train(network, optimizer, steps):
    img0, img1 = frames(32, 32)
    network.train()
    for _ in range(steps):
        optimizer.zero_grad()
        (network(img0, img1, gt=img0).frame - img0).square().mean().backward()
        optimizer.step()


def test_masked_then_restored_bit_for_bit(network, plan):
    before, dense = snapshot(network), run(network)
    with masked(network, plan) as masks:
        assert masks.applied
        assert is_masked(network)
        assert not run(network).equal(dense)
        masks.apply()  # twice is once
    assert not masks.applied
    assert same(before, network)
    assert run(network).equal(dense)


def test_restored_when_something_fails_inside(network, plan):
    before = snapshot(network)
    with pytest.raises(RuntimeError, match="inside"), masked(network, plan):
        raise RuntimeError("inside")
    assert same(before, network)


def test_parameter_names_and_objects_stay(network, plan):
    before = dict(network.named_parameters())
    with masked(network, plan):
        assert all(p is before[name] for name, p in network.named_parameters())


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_training_never_revives_a_channel(network, plan, weight_decay):
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2, weight_decay=weight_decay)
    train(network, optimizer, 2)  # momentum from before the masks
    masks = Masks(network, plan)
    masks.apply()
    masks.follow(optimizer)
    kept = network.block0.conv0[1][0].weight[0].clone()
    train(network, optimizer, 20)
    assert is_masked(network)
    assert not network.block0.conv0[1][0].weight[0].equal(kept)
    zeroed = run(network)
    torch.testing.assert_close(run(compact(network, plan)), zeroed, rtol=0, atol=1e-6)


def test_gradients_of_masked_channels_are_zero(network, plan):
    with masked(network, plan):
        train(network, torch.optim.SGD(network.parameters(), lr=0.0), 1)
        gradient = network.block0.conv0[1][0].weight.grad
        assert gradient[[1, 3]].abs().sum() == 0
        assert gradient[[0, 2]].abs().sum() > 0
        assert network.unet.up1[0].weight.grad[:, [0, 1, 3]].abs().sum() == 0
    train(network, torch.optim.SGD(network.parameters(), lr=0.0), 1)
    assert network.block0.conv0[1][0].weight.grad[[1, 3]].abs().sum() > 0


def test_removed_masks_let_the_optimizer_go(network, plan):
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    masks = Masks(network, plan)
    masks.apply()
    masks.follow(optimizer)
    masks.remove()
    train(network, optimizer, 1)
    assert not is_masked(network)


def test_inside_inference_mode_and_trained_afterwards(network, plan):
    before = snapshot(network)
    with torch.inference_mode():
        masks = Masks(network, plan)
        masks.apply()
        assert is_masked(network)
        masks.remove()
        assert same(before, network)
        masks.apply()
    train(network, torch.optim.SGD(network.parameters(), lr=1e-3), 2)
    assert is_masked(network)


def test_through_a_checkpoint(network, plan, tmp_path):
    before = snapshot(network)
    masks = Masks(network, plan)
    masks.apply()
    torch.save({"network": network.state_dict(), "masks": masks.state_dict()}, tmp_path / "a.pt")

    stored = torch.load(tmp_path / "a.pt", weights_only=True)
    other = RIFE(network.spec)
    other.load_state_dict(stored["network"])
    resumed = Masks.from_state_dict(other, stored["masks"])
    assert resumed.plan == plan
    assert is_masked(other)
    train(other, torch.optim.SGD(other.parameters(), lr=0.0), 1)
    assert other.block0.conv0[1][0].weight.grad[[1, 3]].abs().sum() == 0
    resumed.remove()
    assert same(before, other)


def test_masks_of_a_copy_leave_the_original(network, plan):
    before = snapshot(network)
    Masks(copy.deepcopy(network), plan).apply()
    assert same(before, network)


def test_a_plan_for_another_network_is_refused(network):
    with pytest.raises(ValueError, match="make a plan for this network"):
        Masks(network, PruningPlan(small_spec("rife")))
