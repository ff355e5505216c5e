"""Specs survive a trip through JSON and refuse what no network can have."""

import dataclasses
import json

import pytest

from vfi.models import (
    RIFE,
    VARIANTS,
    BlockSpec,
    EncoderSpec,
    RefineSpec,
    RIFESpec,
    StageSpec,
    variant,
)


@pytest.mark.parametrize("name", sorted(VARIANTS))
@pytest.mark.parametrize("change", [{}, {"refine": None}, {"teacher": None, "teacher_inputs": ()}])
def test_round_trip(name, change):
    spec = variant(name).replace(**change)
    assert RIFESpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_round_trip_of_a_narrow_network(tiny):
    spec = tiny("rife_m").spec
    assert RIFESpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_specs_are_frozen_and_hashable():
    spec = variant("rife")
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.variant = "other"
    assert len({*VARIANTS.values(), variant("rife")}) == len(VARIANTS)


def test_unknown_variant_lists_the_known():
    with pytest.raises(ValueError, match=r"'rife_v9'.*rife_v4\.0"):
        variant("rife_v9")


def test_version_4_26_has_the_shape_of_4_25():
    assert variant("rife_v4.26") == variant("rife_v4.25")


@pytest.mark.parametrize("width", [0, -8, 1.5, "8", True, None])
def test_widths_must_be_positive_integers(width):
    with pytest.raises(ValueError, match="width must be an integer"):
        BlockSpec(1, width, 8, (8,))
    with pytest.raises(ValueError, match=r"hidden\[1\]"):
        BlockSpec(1, 8, 8, (8, width))
    with pytest.raises(ValueError, match="width must be an integer"):
        StageSpec(8, width)


@pytest.mark.parametrize("scale", [0, 3, 64, -1, True])
def test_scales_are_powers_of_two(scale):
    with pytest.raises(ValueError, match="1, 2, 4, 8, 16 or 32"):
        BlockSpec.uniform(16, scale)


def test_refine_needs_four_stages():
    refine = RefineSpec.uniform(4)
    with pytest.raises(ValueError, match="context has 3 stages"):
        dataclasses.replace(refine, context=refine.context[:3])
    with pytest.raises(ValueError, match="up has 5 stages"):
        dataclasses.replace(refine, up=(*refine.up, 4))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"blocks": ()}, "at least one block"),
        ({"variant": 4.0}, r"variant is 4\.0"),
        ({"variant": ""}, "variant is ''"),
        ({"first_inputs": ("img0", "warped0")}, "warped0"),
        ({"inputs": ("img0", "gt")}, "gt"),
        ({"teacher_inputs": ("img2",)}, "img2"),
        ({"warp_at_scale": 1}, "warp_at_scale is 1"),
        ({"accumulate_mask": 0}, "accumulate_mask is 0"),
        ({"features": -1}, "features is -1"),
        ({"inputs": ("features",)}, r"inputs has \['features'\]"),
        ({"inputs": ("warped_encoded0",)}, r"inputs has \['warped_encoded0'\]"),
        ({"first_inputs": ("encoded0",)}, r"first_inputs has \['encoded0'\]"),
    ],
)
def test_impossible_networks(change, message):
    with pytest.raises(ValueError, match=message):
        variant("rife").replace(**change)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.pop("blocks"),
        lambda data: data.update(colour="red"),
        lambda data: data["blocks"][0].pop("stem"),
        lambda data: data["refine"].pop("up"),
        lambda data: data.update(blocks=3),
        lambda data: data.update(variant=3),
    ],
)
def test_damaged_dictionaries(damage):
    data = variant("rife").to_dict()
    damage(data)
    with pytest.raises(ValueError, match="spec"):
        RIFESpec.from_dict(data)


@pytest.mark.parametrize(
    ("name", "flow_scale", "stride"),
    [
        ("rife", 1, 16),
        ("rife", 0.5, 32),
        ("rife_v4.0", 1, 32),
        ("rife_v4.0", 2, 16),
        ("rife_v4.6", 1, 32),
        ("rife_v4.22-lite", 1, 32),
        ("rife_v4.25", 1, 64),
        ("rife_v4.25-lite", 1, 128),
    ],
)
def test_stride(name, flow_scale, stride):
    assert variant(name).stride(flow_scale) == stride


def test_teacher_is_for_training_only():
    spec = variant("rife_v4.0").for_inference()
    assert spec.teacher is None
    assert not any(name.startswith("block_tea") for name in RIFE(spec).state_dict())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"residuals": -1}, "residuals is -1"),
        ({"hidden": (8,), "residuals": 2}, "give one of the two"),
        ({"slope": 1.5}, "slope is 1.5"),
        ({"shuffle": 1}, "shuffle is 1"),
    ],
)
def test_impossible_blocks(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(BlockSpec(1, 4, 8), **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"widths": ()}, "widths is empty"), ({"widths": (0,)}, r"widths\[0\]"), ({"out": 0}, "out")],
)
def test_impossible_encoders(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(EncoderSpec((4, 4), 2), **change)


def test_specs_from_before_the_later_networks():
    data = variant("rife_v4.0").to_dict()
    for name in ("encoder", "features", "accumulate_mask", "finest_scale"):
        del data[name]
    for block in (*data["blocks"], data["teacher"]):
        del block["residuals"], block["slope"], block["shuffle"]
    assert RIFESpec.from_dict(data) == variant("rife_v4.0")
