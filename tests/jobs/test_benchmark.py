"""Costs against counts by hand, and latency against models of known speed."""

import json
import time
from dataclasses import FrozenInstanceError, asdict

import pandas as pd
import pytest
import torch
from torch import nn

from vfi import measure
from vfi.checkpoints import save_network
from vfi.jobs import benchmark
from vfi.measure import latency, memory
from vfi.models import RIFE, BlockSpec, Interpolator, RefineSpec, variant


@pytest.fixture(scope="module")
def network() -> RIFE:
    """A narrow rife_v4.0 with its teacher block."""
    official = variant("rife_v4.0")
    blocks = tuple(BlockSpec.uniform(8, b.scale) for b in official.blocks)
    spec = official.replace(
        blocks=blocks, teacher=BlockSpec.uniform(8, 1), refine=RefineSpec.uniform(4)
    )
    torch.manual_seed(0)
    return RIFE(spec).eval()


def sleeper(seconds: float, calls: list[str], name: str):
    """A model that takes its time and keeps a record."""

    def model(img0: torch.Tensor, img1: torch.Tensor) -> torch.Tensor:
        calls.append(name)
        time.sleep(seconds)
        return img0

    return model


def test_parameters_leave_out_the_teacher(network):
    without = RIFE(network.spec.for_inference())
    expected = sum(p.numel() for p in without.parameters())
    assert measure.parameters(network) == measure.parameters(without) == expected
    assert measure.parameters(Interpolator(network)) == expected
    assert sum(p.numel() for p in network.parameters()) > expected


def test_weights_size_is_in_the_type_they_have(network):
    without = RIFE(network.spec.for_inference())
    size = measure.weights_mib(network)
    assert size == pytest.approx(measure.parameters(network) * 4 / 2**20)
    assert measure.weights_mib(without.half()) == pytest.approx(size / 2)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (50, 70)])
def test_flops_are_two_for_each_multiplication_of_every_convolution(network, height, width):
    macs = 0

    def count(module: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        nonlocal macs
        # A convolution uses its kernel once an output pixel, a transposed one once an input pixel.
        pixels = inputs[0] if isinstance(module, nn.ConvTranspose2d) else output
        macs += pixels.shape[0] * pixels.shape[2] * pixels.shape[3] * module.weight.numel()

    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    hooks = [module.register_forward_hook(count) for module in convolutions]
    frame = torch.rand(1, 3, height, width)
    with torch.inference_mode():
        Interpolator(network)(frame, frame)
    for hook in hooks:
        hook.remove()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert measure.flops(network, height, width) == 2 * macs > 0
    assert measure.flops(Interpolator(network), height, width) == 2 * macs
    assert all(torch.equal(t, before[n]) for n, t in network.state_dict().items())
    result = measure.efficiency(network, height, width)
    assert (result.macs, result.flops) == (macs, 2 * macs)
    assert result.parameters == measure.parameters(network)


def test_only_convolutions_are_counted():
    class Warp(nn.Module):
        def forward(self, img0: torch.Tensor, img1: torch.Tensor) -> torch.Tensor:
            grid = torch.zeros(1, 8, 8, 2, device=img0.device)
            moved = nn.functional.grid_sample(img0, grid, align_corners=True)
            return nn.functional.interpolate(moved + img1, scale_factor=2)

    with torch.utils.flop_counter.FlopCounterMode(display=False) as counter:
        Warp()(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8))
    assert counter.get_total_flops() == 0


def test_official_figures():
    with torch.device("meta"):
        official = RIFE(variant("rife_v4.0"))
    figures = measure.efficiency(official, 480, 640)
    assert figures.parameters == 8_412_855
    assert figures.macs == 24_817_036_800
    assert figures.flops == 2 * figures.macs


def test_latency_ranks_models_and_calls_each_once_a_round():
    calls: list[str] = []
    models = {name: sleeper(s, calls, name) for name, s in (("slow", 0.04), ("fast", 0.01))}
    result = latency.compare_latency(models, 8, 12, warmup=1, repeats=4)
    rounds = [calls[i : i + 2] for i in range(0, len(calls), 2)]
    assert len(rounds) == 5
    assert all(sorted(names) == ["fast", "slow"] for names in rounds)
    assert {tuple(names) for names in rounds} == {("fast", "slow"), ("slow", "fast")}
    assert list(result) == ["slow", "fast"]
    assert result["slow"].speedup == 1
    assert 1.5 < result["fast"].speedup < 4.5
    assert 10 <= result["fast"].median_ms < result["slow"].median_ms
    assert result["fast"].p90_ms >= result["fast"].median_ms
    assert result["fast"].fps == pytest.approx(1000 / result["fast"].median_ms)
    with pytest.raises(FrozenInstanceError):
        result["fast"].fps = 1
    assert json.loads(json.dumps(asdict(result["slow"])))["repeats"] == 4


