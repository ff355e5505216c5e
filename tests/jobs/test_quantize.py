"""8-bit ranges are written where the model finds them, and not where they cost too much."""

import pytest

from tests.helpers.frames import frames
from tests.helpers.small_networks import fill, small_spec
from vfi.checkpoints import save_network
from vfi.data.augment import Augment
from vfi.data.sources import TrainData, ValData
from vfi.jobs.quantize import quantize
from vfi.models import RIFE
from vfi.runtime.load import load_model


@pytest.fixture
def weights(tmp_path, monkeypatch):
    monkeypatch.setenv("VFI_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "small.safetensors"
    save_network(fill(RIFE(small_spec("rife_v4.0"))), path)
    return path


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


def test_a_loss_above_the_limit_writes_nothing(weights):
    with pytest.raises(ValueError, match=r"8 bits cost .* above limit_db"):
        quantize(**settings(weights, limit_db=-100))
    assert not weights.with_suffix(".int8.json").exists()
