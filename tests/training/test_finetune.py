"""Fine-tuning after a test, run as users run it."""

import json

import pandas as pd
import pytest
import yaml

from tests.helpers.configs import whole
from tests.helpers.small_networks import fill, small_spec
from vfi.checkpoints import load_network, save_network
from vfi.cli import main
from vfi.models import RIFE
from vfi.training.pruning import FineTuning


@pytest.fixture
def run(tmp_path):
    """Runs the shipped configuration on a small network and two triplets; gives the run folder."""

    def run(mode="compact", report=True):
        network, output = tmp_path / "dense.safetensors", tmp_path / "run"
        save_network(fill(RIFE(small_spec("rife_v4.0"))), network)
        config = whole("prune/finetune.yaml")
        config["model"]["init_args"]["network"] = str(network)
        config["data"] |= {"num_workers": 0, "train": {"batch_size": 2, "augment": {"crop": 64}}}
        _, pruning, evaluation = config["trainer"]["callbacks"]
        pruning["init_args"] |= {"mode": mode, "finetune": {"steps": 3}}
        policy = {"min_channels": 1, "multiple": 1, "scope": "layer"}
        policy["importance"] = {"class_path": "vfi.pruning.L1"}
        pruning["init_args"]["policy"]["init_args"] |= policy
        settings = {"repeats": 1, "latency_size": [32, 32]}
        config["trainer"]["default_root_dir"] = str(output)
        evaluation["init_args"] |= settings | {"pictures": False}
        config["trainer"]["callbacks"] = [pruning, evaluation] if report else [pruning]
        config["trainer"] |= {"limit_test_batches": 2, "enable_progress_bar": False}
        config["trainer"] |= {"accelerator": "cpu", "enable_model_summary": False}
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump(config))
        assert main(["test", "-c", str(path)]) == (0 if report else 2)
        return output

    return run


@pytest.mark.parametrize("mode", ["compact", "mask"])
def test_one_command_reports_dense_pruned_and_finetuned(run, mode, caplog):
    folder = run(mode)
    rows = pd.read_csv(folder / "comparison.csv").set_index("stage")
    assert list(rows.index) == ["dense", "pruned", "finetuned"]
    assert (rows["triplets"] == 2).all()
    assert rows["psnr"].nunique() == 3
    narrow = mode == "compact"
    assert (rows.loc["pruned", "parameters"] < rows.loc["dense", "parameters"]) == narrow
    assert rows.loc["finetuned", "parameters"] == rows.loc["pruned", "parameters"]
    for name, stage in (("pruned", "."), ("finetuned", "finetuned")):
        summary = json.loads((folder / stage / "metrics.json").read_text())
        assert summary["scores"]["psnr"] == pytest.approx(rows.loc[name, "psnr"])
        assert summary["model"]["pruning"]["mode"] == mode
    assert json.loads((folder / "dense/metrics.json").read_text())["model"]["pruning"] is None
    assert "fine-tuning on the set that is tested" in caplog.text
    assert (folder / "plan.json").read_text() == (folder / "finetuned/plan.json").read_text()
    if narrow:
        pruned = load_network(folder / "network.safetensors")
        tuned = load_network(folder / "finetuned/network.safetensors")
        assert tuned.spec == pruned.spec
        assert not tuned.unet.conv.weight.equal(pruned.unet.conv.weight)


def test_without_a_report_there_is_nothing_to_compare(run, caplog):
    run(report=False)
    assert "add vfi.training.EvaluationReport" in caplog.text


def test_no_steps_are_no_finetuning():
    with pytest.raises(ValueError, match=r"finetune.steps is 0"):
        FineTuning(0)
