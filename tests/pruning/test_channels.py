import pytest
import torch
from torch import nn

from tests.helpers.small_networks import fill, run, small_spec
from vfi.models import RIFE, VARIANTS, BlockSpec, EncoderSpec
from vfi.pruning import (
    PruningPlan,
    channel_groups,
    compact,
    fixed_layers,
    masked,
    output_dim,
    with_widths,
)

SPECS = {
    f"{name}{'' if refine else ' without refine'}": small_spec(name, refine)
    for name in VARIANTS
    for refine in ((True, False) if VARIANTS[name].refine else (True,))
}
ALL_SPECS = SPECS | VARIANTS | {"teacher": small_spec("rife", teacher=True)}
ALL_SPECS["residual, PReLU"] = small_spec("rife_v4.6").replace(
    blocks=(BlockSpec(1, 2, 3, residuals=2),), encoder=EncoderSpec((2, 3), 1)
)


def build(spec):
    with torch.device("meta"):
        return RIFE(spec)


@pytest.mark.parametrize("spec", ALL_SPECS.values(), ids=ALL_SPECS)
def test_every_output_channel_is_in_one_group_or_fixed(spec):
    network = build(spec)
    owners = [p for group in channel_groups(spec).values() for p in group.producers]
    owners += fixed_layers(spec)
    convs = [n for n, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert sorted(owners) == sorted(convs)


@pytest.mark.parametrize("spec", ALL_SPECS.values(), ids=ALL_SPECS)
def test_every_input_channel_is_read_from_one_group_or_from_signals(spec):
    network = build(spec)
    read = {}
    for group in channel_groups(spec).values():
        for consumer in group.consumers:
            channels = range(consumer.offset, consumer.offset + group.width)
            read.setdefault(consumer.conv, []).extend(channels)
    for name, module in network.named_modules():
        if not isinstance(module, nn.Conv2d | nn.ConvTranspose2d) or name.startswith("block_tea"):
            continue
        channels = sorted(read.get(name, []))
        reads_signals = any(
            group.signals and name in group.producers for group in channel_groups(spec).values()
        )
        assert channels == ([] if reads_signals else list(range(module.in_channels)))


@pytest.mark.parametrize("spec", ALL_SPECS.values(), ids=ALL_SPECS)
def test_widths_are_those_of_the_modules(spec):
    network = build(spec)
    for group in channel_groups(spec).values():
        for producer in group.producers:
            assert network.get_submodule(producer).out_channels == group.width
        for name in group.per_channel:
            assert network.get_parameter(name).numel() == group.width


@pytest.mark.parametrize("spec", ALL_SPECS.values(), ids=ALL_SPECS)
def test_every_other_parameter_is_one_groups(spec):
    """Slopes and factors: one value a channel, cut with it."""
    owned = [name for group in channel_groups(spec).values() for name in group.per_channel]
    others = [
        name
        for key, module in build(spec).named_modules(prefix="")
        if not isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and "block_tea" not in key
        for name in (f"{key}.{own}" for own, _ in module.named_parameters(recurse=False))
    ]
    assert sorted(owned) == sorted(others)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_zeroed_channel_can_be_removed(spec):
    """The proof: for each group, zeroing a channel at an end and cutting it out are the same."""
    network = fill(RIFE(spec), gain=1.5).double()
    dense = run(network)
    for name, group in channel_groups(spec).items():
        for channel in {0, group.width - 1}:
            plan = PruningPlan(spec, {name: tuple(set(range(group.width)) - {channel})})
            with masked(network, plan):
                zeroed = run(network)
            removed = compact(network, plan)
            assert channel_groups(removed.spec)[name].width == group.width - 1
            assert (zeroed - dense).abs().max() > 1e-7  # else nothing would be proven
            torch.testing.assert_close(run(removed), zeroed, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", VARIANTS)
def test_real_widths_by_sample(name):
    """Three channels of every group at once, in the official shapes."""
    spec = VARIANTS[name].for_inference()
    network = fill(RIFE(spec)).double()
    groups = channel_groups(spec)
    keep = {
        n: tuple(c for c in range(g.width) if c not in (0, g.width // 3, g.width - 1))
        for n, g in groups.items()
    }
    plan = PruningPlan(spec, keep)
    with masked(network, plan):
        zeroed = run(network)
    torch.testing.assert_close(run(compact(network, plan)), zeroed, rtol=0, atol=1e-12)


def test_names_stages_and_offsets():
    groups = channel_groups(VARIANTS["rife_v4.0"])
    assert list(groups)[:3] == ["block0.stem", "block0.trunk", "block0.hidden0"]
    assert {group.stage for group in groups.values()} == {
        *(f"block{i}" for i in range(4)),
        "context",
        "unet",
    }
    trunk = groups["block0.trunk"]
    assert trunk.producers == ("block0.conv0.1.0", "block0.convblock.7.0")
    context = groups["context.conv2.out"]
    assert [(c.conv, c.offset) for c in context.consumers] == [
        ("contextnet.conv3.conv1.0", 0),
        ("unet.down2.conv1.0", 64),
        ("unet.down2.conv1.0", 96),
    ]
    skip = groups["unet.down0.out"].consumers[1]
    assert (skip.conv, skip.offset) == ("unet.up3.0", 32)


def test_only_first_convolutions_are_protected_by_default():
    for spec in SPECS.values():
        protected = [n for n, g in channel_groups(spec).items() if g.protection]
        refine = ["context.conv1.inner", "unet.down0.inner"] if spec.refine else []
        encoder = ["encode.cnn0"] if spec.encoder else []
        stems = [f"block{i}.stem" for i in range(len(spec.blocks))]
        assert protected == encoder + stems + refine


def test_with_widths_changes_only_what_is_named():
    spec = small_spec("rife_v4.0")
    narrow = with_widths(spec, {"block1.hidden3": 1, "unet.up2": 2, "context.conv2.out": 1})
    assert narrow.blocks[1].hidden[3] == 1
    assert narrow.refine.up[2] == 2
    assert narrow.refine.context[1].out == 1
    widths = {n: g.width for n, g in channel_groups(narrow).items()}
    before = {n: g.width for n, g in channel_groups(spec).items()}
    assert {n for n in widths if widths[n] != before[n]} == {
        "block1.hidden3",
        "unet.up2",
        "context.conv2.out",
    }


def test_transposed_convolutions_keep_their_outputs_on_dim_1():
    assert output_dim(nn.ConvTranspose2d(2, 3, 4)) == 1
    assert output_dim(nn.Conv2d(2, 3, 3)) == 0


def test_patterns():
    groups = channel_groups(VARIANTS["rife"])
    assert groups.matching("*.stem") == ["block0.stem", "block1.stem", "block2.stem"]
    assert len(groups.matching("context")) == 8
    assert groups.matching("unet.down1") == ["unet.down1.inner", "unet.down1.out"]
    with pytest.raises(ValueError, match=r"pattern 'blok0\.\*' matches no .*block0\.stem"):
        groups.matching("blok0.*")
    with pytest.raises(ValueError, match=r"unknown channel group 'block9\.trunk'"):
        with_widths(VARIANTS["rife"], {"block9.trunk": 3})
