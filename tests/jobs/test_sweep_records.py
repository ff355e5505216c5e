"""What a point of a sweep measures, what its record holds for, and the row that is made of it."""

import dataclasses
import math

import pytest

from tests.helpers.policies import aware
from vfi import measure
from vfi.checkpoints import load_network, save_network
from vfi.data.sources import TrainData, ValData
from vfi.jobs.sweep.points import Laboratory, Point, Setting
from vfi.jobs.sweep.records import row
from vfi.measure.protocol import SCORES
from vfi.pruning import ArchitectureAware, GlobalThreshold, SavedPlan, Taylor


def test_a_record_holds_for_its_settings_alone(network):
    setting = Setting(ValData(), 2, TrainData(), 10, measure.Conditions(32, 32), 1)
    point = Point("aware", 0.5, "compact", aware(0.5))
    reference = Laboratory(network, True, setting).fingerprint(point)
    others = [
        (setting, dataclasses.replace(point, level=0.4)),
        (setting, dataclasses.replace(point, policy=ArchitectureAware(0.5, min_channels=2))),
        (dataclasses.replace(setting, limit=3), point),
        (dataclasses.replace(setting, repeats=2), point),
    ]
    prints = [Laboratory(network, True, c).fingerprint(p) for c, p in others]
    assert len({reference, *prints}) == 5
    assert Laboratory(network, True, setting).fingerprint(point) == reference


def test_a_record_holds_for_its_network_and_plan_alone(network, tmp_path):
    setting = Setting(ValData(), 2, TrainData(), 10, measure.Conditions(32, 32), 1)
    lean = str(tmp_path / "lean.safetensors")
    save_network(load_network(network, warp_at_scale=True), lean)
    point = Point("saved", 0.5, "compact", SavedPlan(0.5, tmp_path))
    prints = []
    for ratio in (0.5, 0.25):
        (tmp_path / "0.5.json").write_text(aware(ratio)(load_network(network)).to_json())
        prints += [Laboratory(n, True, setting).fingerprint(point) for n in (network, lean)]
    assert len(set(prints)) == 4


def test_a_policy_may_calibrate(network):
    timing = measure.Conditions(32, 32)
    setting = Setting(ValData(), 1, TrainData(batch_size=2), 1, timing, 1)
    taylor = Point("taylor", 0.3, "compact", GlobalThreshold(0.3, Taylor()))
    record = Laboratory(network, True, setting).measure(taylor, lambda: None)
    assert record["plan"]["ratio"] == pytest.approx(0.3, abs=0.05)
    assert record["policy"]["importance"] == {"class": "Taylor", "loss": "l1_loss"}


def test_standard_error_of_paired_differences():
    times = dict.fromkeys(("median_ms", "dense_median_ms", "fps", "speedup"), 1.0)

    def record(values):
        return {
            "series": "a",
            "variant": "compact",
            "level": 0.5,
            "plan": {"ratio": 0.5, "emptied": []},
            "scores": {"id": ["x", "y", "z"], **dict.fromkeys(SCORES, values)},
            "costs": {"parameters": 2, "flops": 2},
            "latency": times,
        }

    figures = row(record([29.0, 38.0, 18.0]), record([30.0, 40.0, 21.0]))  # drops 1, 2, 3
    assert figures["psnr_drop"] == pytest.approx(2)
    assert figures["psnr_drop_se"] == pytest.approx(1 / math.sqrt(3))
