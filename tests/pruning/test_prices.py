import json
import logging

import pytest
import torch
from torch import nn

from tests.helpers.costs import product
from tests.helpers.small_networks import small_spec
from vfi.models import RIFE, VARIANTS, Interpolator, Options
from vfi.pruning import prices as latency
from vfi.pruning.macs import channel_macs
from vfi.pruning.prices import Curves, LayerShape, latency_table, network_layers

SHAPE = LayerShape(6, 8, 5, 12, 1, False, True, False)


@pytest.fixture
def measured(monkeypatch):
    """The measurements that are made, which take no time."""
    made = []

    def measure(shape, inputs, outputs, *rest):
        made.append((shape, inputs, outputs))
        return product(shape, inputs, outputs)

    monkeypatch.setattr(latency, "layer_ms", measure)
    return made


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("refine", [True, False])
def test_every_convolution_of_a_frame_is_a_layer(variant, refine):
    spec = small_spec(variant, refine, teacher=True)
    layers = network_layers(spec, 50, 70)
    network = RIFE(spec.for_inference())
    seen = {name: [] for name in layers}
    for name in layers:
        conv = network.get_submodule(name)
        conv.register_forward_hook(lambda *call, name=name: seen[name].append(call))
    with torch.inference_mode():
        Interpolator(network)(torch.rand(1, 3, 50, 70), torch.rand(1, 3, 50, 70))
    convs = (nn.Conv2d, nn.ConvTranspose2d)
    assert set(layers) == {name for name, m in network.named_modules() if isinstance(m, convs)}
    for name, layer in layers.items():
        (conv, (inputs,), outputs), *more = seen[name]
        assert layer.calls == 1 + len(more)
        assert (layer.shape.height, layer.shape.width) == tuple(inputs.shape[2:])
        assert (layer.shape.inputs, layer.shape.outputs) == (inputs.shape[1], outputs.shape[1])
        assert layer.shape.transposed == isinstance(conv, nn.ConvTranspose2d)
        assert layer.shape.stride == conv.stride[0]


def test_options_change_what_layers_see_and_cost():
    spec = small_spec("rife_v4.0")
    half = Options(finest_scale=2, refine_scale=2).apply(spec)
    before, after = (network_layers(s, 64, 64) for s in (spec, half))
    macs_before, macs_after = (channel_macs(RIFE(s)) for s in (spec, half))
    for conv, group in (
        ("block3.conv0.1.0", "block3.hidden3"),
        ("contextnet.conv2.conv1.0", "context.conv2.inner"),
        ("unet.up3.0", "unet.up2"),
    ):
        assert after[conv].shape.height * 2 == before[conv].shape.height
        assert macs_after[group] * 4 == pytest.approx(macs_before[group])
    assert after["block2.lastconv"] == before["block2.lastconv"]


def test_what_follows_a_convolution_is_known():
    layers = network_layers(small_spec("rife_v4.0"), 64, 64)
    assert not layers["block0.lastconv"].shape.activated
    assert not layers["unet.conv"].shape.activated
    assert layers["unet.up0.0"].shape.activated
    warped = [name for name, layer in layers.items() if layer.shape.warped]
    assert warped == [f"contextnet.conv{k}.conv2.0" for k in (1, 2, 3, 4)]
    assert {layers[name].calls for name in warped} == {2}


def test_the_table_gives_the_cost_at_widths_that_were_not_measured(measured):
    table = latency_table(VARIANTS["rife_v4.0"], 64, 64)
    for name, inputs, outputs in (
        ("block0.convblock.3.0", 192, 192),
        ("block0.convblock.3.0", 100, 52),
        ("block3.lastconv", 40, 5),
        ("contextnet.conv2.conv2.0", 24, 16),
    ):
        layer = table.layers[name]
        expected = layer.calls * product(layer.shape, inputs, outputs)
        assert table.ms(name, inputs, outputs) == pytest.approx(expected)
    assert len(measured) == len(set(measured))


def test_costs_along_outputs_are_a_staircase():
    curves = Curves(inputs={8: 1.0, 16: 2.0}, outputs={8: 1.0, 16: 1.0, 24: 2.0})
    assert [curves.ms(16, width) for width in (8, 16, 20, 24)] == [1.0, 1.0, 1.5, 2.0]
    assert curves.ms(8, 24) == 1.0


def test_a_wider_layer_is_never_cheaper(monkeypatch):
    times = {4: 9.0, 8: 3.0, 12: 2.0}
    monkeypatch.setattr(latency, "layer_ms", lambda _, i, o, *rest: times.get(o, 5.0) if i else 0)
    curves = latency._measure(SHAPE, torch.device("cpu"), torch.channels_last)
    assert list(curves.outputs.values()) == sorted(curves.outputs.values())
    assert curves.outputs[8] == 2.0


@pytest.mark.parametrize("transposed", [False, True])
def test_a_layer_is_really_measured(transposed):
    shape = LayerShape(8, 12, 8, 8, 2, transposed, True, True)
    device = torch.device("cpu")
    slow = latency.layer_ms(shape, 128, 128, device, torch.channels_last)
    assert slow > latency.layer_ms(shape, 8, 8, device, torch.channels_last) > 0


def test_a_file_keeps_what_was_measured(measured, tmp_path, caplog):
    path, spec = tmp_path / "new" / "table.json", small_spec("rife_v4.0")
    first = latency_table(spec, 64, 64, path=path)
    count = len(measured)
    assert count
    again = latency_table(spec, 64, 64, path=path)
    assert again.curves == first.curves
    assert len(measured) == count
    latency_table(spec, 128, 64, path=path)  # other layers are added
    assert len(measured) > count
    count = len(measured)
    latency_table(spec, 64, 64, path=path)
    assert len(measured) == count
    with caplog.at_level(logging.INFO):
        latency_table(spec, 64, 64, path=path, channels_last=False)
    assert "measuring again" in caplog.text
    assert len(measured) > count


@pytest.mark.parametrize("text", ["{", "[]", "{}", json.dumps({"curves": [{"shape": {}}]})])
def test_a_file_that_is_no_table_is_refused(measured, tmp_path, text):
    path = tmp_path / "table.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"table\.json is no latency table"):
        latency_table(small_spec("rife"), 64, 64, path=path)
