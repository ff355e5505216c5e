"""Plans in files: made by the job, used by the policy."""

import pytest
import yaml

from tests.helpers.small_networks import fill, small_spec
from vfi.checkpoints import load_network, save_network
from vfi.cli import main
from vfi.models import RIFE
from vfi.pruning import L1, ArchitectureAware, SavedPlan

POLICY = {
    "class_path": "vfi.pruning.ArchitectureAware",
    "init_args": {
        "ratio": 0.5,
        "importance": {"class_path": "vfi.pruning.L1"},
        "scope": "layer",
        "min_channels": 1,
        "multiple": 1,
    },
}


@pytest.fixture
def config(tmp_path) -> str:
    network = tmp_path / "network.safetensors"
    save_network(fill(RIFE(small_spec("rife_v4.0"))), network)
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump({"network": str(network), "policy": POLICY}))
    return str(path)


def test_a_plan_that_was_written_is_what_the_policy_chose(config, tmp_path, capsys):
    assert main(["plan", "-c", config, "--output", str(tmp_path / "new/0.5.json")]) == 0
    network = load_network(tmp_path / "network.safetensors")
    chosen = ArchitectureAware(0.5, L1(), "layer", min_channels=1, multiple=1)(network)
    assert SavedPlan(0.5, tmp_path / "new")(network) == chosen
    assert "block0.trunk" in capsys.readouterr().out


def test_where_it_cannot_be_written_is_said_at_once(config, tmp_path, capsys):
    for name in ("plan.txt", "plan.yaml/plan.json"):
        assert main(["plan", "-c", config, "--output", str(tmp_path / name)]) == 2
    assert sorted(file.name for file in tmp_path.iterdir()) == ["network.safetensors", "plan.yaml"]
