import json
import re
from dataclasses import replace

import pytest

from tests.helpers.small_networks import fill, run, small_spec
from vfi.models import RIFE, VARIANTS
from vfi.pruning import PruningPlan, compact

SPEC = small_spec("rife_v4.0")


def plan(**keep):
    return PruningPlan(SPEC, {name.replace("_", "."): kept for name, kept in keep.items()})


def test_groups_left_out_are_kept_whole():
    made = plan(block0_trunk=(0, 3))
    assert made.keep["block0.trunk"] == (0, 3)
    assert made.keep["block1.trunk"] == (0, 1, 2)
    assert made.removed == {"block0.trunk": (1, 2)}
    assert made.widths["block0.trunk"] == 2


def test_ratio_counts_every_channel_once():
    total = sum(PruningPlan(SPEC).widths.values())
    assert PruningPlan(SPEC).ratio == 0
    assert plan(block0_trunk=(0,)).ratio == pytest.approx(3 / total)


def test_parameters_are_those_of_the_modules():
    made = plan(block0_trunk=(0, 3), unet_up2=())
    network = fill(RIFE(SPEC))
    counts = [sum(p.numel() for p in n.parameters()) for n in (network, compact(network, made))]
    assert made.parameters == tuple(counts)


def test_emptied_groups_keep_a_stand_in_in_the_compact_spec():
    made = plan(block0_trunk=())
    assert made.emptied == ("block0.trunk",)
    assert made.compact_spec.blocks[0].trunk == 1


def test_json_round_trip():
    made = PruningPlan(SPEC, {"unet.up0": (1, 2)}, {"block0.stem": "because"})
    assert PruningPlan.from_json(made.to_json()) == made
    assert json.loads(made.to_json())["keep"]["unet.up0"] == [1, 2]


def test_one_plan_serves_the_network_with_and_without_teacher():
    made = PruningPlan(small_spec("rife_v4.0", teacher=True), {"block0.trunk": (0,)})
    assert made.spec == SPEC
    assert made.narrow(small_spec("rife_v4.0", teacher=True)).teacher is not None


def test_one_plan_serves_both_ways_of_warping():
    lean = RIFE(SPEC.replace(warp_at_scale=True))
    made = plan(block0_trunk=(0, 3))
    made.check(lean.spec)
    assert compact(lean, made).spec == made.compact_spec.replace(warp_at_scale=True)


def test_pruning_a_pruned_network_composes():
    first = plan(block0_trunk=(1, 3), unet_up0=(0, 2, 4), block1_hidden0=())
    second = PruningPlan(
        first.compact_spec,
        {"block0.trunk": (1,), "unet.up0": (0, 2), "block1.hidden0": (0,), "unet.up1": (3,)},
        {"block0.stem": "because"},
    )
    both = first.then(second)
    assert both.protected == {"block0.stem": "because"}
    assert both.keep["block0.trunk"] == (3,)
    assert both.keep["unet.up0"] == (0, 4)
    assert both.keep["block1.hidden0"] == ()
    network = fill(RIFE(SPEC))
    twice = compact(compact(network, first), second)
    assert twice.spec == both.compact_spec
    assert run(twice).equal(run(compact(network, both)))


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        ({"block9.trunk": (0,)}, r"unknown channel group 'block9\.trunk'; the groups are block0"),
        ({"block0.trunk": (0, 4)}, r"block0\.trunk keeps channels \[4\].*0 to 3"),
        ({"block0.trunk": (1, 0)}, "must be ascending"),
        ({"block0.trunk": (1, 1)}, "must be ascending, none twice"),
    ],
)
def test_plans_that_do_not_fit_their_spec(keep, message):
    with pytest.raises(ValueError, match=message):
        PruningPlan(SPEC, keep)


BARE = small_spec("rife_v4.0", refine=False)
SCALED = SPEC.replace(blocks=(replace(SPEC.blocks[0], scale=16), *SPEC.blocks[1:]))


@pytest.mark.parametrize(
    ("planned", "spec", "message"),
    [
        (SPEC, small_spec("rife_m"), "made for 'rife_v4.0', the network is 'rife_m'"),
        (SPEC, BARE, "made for another spec: the network is without the refine stage"),
        (BARE, SPEC, "made for another spec: the network is with the refine stage"),
        (
            SPEC,
            VARIANTS["rife_v4.0"],
            "another spec of 'rife_v4.0': block0.stem has 2 channels in the plan and 96 in the "
            "network",
        ),
        (
            SPEC,
            SPEC.replace(blocks=SPEC.blocks[:3]),
            "block3.stem has 3 channels in the plan and none in the network",
        ),
        (SPEC, SCALED, "another spec of 'rife_v4.0': their inputs or scales differ"),
    ],
)
def test_a_plan_for_another_network_is_refused(planned, spec, message):
    with pytest.raises(ValueError, match=f"{re.escape(message)}; make a plan for this network$"):
        PruningPlan(planned).check(spec)


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"spec": 3, "keep": {}}'])
def test_text_that_is_no_plan(text):
    with pytest.raises(ValueError, match="not a"):
        PruningPlan.from_json(text)
