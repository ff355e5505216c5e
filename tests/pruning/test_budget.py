import dataclasses
import functools
import logging

import pytest
import torch

from tests.helpers.costs import product
from tests.helpers.small_networks import fill, frames, small_spec
from vfi.measure import Conditions, Latency
from vfi.models import RIFE, BlockSpec, Interpolator
from vfi.pruning import (
    Importance,
    LatencyBudget,
    PruningPlan,
    budget,
    channel_groups,
    compact,
    masked,
)
from vfi.pruning import prices as latency_module
from vfi.pruning.prices import network_layers

HEIGHT, WIDTH = 64, 96
FIXED_MS = 5.0
SMALL = {"height": HEIGHT, "width": WIDTH, "min_channels": 2, "multiple": 2}


class Rising(Importance):
    """Channel k is worth k + 1, times a factor for the groups that are named."""

    def __init__(self, **factors):
        self.factors = factors

    def __call__(self, network, batches=()):
        return {
            name: (1.0 + torch.arange(group.width)) * self.factors.get(group.stage, 1.0)
            for name, group in channel_groups(network.spec).items()
        }


@pytest.fixture(scope="module")
def network():
    spec = small_spec("rife_v4.0")
    blocks = [BlockSpec.uniform(16, block.scale) for block in spec.blocks]
    return fill(RIFE(spec.replace(blocks=tuple(blocks))))


def true_ms(network):
    """What a network takes in these tests: half as much again as the table says, and a bit."""
    table = 0.0
    for name, layer in layers_of(network.spec.refine is not None).items():
        conv = network.get_submodule(name)
        table += layer.calls * product(layer.shape, conv.in_channels, conv.out_channels)
    return FIXED_MS + 1.5 * table


@functools.cache
def layers_of(refine):
    return network_layers(small_spec("rife_v4.0", refine), HEIGHT, WIDTH)


@pytest.fixture
def rounds(monkeypatch):
    """Makes time predictable; holds the networks that were measured."""
    tried = []

    def compare(models, conditions, *, repeats):
        assert conditions == Conditions(HEIGHT, WIDTH, channels_last=True)
        times = {name: true_ms(model.network) for name, model in models.items()}
        tried.append(models["pruned"].network)
        rest = (HEIGHT, WIDTH, repeats, 1, "cpu", "float32", True)
        return {
            name: Latency(ms, ms, 1000 / ms, times["dense"] / ms, *rest)
            for name, ms in times.items()
        }

    monkeypatch.setattr(latency_module, "layer_ms", product)
    monkeypatch.setattr(budget, "compare_latency", compare)
    return tried


@pytest.mark.parametrize("ratio", [0.9, 0.75, 0.6])
def test_the_measured_latency_is_the_one_wanted(network, rounds, ratio):
    plan = LatencyBudget(ratio, importance=Rising(), **SMALL)(network)
    got = true_ms(compact(network, plan)) / true_ms(network)
    assert got == pytest.approx(ratio, rel=0.03)
    assert len(rounds) <= 4


def test_the_compact_network_computes_what_the_masked_one_does(network, rounds):
    plan = LatencyBudget(0.7, importance=Rising(), **SMALL)(network)
    pair = frames(HEIGHT, WIDTH)
    with torch.inference_mode(), masked(network, plan):
        zeroed = network(*pair).frame
    with torch.inference_mode():
        removed = compact(network, plan)(*pair).frame
    assert plan.removed
    assert (removed - zeroed).abs().max() <= 1e-5


def test_milliseconds_can_be_asked_for(network, rounds):
    wanted = 0.7 * true_ms(network)
    plan = LatencyBudget(target_ms=wanted, importance=Rising(), **SMALL)(network)
    assert true_ms(compact(network, plan)) == pytest.approx(wanted, rel=0.03)


def test_a_network_that_is_fast_enough_is_left_whole(network, rounds):
    plan = LatencyBudget(target_ms=1000.0, importance=Rising(), **SMALL)(network)
    assert plan.ratio == 0


def test_what_matters_little_goes_first(network, rounds):
    importance = Rising(block0=100.0, block1=100.0, block2=100.0, context=100.0, unet=100.0)
    plan = LatencyBudget(0.9, importance=importance, **SMALL)(network)
    groups = channel_groups(network.spec)
    assert {groups[name].stage for name in plan.removed} == {"block3"}


