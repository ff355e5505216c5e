"""8-bit ranges are written where the model finds them, and not where they cost too much."""

import json

import pytest
import torch

from tests.helpers.frames import frames
from tests.helpers.small_networks import fill, shallow_spec, small_spec
from vfi.checkpoints import save_network
from vfi.data.augment import Augment
from vfi.data.sources import TrainData, ValData
from vfi.jobs import quantize as job
from vfi.jobs.quantize import quantize
from vfi.models import RIFE
from vfi.runtime.lean_layers import Range
from vfi.runtime.load import load_model
from vfi.runtime.ranges import calibrated, harms


@pytest.fixture
def weights(tmp_path, monkeypatch):
    monkeypatch.setenv("VFI_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "small.safetensors"
    save_network(fill(RIFE(shallow_spec(refine=False))), path)
    return path


@pytest.fixture(autouse=True)
def few_triplets(monkeypatch):
    """Scores two triplets."""
    opened = job.open_source
    monkeypatch.setattr(job, "open_source", lambda data: Subset(opened(data), range(2)))


class Subset(torch.utils.data.Subset):
    def identity(self):
        return self.dataset.identity()


def settings(weights, **changes):
    train = TrainData(batch_size=1, augment=Augment(crop=64))
    return {"model": str(weights), "train": train, "val": ValData("sample"), "pairs": 2, **changes}


def test_a_model_in_eight_bits(weights):
    pytest.importorskip("openvino")
    quantize(**settings(weights, limit_db=50))
    assert weights.with_suffix(".int8.json").is_file()
    model = load_model(weights, runtime="openvino", precision="int8")
    img0, img1 = frames(1, 64, 96)
    exact = load_model(weights)(img0, img1)
    assert 0 < (model(img0, img1) - exact).abs().mean() < 0.05


def test_layers_that_do_harm_stay_in_float(weights, monkeypatch):
    """The loss is that of OpenVINO; here it is made to depend on one layer."""
    pytest.importorskip("openvino")
    bad, scored = "trunks.1.body.2", []

    def psnr(_, __, ranges):
        scored.append(len(ranges))
        return 30.0 - (bad in ranges)

    def harms(_, ranges, __):
        return ((name, 2.0 if name == bad else 1.0) for name in ranges)

    monkeypatch.setattr(job, "_psnr", psnr)
    monkeypatch.setattr(job, "harms", harms)
    quantize(**settings(weights))
    kept = json.loads(weights.with_suffix(".int8.json").read_text())["ranges"]
    assert bad not in kept
    assert scored == [0, len(kept) + 1, len(kept)]


def test_the_harm_of_a_layer_is_measured_alone():
    network = fill(RIFE(small_spec("rife_v4.0"))).eval()
    first, second = frames(2, 64, 96)
    pairs = [(first[:1], second[1:])]
    ranges = calibrated(network, pairs)
    name = next(iter(ranges))
    coarse = {**ranges, name: Range(0.0, 100 * ranges[name].high)}
    fine, rough = dict(harms(network, ranges, pairs)), dict(harms(network, coarse, pairs))
    assert rough.pop(name) > 2 * fine.pop(name) > 0
    assert rough == fine


def test_a_loss_above_the_limit_writes_nothing(weights, monkeypatch):
    pytest.importorskip("openvino")
    monkeypatch.setattr(job, "_psnr", lambda _, __, ranges: 29.8 if ranges else 30.0)
    monkeypatch.setattr(job, "harms", lambda _, ranges, __: ((name, 1.0) for name in ranges))
    with pytest.raises(ValueError, match=r"8 bits cost 0\.200 dB .* above limit_db 0\.1;"):
        quantize(**settings(weights))
    assert not weights.with_suffix(".int8.json").exists()
