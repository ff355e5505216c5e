"""Pruning of the networks after version 4.0, whose blocks are chains of residual convolutions."""

import pytest
import torch

from tests.helpers.costs import product
from tests.helpers.small_networks import fill, frames, small_spec
from vfi.models import RIFE, VARIANTS, Interpolator, variant
from vfi.pruning import (
    L1,
    L2,
    ActivationL1,
    ArchitectureAware,
    PathL1,
    PruningPlan,
    Taylor,
    channel_groups,
    compact,
    masked,
    prices,
    repair,
)
from vfi.pruning.descent import descend

LATER = [name for name in VARIANTS if any(block.residuals for block in variant(name).blocks)]


def batch(size=64, count=1, timestep=0.4):
    img0, img1 = (frame.repeat(count, 1, 1, 1) for frame in frames(size, size))
    shades = torch.linspace(0.6, 1, count).reshape(-1, 1, 1, 1)
    img0, img1 = img0 * shades, img1 * shades
    times = torch.full((count,), timestep)
    return {"img0": img0, "gt": (img0 + img1) / 2, "img1": img1, "timestep": times}


@pytest.mark.parametrize("name", LATER)
@pytest.mark.parametrize("warp_at_scale", [False, True])
def test_compact_equals_masked(name, warp_at_scale):
    network = fill(RIFE(variant(name).replace(warp_at_scale=warp_at_scale)))
    plan = ArchitectureAware(0.3, L1(), scope="layer")(network)
    pair = frames(93, 131)
    with torch.inference_mode():
        dense = Interpolator(network)(*pair, 0.3)
        removed = Interpolator(compact(network, plan))(*pair, 0.3)
        with masked(network, plan):
            zeroed = Interpolator(network)(*pair, 0.3)
    assert plan.ratio > 0.25
    assert (dense - zeroed).abs().max() > 1e-3
    assert (removed - zeroed).abs().max() <= 1e-5


def test_the_residual_chain_is_one_group_and_its_factors_go_with_it():
    network = fill(RIFE(small_spec("rife_v4.22-lite")))
    trunk = channel_groups(network.spec)["block1.trunk"]
    chain = tuple(f"block1.convblock.{k}.conv" for k in range(2))
    assert trunk.producers == ("block1.conv0.1.0", *chain)
    assert [consumer.conv for consumer in trunk.consumers] == [*chain, "block1.lastconv.0"]
    assert trunk.per_channel == ("block1.convblock.0.beta", "block1.convblock.1.beta")
    small = compact(network, PruningPlan(network.spec, {"block1.trunk": (0, 2)}))
    for k in range(2):
        beta = network.block1.convblock[k].beta
        assert small.block1.convblock[k].beta.equal(beta[:, [0, 2]])
    assert small.spec.blocks[1].trunk == 2


@pytest.mark.parametrize("importance", [L1(), L2(), PathL1(), Taylor(), ActivationL1()])
def test_every_importance_scores_every_channel(importance):
    network = fill(RIFE(small_spec("rife_v4.25")))
    scores = importance(network, [batch()])
    groups = channel_groups(network.spec)
    assert {name: len(score) for name, score in scores.items()} == {
        name: group.width for name, group in groups.items()
    }
    for score in scores.values():
        assert score.isfinite().all()
        assert score.max() > 0


def test_the_way_down_narrows_the_chain_as_a_whole(monkeypatch):
    monkeypatch.setattr(prices, "layer_ms", product)
    network = fill(RIFE(small_spec("rife_v4.6")))
    table = prices.latency_table(network.spec, 64, 64)
    groups = channel_groups(network.spec)
    allowed = {name: (group.width, 1) for name, group in groups.items()}
    way = descend(network.spec, table, L1()(network), allowed)
    assert set(way[-1].widths.values()) == {1}
    narrow = RIFE(PruningPlan(network.spec, dict.fromkeys(groups, (0,))).compact_spec)
    least = prices.latency_table(narrow.spec, 64, 64)
    assert way[-1].ms == pytest.approx(
        sum(
            least.ms(n, layer.shape.inputs, layer.shape.outputs)
            for n, layer in least.layers.items()
        )
    )


def test_repair_brings_the_frame_nearer_to_the_dense_one():
    network = fill(RIFE(small_spec("rife_v4.22-lite")), gain=1.5)
    keep = {"block3.trunk": (0, 1), "block2.stem": (0,), "encode.cnn1": (0,)}
    plan = PruningPlan(network.spec, keep)
    small, data = compact(network, plan), batch(count=6)
    repaired = repair(small, network, plan, [data])
    assert repaired.spec == small.spec

    def error(other):
        with torch.inference_mode():
            frame = other(data["img0"], data["img1"], data["timestep"]).flows[-1]
            dense = network(data["img0"], data["img1"], data["timestep"]).flows[-1]
        return (frame - dense).square().mean().item()

    assert error(repaired) < error(small)


def test_training_lowers_the_loss():
    torch.manual_seed(0)
    network = RIFE(small_spec("rife_v4.25")).train()
    data = batch(timestep=0.5)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    losses = []
    for _ in range(12):
        output = network(data["img0"], data["img1"], data["timestep"])
        loss = sum((merged - data["gt"]).abs().mean() for merged in output.merged)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    assert network.block0.convblock[0].beta.grad.abs().sum() > 0
