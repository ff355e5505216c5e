"""The same seed, data and machine give the same bits."""

import pandas as pd
import pytest

from tests.kill import jobs
from vfi.cli import main


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return jobs.clips(tmp_path_factory.mktemp("data") / "clips")


def test_a_plan_is_the_same_again(tmp_path, data):
    jobs.sweep(tmp_path, data)  # leaves a small network
    policy = ["--policy", "vfi.pruning.ArchitectureAware", "--policy.ratio", "0.4"]
    policy += ["--policy.min_channels", "1", "--policy.multiple", "1"]
    policy += ["--policy.importance", "vfi.pruning.Taylor", "--calibration", "2"]
    policy += ["--network", str(tmp_path / "dense.safetensors"), "--train.batch_size", "2"]
    for name in ("one", "two"):
        assert main(["plan", *policy, "--output", str(tmp_path / f"{name}.json")]) == 0
    one, two = ((tmp_path / f"{name}.json").read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_sweep_is_the_same_again(tmp_path, data):
    for name in ("one", "two"):
        assert main(jobs.sweep(tmp_path / name, data)) == 0
    jobs.same_sweep(tmp_path / "one", tmp_path / "two")
    assert len(pd.read_csv(tmp_path / "one/run/sweep.csv")) == 3


def test_a_training_is_the_same_again(tmp_path, data):
    for name in ("one", "two"):
        command = [*jobs.fit(tmp_path / name, data), "--trainer.max_epochs", "1"]
        assert main(command) == 0
    jobs.same_fit(tmp_path / "one", tmp_path / "two")
