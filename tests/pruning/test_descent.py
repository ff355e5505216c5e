"""The way down, on costs that are known."""

import itertools

import pytest
import torch

from tests.helpers.small_networks import small_spec
from vfi.pruning.channels import channel_groups
from vfi.pruning.descent import descend
from vfi.pruning.prices import Curves, LatencyTable, network_layers

SPEC = small_spec("rife_v4.0", refine=False)


@pytest.fixture(scope="module")
def table() -> LatencyTable:
    """A millisecond for each pair of an input and an output channel."""
    layers = network_layers(SPEC, 64, 64)
    curves = {}
    for layer in layers.values():
        shape = layer.shape
        curves[shape] = Curves(
            inputs={w: float(w * shape.outputs) for w in range(shape.inputs + 1)},
            outputs={w: float(w * shape.inputs) for w in range(shape.outputs + 1)},
        )
    return LatencyTable(layers, curves, {})


def scores(**worth):
    groups = channel_groups(SPEC)
    return {n: torch.full((g.width,), worth.get(g.stage, 1.0)) for n, g in groups.items()}


def halves(*stages):
    """Every width from whole to half, of the groups of some stages."""
    groups = channel_groups(SPEC).items()
    return {n: list(range(g.width, g.width // 2, -1)) for n, g in groups if g.stage in stages}


def test_it_goes_from_whole_to_narrowest_and_gets_cheaper_each_step(table):
    allowed = halves("block0", "block1")
    way = descend(SPEC, table, scores(), allowed)
    assert way[0].widths == channel_groups(SPEC).widths
    for name, width in way[-1].widths.items():
        assert width == (allowed[name][-1] if name in allowed else way[0].widths[name])
    for before, after in itertools.pairwise(way):
        changed = [n for n in before.widths if before.widths[n] != after.widths[n]]
        assert len(changed) == 1
        assert after.widths[changed[0]] < before.widths[changed[0]]
        assert after.ms < before.ms


def test_what_it_says_to_take_is_what_the_layers_take(table):
    def cost(widths):
        """Of the layers, by the spec alone."""
        total = 0.0
        inputs = {name: layer.shape.inputs for name, layer in table.layers.items()}
        outputs = {name: layer.shape.outputs for name, layer in table.layers.items()}
        for name, group in channel_groups(SPEC).items():
            for producer in group.producers:
                outputs[producer] = widths[name]
            for consumer in group.consumers:
                inputs[consumer.conv] -= group.width - widths[name]
        for name in table.layers:
            total += inputs[name] * outputs[name]
        return total

    way = descend(SPEC, table, scores(), halves("block2", "block3"))
    for point in (way[0], way[len(way) // 2], way[-1]):
        assert point.ms == pytest.approx(cost(point.widths))


def test_what_is_worth_least_goes_first(table):
    way = descend(SPEC, table, scores(block0=1000.0), halves("block0", "block3"))
    stages = []
    for before, after in itertools.pairwise(way):
        (name,) = [n for n in before.widths if before.widths[n] != after.widths[n]]
        stages.append(channel_groups(SPEC)[name].stage)
    assert stages == sorted(stages, reverse=True)
    assert set(stages) == {"block0", "block3"}


def test_where_nothing_may_be_narrowed_there_is_one_point(table):
    assert len(descend(SPEC, table, scores(), {})) == 1
