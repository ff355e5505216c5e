"""Latency against models of known speed."""

import json
import time
from dataclasses import FrozenInstanceError, asdict

import pytest
import torch
from torch import nn

from vfi.measure import Conditions, compare_latency


def sleeper(seconds: float, calls: list[str], name: str):
    """A model that takes its time and keeps a record."""

    def model(img0: torch.Tensor, img1: torch.Tensor) -> torch.Tensor:
        calls.append(name)
        time.sleep(seconds)
        return img0

    return model


def test_latency_ranks_models_and_calls_each_once_a_round():
    calls: list[str] = []
    models = {name: sleeper(s, calls, name) for name, s in (("slow", 0.04), ("fast", 0.01))}
    result = compare_latency(models, Conditions(8, 12), warmup=1, repeats=4)
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
    conditions = Conditions(6, 9, threads=1, channels_last=True, precision="bfloat16")
    result = compare_latency({"probe": probe}, conditions, warmup=0, repeats=2)["probe"]
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
        compare_latency({"x": model}, Conditions(6, 9, threads + 1, channels_last=True))
    assert torch.get_num_threads() == threads
    assert model.weight.is_contiguous()
    assert not torch.is_inference_mode_enabled()


def test_latency_rejects_what_cannot_be_measured():
    model = {"x": sleeper(0, [], "x")}
    with pytest.raises(ValueError, match="repeats is 0"):
        compare_latency(model, Conditions(8, 8), repeats=0)
    with pytest.raises(ValueError, match="at least one model"):
        compare_latency({}, Conditions(8, 8))
    with pytest.raises(ValueError, match="warmup of 0 or more"):
        compare_latency(model, Conditions(8, 8), warmup=-1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"height": -8}, "height is -8"),
        ({"threads": 0}, "threads is 0"),
        ({"precision": "int8"}, "precision is 'int8'; it must be one of float32, bfloat16"),
    ],
)
def test_conditions_say_what_they_cannot_be(settings, message):
    with pytest.raises(ValueError, match=message):
        Conditions(**settings)
