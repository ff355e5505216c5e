"""What Windows and macOS lack is not needed: POSIX-only modules, fork, files below /proc."""

from pathlib import Path

import pytest
import yaml

from tests.helpers.configs import whole
from tests.helpers.elsewhere import run_without
from tests.helpers.paths import ROOT
from tests.helpers.small_media import numbered, write_clip
from tests.helpers.small_networks import fill, shallow_spec
from vfi.checkpoints import save_network
from vfi.models import RIFE

POSIX = ("fcntl", "resource", "pwd", "grp", "termios")
NO_FORK = """
import io, multiprocessing
multiprocessing.set_start_method("spawn")
del os.fork
real = io.open
def refuse(file, *args, **kwargs):
    if str(file).startswith("/proc/"):
        raise FileNotFoundError(2, "there is none here", str(file))
    return real(file, *args, **kwargs)
io.open = refuse  # what pathlib opens files by
"""


@pytest.fixture
def run(tmp_path: Path):
    return lambda *arguments: run_without(POSIX, arguments, tmp_path, ROOT, NO_FORK)


@pytest.fixture
def network(tmp_path: Path) -> str:
    path = tmp_path / "small.safetensors"
    save_network(fill(RIFE(shallow_spec()), gain=1.0), path)
    return str(path)


def test_the_blocks_hold(tmp_path: Path) -> None:
    """Otherwise the other tests would show nothing."""
    tried = (
        NO_FORK
        + """
import pathlib
sys.stderr.write(f"{hasattr(os, 'fork')} {multiprocessing.get_start_method()} ")
try:
    pathlib.Path("/proc/cpuinfo").read_text()
except FileNotFoundError:
    sys.stderr.write("closed ")
import fcntl
"""
    )
    done = run_without(POSIX, ["--version"], tmp_path, ROOT, tried)
    assert "False spawn closed" in done.stderr or not Path("/proc/cpuinfo").exists()
    assert "No module named 'fcntl'" in done.stderr


def test_a_video_is_interpolated(run, network: str, tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4", numbered(3, 4, side=64), codec="libx264")
    done = run("in.mp4", "-m", network, "--threads", "1")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "in_2x.mp4").is_file()


def test_a_network_is_tested_by_spawned_workers(run, network: str, tmp_path: Path) -> None:
    config = whole("test/baseline.yaml")
    config["model"]["init_args"]["network"] = network
    config["data"]["num_workers"] = 1
    config["trainer"]["callbacks"][-1]["init_args"] = {"repeats": 0}
    config["trainer"]["default_root_dir"] = "run"
    config["trainer"]["limit_test_batches"] = 2
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    done = run("test", "-c", "test.yaml")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run/metrics.json").is_file()


def test_a_network_is_trained(run, network: str, tmp_path: Path) -> None:
    config = whole("fit/quality.yaml")
    config["model"]["init_args"]["network"] = network
    config["data"] = {"num_workers": 1, "train": {"steps": 1, "batch_size": 2}}
    config["data"]["train"]["augment"] = {"crop": 64}
    config["trainer"] |= {"max_epochs": 1, "limit_val_batches": 1, "num_sanity_val_steps": 0}
    config["trainer"] |= {"default_root_dir": "run"}
    (tmp_path / "fit.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    done = run("fit", "-c", "fit.yaml")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run/checkpoints/best.ckpt").is_file()
