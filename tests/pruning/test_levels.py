"""What policies do level by level, and what each convolution costs."""

import pytest

from tests.helpers.small_networks import fill, small_spec
from vfi.measure.costs import efficiency
from vfi.models import RIFE, VARIANTS
from vfi.pruning import L1, ArchitectureAware, GlobalThreshold, compact, levels
from vfi.pruning.layers import network_layers

RATIOS = (0.2, 0.5, 0.8)


@pytest.fixture(scope="module")
def network() -> RIFE:
    return fill(RIFE(small_spec("rife_v4.0")))


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("size", [(64, 64), (256, 128)])
def test_the_layers_multiply_as_much_as_the_network(name, size):
    network = RIFE(small_spec(name))
    layers = network_layers(network.spec, *size)
    macs = sum(layer.calls * layer.shape.macs for layer in layers.values())
    assert macs == efficiency(network, *size).macs


def test_a_level_is_what_the_policy_says(network):
    scores = GlobalThreshold(0).importance(network)
    layers = network_layers(network.spec, 64, 64)
    found = levels.levels(network, GlobalThreshold, scores, RATIOS, layers)
    assert [level.asked for level in found] == list(RATIOS)
    for level in found:
        plan = GlobalThreshold(level.asked)(network)
        assert (level.widths, level.emptied) == (plan.widths, plan.emptied)
        assert level.ratio == plan.ratio
        assert level.macs == efficiency(compact(network, plan), 64, 64).macs
        stay = sum(int((score >= level.threshold).sum()) for score in scores.values())
        assert stay == sum(plan.widths.values())
    assert found[-1].emptied


def test_ratios_out_of_reach_are_left_out_unless_all_are(network):
    def make(ratio):
        return ArchitectureAware(ratio, L1(), "layer", min_channels=2, multiple=1)

    scores, layers = make(0).importance(network), network_layers(network.spec, 64, 64)
    assert [one.asked for one in levels.levels(network, make, scores, (0.1, 0.9), layers)] == [0.1]
    with pytest.raises(ValueError, match=r"ratio is 0\.9, but the protected groups"):
        levels.levels(network, make, scores, (0.9,), layers)


def test_every_convolution_has_a_cost_and_a_reason(network):
    layers = network_layers(network.spec, 64, 64)
    found = levels.costs(network.spec, layers)
    assert [cost.conv for cost in found] == list(layers)
    assert all(cost.ms > 0 and bool(cost.group) != bool(cost.why) for cost in found)
    assert sum(cost.macs for cost in found) == efficiency(network, 64, 64).macs