def test_what_saves_much_goes_first(network, rounds):
    plan = LatencyBudget(0.9, importance=Rising(), **SMALL)(network)
    fine, coarse = (plan.widths[f"{block}.hidden3"] for block in ("block3", "block0"))
    assert fine < coarse == 16  # 64 times as many pixels


def test_best_channels_stay_at_widths_that_are_allowed(network, rounds):
    settings = SMALL | {"min_channels": 4, "multiple": 4}
    alone = fill(RIFE(network.spec.replace(refine=None)))
    plan = LatencyBudget(0.7, importance=Rising(), protect=("block2",), **settings)(alone)
    assert plan.ratio > 0
    for name, group in channel_groups(alone.spec).items():
        width = plan.widths[name]
        assert width == group.width or (width >= 4 and width % 4 == 0)
        assert plan.keep[name] == tuple(range(group.width - width, group.width))
        if name in plan.protected:
            assert width == group.width
    assert plan.protected["block2.trunk"] == "protected by the pattern 'block2'"


def test_first_convolutions_are_pruned_on_demand(network, rounds):
    importance = Rising(**dict.fromkeys(("block0", "block1", "block2", "unet"), 1000000.0))
    settings = SMALL | {"importance": importance}
    assert "block3.stem" in LatencyBudget(0.8, **settings)(network).protected
    free = LatencyBudget(0.8, protect_first=False, **settings)(network)
    assert not free.protected
    assert free.widths["block3.stem"] < 8


def test_the_nearest_network_has_to_do_when_timings_vary(network, rounds, monkeypatch, caplog):
    measure = budget.compare_latency
    noise = iter([1.0, 1.3, 0.7, 1.3, 0.7, 1.3])

    def noisy(*args, **kwargs):
        times, factor = measure(*args, **kwargs), next(noise)
        speedup = times["pruned"].speedup * factor
        return {**times, "pruned": dataclasses.replace(times["pruned"], speedup=speedup)}

    monkeypatch.setattr(budget, "compare_latency", noisy)
    with caplog.at_level(logging.WARNING):
        plan = LatencyBudget(0.8, importance=Rising(), rounds=3, **SMALL)(network)
    assert isinstance(plan, PruningPlan)
    assert "timings vary" in caplog.text


def test_a_target_out_of_reach_says_what_can_be_had(network, rounds):
    with pytest.raises(ValueError, match="with every group at its least width") as error:
        LatencyBudget(0.05, importance=Rising(), **SMALL)(network)
    least = true_ms(rounds[-1]) / true_ms(network)
    assert f"takes {least:.3f} of the dense network's latency" in str(error.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "give one of the two"),
        ({"ratio": 0.5, "target_ms": 10.0}, "give one of the two"),
        ({"ratio": 0.0}, "ratio is 0.0"),
        ({"ratio": 1.0}, "ratio is 1.0"),
        ({"target_ms": -1.0}, "target_ms is -1.0"),
        ({"ratio": 0.5, "tolerance": 0.0}, "tolerance is 0.0"),
        ({"ratio": 0.5, "max_ratio": 1.0}, "max_ratio is 1.0"),
        ({"ratio": 0.5, "height": 0}, "height is 0"),
        ({"ratio": 0.5, "rounds": 0}, "rounds is 0"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        LatencyBudget(**settings)


def test_bad_patterns_and_widths_are_told_before_anything_is_measured(network):
    with pytest.raises(ValueError, match="matches no channel group"):
        LatencyBudget(0.6, protect=("blok0",))(network)
    with pytest.raises(ValueError, match="min_channels is 64"):
        LatencyBudget(0.6, min_channels=64)(network)


def test_an_empty_calibration_set_is_refused(network, rounds):
    with pytest.raises(ValueError, match="Taylor needs calibration batches"):
        LatencyBudget(0.6, **SMALL)(network, iter(()))


def test_a_real_network_really_gets_faster(network, tmp_path):
    img0, img1 = frames(64, 96)
    batch = {"img0": img0, "gt": (img0 + img1) / 2, "img1": img1}
    wide = [BlockSpec.uniform(64, block.scale) for block in network.spec.blocks]
    wide = fill(RIFE(network.spec.replace(blocks=tuple(wide), refine=None)))
    policy = LatencyBudget(
        0.8, height=128, width=128, table=tmp_path / "table.json", repeats=25, tolerance=0.2
    )
    plan = policy(wide, [batch])
    assert 0 < plan.ratio < 1
    assert (tmp_path / "table.json").exists()
    Interpolator(compact(wide, plan))(img0, img1)
