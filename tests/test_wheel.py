"""The wheel works outside of the checkout, with what the core needs and nothing else."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import vfi
from tests.helpers.elsewhere import run_without
from tests.helpers.paths import CHECKPOINTS, ROOT
from tests.helpers.small_media import numbered, write_clip

EXTRAS = (
    *("lightning", "torchmetrics", "pandas", "matplotlib", "kornia", "pytest"),
    *("openvino", "onnx", "onnxscript", "onnxruntime", "gradio", "ray", "litdata"),
)
"""What a core installation lacks."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the contents of a wheel that was just built."""
    pytest.importorskip("hatchling", reason="hatchling, which builds the wheel, is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


@pytest.fixture
def run(installed: Path, tmp_path: Path):
    """Runs the installed command with no extra at hand."""
    return lambda *arguments: run_without(EXTRAS, arguments, tmp_path, installed)


def test_the_wheel_is_whole(installed: Path) -> None:
    assert (installed / "vfi/py.typed").is_file()
    models = {path.name for path in (installed / "vfi/_checkpoints").glob("*.safetensors")}
    assert models == {path.name for path in CHECKPOINTS.glob("*.safetensors")}
    assert (installed / "vfi/_configs/test/baseline.yaml").is_file()
    (metadata,) = installed.glob("*.dist-info")
    assert f"Version: {vfi.__version__}" in (metadata / "METADATA").read_text(encoding="utf-8")
    assert "vfi = vfi.__main__:main" in (metadata / "entry_points.txt").read_text(encoding="utf-8")
    assert not (installed / "tests").exists()


def test_it_tells_its_version_and_models(run) -> None:
    assert run("--version").stdout == f"vfi {vfi.__version__}\n"
    listed = json.loads(run("models", "--json").stdout)
    here = {model["name"] for model in listed if model["here"]}
    assert {path.stem for path in CHECKPOINTS.glob("*.safetensors")} <= here


def test_a_video_becomes_smoother(run, tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4", numbered(3, 4, side=64), codec="libx264")
    done = run("in.mp4", "--threads", "1")
    assert done.returncode == 0, done.stderr
    assert "in_2x.mp4" in done.stdout
    assert (tmp_path / "in_2x.mp4").is_file()
    assert json.loads((tmp_path / "in_2x.mp4.json").read_text("utf-8"))["model"] == "rife-fast"


def test_a_command_whose_extra_is_missing_says_which(run) -> None:
    done = run("fit")
    assert done.returncode == 2
    assert "pip install 'vfi-rife[train]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
