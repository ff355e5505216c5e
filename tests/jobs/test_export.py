"""Exported files make torch's frames at any size, or are not there."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from tests.helpers.paths import ROOT
from tests.helpers.small_networks import fill, shallow_spec, small_spec
from vfi.checkpoints import load_model, load_network, save_network
from vfi.checkpoints.formats import digest
from vfi.data.sample import render
from vfi.files import sha256
from vfi.jobs import export as job
from vfi.models import RIFE, Options
from vfi.runtime.ranges import calibrated, write_ranges

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "small.safetensors"
    save_network(fill(RIFE(small_spec("rife_v4.0")), gain=1.0), path, licence="MIT")
    return path


@pytest.fixture
def shallow(tmp_path):
    path = tmp_path / "shallow.safetensors"
    save_network(fill(RIFE(shallow_spec(refine=False)), gain=1.0), path)
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


def test_openvino_with_its_weights_beside_it(shallow, tmp_path):
    pytest.importorskip("openvino")
    job.export(str(shallow), "openvino", output=str(tmp_path / "small.xml"))
    about = json.loads((tmp_path / "small.xml.json").read_text())
    assert set(about["sha256"]) == {"small.xml", "small.bin"}


def test_openvino_in_8_bits_for_one_size(shallow, tmp_path, monkeypatch):
    pytest.importorskip("openvino")
    out, words = tmp_path / "small.xml", {"format": "openvino", "precision": "int8"}
    with pytest.raises(ValueError, match="no 8-bit ranges"):
        job.export(str(shallow), **words, output=str(out), size="96x64")
    network = load_network(shallow)
    ranges = calibrated(network, [(torch.rand(1, 3, 64, 96), torch.rand(1, 3, 64, 96))])
    write_ranges(shallow.with_suffix(".int8.json"), ranges, digest(network.state_dict()))
    with pytest.raises(ValueError, match=r"more than 0\.004; nothing was written"):
        job.export(str(shallow), **words, output=str(out), size="90x50")
    monkeypatch.setattr(job, "MEAN_ERROR", 0.1)  # random weights are not made for 8 bits
    job.export(str(shallow), **words, output=str(out), size="90x50")
    about = json.loads((tmp_path / "small.xml.json").read_text())
    assert about["inputs"][0]["shape"] == [2, 3, 50, 90]
    assert all(0 < outcome["mean"] < 0.1 for outcome in about["parity"])


def test_torch_with_free_sides(tmp_path):
    spec = Options(finest_scale=2).apply(shallow_spec(refine=False))
    weights, out = tmp_path / "small.safetensors", tmp_path / "small.pt2"
    save_network(fill(RIFE(spec), gain=1.0), weights)
    job.export(str(weights), "torch", output=str(out))
    about = json.loads((tmp_path / "small.pt2.json").read_text())
    assert about["stride"] == 32
    assert [outcome["height"] for outcome in about["parity"]] == [256, 128]
    assert all(outcome["largest"] < 1e-5 for outcome in about["parity"])


def test_a_file_that_differs_is_not_kept(shallow, tmp_path, monkeypatch):
    pytest.importorskip("openvino")
    monkeypatch.setattr(job, "TOLERANCE", -1.0)
    with pytest.raises(ValueError, match=r"differ from torch's by .* nothing was written"):
        job.export(str(shallow), "openvino", output=str(tmp_path / "out/x.xml"))
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output": "."}, "it is a folder; give the path of a file"),
        ({"output": "x.xml"}, "format onnx ends in .onnx"),
        ({"precision": "int8"}, "precision is int8; format onnx has float32, openvino has both"),
        ({"opset": 20}, "opset is 20; choose from 16, 17, 18, 19"),
    ],
)
def test_what_cannot_be_written_takes_one_line(options, message, weights):
    with pytest.raises(ValueError, match=message):
        job.export(str(weights), **options)
