"""Exported files make torch's frames at any size, or are not there."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.helpers.paths import ROOT
from tests.helpers.small_networks import fill, small_spec
from vfi.checkpoints import load_model, save_network
from vfi.data.sample import render
from vfi.files import sha256
from vfi.jobs import export as job
from vfi.models import RIFE

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "small.safetensors"
    save_network(fill(RIFE(small_spec("rife_v4.0")), gain=1.0), path, licence="MIT")
    return path


def test_onnx_runs_with_onnxruntime_and_numpy_alone(weights, tmp_path):
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    out = tmp_path / "out/small.onnx"
    job.export(str(weights), output=str(out))
    about = json.loads((tmp_path / "out/small.onnx.json").read_text())
    assert about["sha256"] == {"small.onnx": sha256(out)}
    assert about["licence"] == "MIT"
    assert all(0 <= outcome["largest"] < 1e-3 for outcome in about["parity"])
    first, _, second = (frame[:50, :70] for frame in render(3))  # not a multiple of the stride
    np.save(tmp_path / "0.npy", first)
    np.save(tmp_path / "1.npy", second)
    words = [str(out), *(str(tmp_path / name) for name in ("0.npy", "1.npy", "middle.npy"))]
    subprocess.run([sys.executable, str(ROOT / "docs/run_onnx.py"), *words], check=True)
    expected = load_model(weights)(first, second).astype(int)
    assert np.abs(np.load(tmp_path / "middle.npy") - expected).max() <= 1


def test_openvino_with_its_weights_beside_it(weights, tmp_path):
    pytest.importorskip("openvino")
    job.export(str(weights), "openvino", output=str(tmp_path / "small.xml"))
    about = json.loads((tmp_path / "small.xml.json").read_text())
    assert set(about["sha256"]) == {"small.xml", "small.bin"}


def test_a_file_that_differs_is_not_kept(weights, tmp_path, monkeypatch):
    pytest.importorskip("openvino")
    monkeypatch.setattr(job, "TOLERANCE", -1.0)
    with pytest.raises(ValueError, match=r"differ from torch's by .* nothing was written"):
        job.export(str(weights), "openvino", output=str(tmp_path / "out/x.xml"))
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output": "."}, "it is a folder; give the path of a file"),
        ({"output": "x.xml"}, "format onnx ends in .onnx"),
        ({"opset": 20}, "opset is 20; choose from 16, 17, 18, 19"),
    ],
)
def test_what_cannot_be_written_takes_one_line(options, message, weights):
    with pytest.raises(ValueError, match=message):
        job.export(str(weights), **options)