def test_latency_conditions_hold_while_measuring_and_not_after():
    class Probe(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.seen: list[tuple] = []

        def forward(self, img0: torch.Tensor, img1: torch.Tensor) -> torch.Tensor:
            last = {"memory_format": torch.channels_last}
            layouts = [x.is_contiguous(**last) for x in (img0, img1, self.conv.weight)]
            result = self.conv(img0)
            modes = torch.get_num_threads(), torch.is_inference_mode_enabled(), result.dtype
            self.seen.append((*layouts, *modes, tuple(img1.shape)))
            return result

    probe, threads = Probe(), torch.get_num_threads()
    weight, pointer = probe.conv.weight, probe.conv.weight.data_ptr()
    result = latency.compare_latency(
        {"probe": probe}, 6, 9, threads=1, warmup=0, repeats=2,
        channels_last=True, autocast=torch.bfloat16,
    )["probe"]  # fmt: skip
    assert probe.seen == [(True, True, True, 1, True, torch.bfloat16, (1, 3, 6, 9))] * 2
    assert (result.threads, result.precision, result.channels_last) == (1, "bfloat16", True)
    assert (result.height, result.width, result.device) == (6, 9, "cpu")
    assert torch.get_num_threads() == threads
    assert probe.conv.weight is weight
    assert weight.data_ptr() == pointer
    assert weight.is_contiguous()


def test_a_failing_model_leaves_no_trace():
    class Failing(nn.Conv2d):
        def forward(self, img0: torch.Tensor, img1: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("broken")

    model, threads = Failing(3, 4, 3), torch.get_num_threads()
    with pytest.raises(RuntimeError, match="broken"):
        latency.compare_latency({"x": model}, 6, 9, threads=threads + 1, channels_last=True)
    assert torch.get_num_threads() == threads
    assert model.weight.is_contiguous()
    assert not torch.is_inference_mode_enabled()


def test_latency_rejects_what_cannot_be_measured():
    model = {"x": sleeper(0, [], "x")}
    with pytest.raises(ValueError, match="repeats is 0"):
        latency.compare_latency(model, 8, 8, repeats=0)
    with pytest.raises(ValueError, match="height is -8"):
        latency.compare_latency(model, -8, 8)
    with pytest.raises(ValueError, match="threads is 0"):
        latency.compare_latency(model, 8, 8, threads=0)
    with pytest.raises(ValueError, match="at least one model"):
        latency.compare_latency({}, 8, 8)
    with pytest.raises(ValueError, match="warmup of 0 or more"):
        latency.compare_latency(model, 8, 8, warmup=-1)


def test_peak_memory_grows_with_what_is_held():
    before = memory.peak_memory_mib()
    held = torch.ones(96 * 2**20 // 4)
    assert memory.peak_memory_mib() >= before
    # The peak is of the whole past: this much at least.
    assert memory.peak_memory_mib() > held.numel() * 4 / 2**20


def test_the_job_measures_files_and_writes_its_results(network, tmp_path, capsys):
    paths = [str(tmp_path / f"{name}.safetensors") for name in ("a", "b")]
    for path in paths:
        save_network(network, path)
    settings = {"height": 64, "width": 96, "warmup": 0, "repeats": 2, "threads": 1}
    benchmark.benchmark(paths, **settings, output=str(tmp_path / "results"))
    written = json.loads((tmp_path / "results" / "benchmark.json").read_text())
    rows = pd.read_csv(tmp_path / "results" / "benchmark.csv")
    assert [row["model"] for row in written["models"]] == paths == list(rows["model"])
    assert written["environment"]["packages"]["torch"] == torch.__version__
    for row in written["models"]:
        assert row["flops"] == measure.flops(network, 64, 96)
        assert row["peak_memory_mib"] > 50
        assert row["threads"] == 1
    assert written["models"][0]["speedup"] == 1
    shown = capsys.readouterr().out
    assert "96x64 pixels on cpu" in shown
    assert "GFLOPs" in shown


def test_the_job_names_what_is_wrong_before_it_works(tmp_path):
    with pytest.raises(ValueError, match="different names"):
        benchmark.benchmark(["a", "a"])
    with pytest.raises(ValueError, match="width is 0"):
        benchmark.benchmark(["a"], width=0)
    with pytest.raises(ValueError, match="cannot use the device 'nonsense'"):
        benchmark.benchmark(["rife_v4.0"], device="nonsense")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot write"):
        benchmark.benchmark(["a"], output=str(tmp_path / "file"))
    with pytest.raises(ValueError, match=r"measuring the memory of .*nothing.* failed"):
        memory.peak_memory_of(str(tmp_path / "nothing.pkl"), 64, 64)
