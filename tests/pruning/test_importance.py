import copy

import pytest
import torch
from torch.nn import functional as F

from tests.helpers.small_networks import fill, frames, small_spec
from vfi.models import RIFE
from vfi.pruning import L1, L2, ActivationL1, Masks, PathL1, PruningPlan, Taylor, channel_groups

IMPORTANCES = [
    L1(),
    L2(),
    PathL1(),
    L1("size"),
    L1("none"),
    Taylor(),
    ActivationL1(),
    ActivationL1("none"),
]


@pytest.fixture
def network():
    return fill(RIFE(small_spec("rife_v4.0", teacher=True)))


def batch(timestep=0.5):
    img0, img1 = (frame.repeat(2, 1, 1, 1) for frame in frames(32, 64))
    gt = (img0 + img1) / 2
    return {"img0": img0, "gt": gt, "img1": img1, "timestep": torch.full((2,), timestep)}


@pytest.mark.parametrize(
    "importance", IMPORTANCES, ids=lambda importance: repr(importance).split(" at ")[0]
)
@pytest.mark.parametrize("variant", ["rife", "rife_v4.0"])
def test_one_score_per_channel_and_nothing_changed(importance, variant):
    network = fill(RIFE(small_spec(variant)))
    before = copy.deepcopy(network.state_dict())
    scores = importance(network, [batch()])
    groups = channel_groups(network.spec)
    assert list(scores) == list(groups)
    for name, group in groups.items():
        assert scores[name].shape == (group.width,)
        assert (scores[name] >= 0).all()
    assert any((s > 0).any() for s in scores.values())
    assert all(before[k].equal(v) for k, v in network.state_dict().items())
    assert all(p.grad is None for p in network.parameters())


@pytest.fixture
def known(network):
    """Every producer's channel ``i`` is filled with ``i + 1``."""
    for group in channel_groups(network.spec).values():
        for producer in group.producers:
            weight = network.get_submodule(producer).weight.data
            fill = torch.arange(1.0, group.width + 1)
            shape = (1, -1, 1, 1) if "up" in producer else (-1, 1, 1, 1)
            weight.copy_(fill.reshape(shape).expand_as(weight))
    return network


@pytest.mark.parametrize(
    ("importance", "per_weight"),
    [(L1("none"), lambda n: n), (L1("size"), lambda n: 1), (L2("none"), lambda n: n**0.5)],
)
def test_norms_of_known_weights(known, importance, per_weight):
    scores = importance(known)
    inputs = known.spec.refine.up[0] + known.spec.refine.down[2].out
    torch.testing.assert_close(scores["unet.up1"], torch.arange(1.0, 5.0) * per_weight(inputs * 16))
    block = known.spec.blocks[0]
    expected = torch.arange(1.0, 5.0) * (
        per_weight(block.stem * 9) + per_weight(block.hidden[-1] * 9)
    )
    torch.testing.assert_close(scores["block0.trunk"], expected)


@pytest.mark.parametrize("importance", [L1(), L2()])
def test_layer_normalisation_makes_one_the_average_channel(known, importance):
    scores = importance(known)
    for name, group in channel_groups(known.spec).items():
        mean = scores[name].mean().item()
        assert mean == pytest.approx(len(group.producers))
    assert scores["unet.up3"].tolist() == pytest.approx([2 / 3, 4 / 3])


def test_path_norms_of_known_weights(known):
    """Both frames' context is read: two consumers of the same channel, and the next stage."""
    reads = {}
    for name in ("contextnet.conv2.conv1.0", "unet.down1.conv1.0"):
        reads[name] = known.get_submodule(name).weight.abs().sum((0, 2, 3))
    skip, width = known.spec.refine.down[0].out, known.spec.refine.context[0].out
    unet = reads["unet.down1.conv1.0"]
    read = reads["contextnet.conv2.conv1.0"] + unet[skip : skip + width] + unet[skip + width :]
    made = L1("none")(known)["context.conv1.out"]
    torch.testing.assert_close(PathL1()(known)["context.conv1.out"], made * read.detach())


def test_path_norms_do_not_see_what_the_network_does_not(network):
    """A channel scaled up where it is made and down where it is read computes the same."""
    before = PathL1()(network)
    network.block1.convblock[2][0].weight.data[1] *= 10
    network.block1.convblock[3][0].weight.data[:, 1] /= 10
    torch.testing.assert_close(PathL1()(network)["block1.hidden2"], before["block1.hidden2"])


def test_taylor_is_the_gradient_of_a_gate(network):
    """Against finite differences: shrink one channel in all its producers a little."""
    network = network.double()
    data = {k: v.double() for k, v in batch(0.5).items()}
    importance = Taylor(loss=F.mse_loss)
    scores = importance(network, [data])

    def loss_with(name, channel, factor):
        changed = copy.deepcopy(network)
        for producer in channel_groups(network.spec)[name].producers:
            conv = changed.get_submodule(producer)
            weight = conv.weight.data
            (weight[:, channel] if "up" in producer else weight[channel]).mul_(factor)
            conv.bias.data[channel] *= factor
        with torch.no_grad():
            return F.mse_loss(changed(data["img0"], data["img1"], 0.5).frame, data["gt"]).item()

    for name in ("block3.trunk", "unet.up1", "context.conv2.out"):
        slope = (loss_with(name, 1, 1 + 1e-5) - loss_with(name, 1, 1 - 1e-5)) / 2e-5
        assert scores[name][1].item() == pytest.approx(abs(slope), rel=1e-2)


def test_taylor_of_a_frozen_network_under_inference_mode(network):
    expected = Taylor()(network, [batch()])
    network.requires_grad_(False)
    with torch.inference_mode():
        scores = Taylor()(network, [batch()])
    assert all(scores[name].equal(expected[name]) for name in expected)


def test_channels_that_are_silent_or_unread_contribute_nothing(network):
    plan = PruningPlan(network.spec, {"block2.hidden1": (0, 2)})
    Masks(network, plan).apply()
    network.unet.conv.weight.data[:, 1] = 0
    scores = ActivationL1("none")(network, [batch()])
    assert scores["block2.hidden1"][1] == 0
    assert scores["block2.hidden1"][0] > 0
    assert scores["unet.up3"][1] == 0
    assert scores["unet.up3"][0] > 0


def test_activations_of_a_known_layer(network):
    seen = []
    hook = network.unet.conv.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    scores = ActivationL1("none")(network, [batch()])
    hook.remove()
    expected = seen[0].abs().mean((0, 2, 3)) * network.unet.conv.weight.abs().sum((0, 2, 3))
    torch.testing.assert_close(scores["unet.up3"], expected.detach())
    assert not network.unet.conv._forward_pre_hooks


@pytest.mark.parametrize("importance", [Taylor(), ActivationL1()])
def test_an_empty_calibration_set(network, importance):
    with pytest.raises(ValueError, match="needs calibration batches and got none"):
        importance(network, [])
