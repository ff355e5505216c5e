"""Structures tried alike: briefly trained, scored, timed, and the best of each speed named."""

import json

import pytest
import yaml

from tests.helpers.configs import whole
from tests.helpers.pictures import texts
from tests.helpers.small_networks import fill, small_spec
from vfi.checkpoints import save_network
from vfi.cli import main
from vfi.models import RIFE


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Two structures of a small network, and a recipe on the sample for two steps."""
    folder = tmp_path_factory.mktemp("search")
    network = folder / "dense.safetensors"
    save_network(fill(RIFE(small_spec("rife_v4.0")), gain=1.0), network)
    recipe = whole("fit/quality.yaml")
    recipe["data"] = {"num_workers": 0, "train": {"steps": 2, "batch_size": 2}}
    recipe["data"]["train"]["augment"] = {"crop": 64}
    *callbacks, _ = recipe["trainer"]["callbacks"]
    recipe["trainer"] |= {"limit_val_batches": 2, "callbacks": callbacks}
    recipe["trainer"] |= {"enable_progress_bar": False}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    candidates = {
        "half": {"network": str(network), "options": {"finest_scale": 2}},
        "plain": {"network": str(network), "options": {"refine": False}},
    }
    search = {
        "candidates": candidates,
        "reference": str(network),
        "recipe": str(folder / "recipe.yaml"),
        **{"steps": 2, "height": 64, "width": 64, "repeats": 1, "runtimes": ["torch"]},
        **{"speeds": [0.01, 1000.0], "output": str(folder / "out")},
    }
    (folder / "search.yaml").write_text(yaml.safe_dump(search))
    return folder


def test_candidates_are_trained_scored_timed_and_kept(settings, monkeypatch, capsys):
    command = ["search", "-c", str(settings / "search.yaml")]
    assert main(command) == 0
    record = json.loads((settings / "out/search.json").read_text())
    reference, half, plain = record["candidates"]
    assert (reference["psnr"], reference["speed_torch"]) == (0, 1)
    assert half["psnr"] != 0
    assert plain["flops"] < half["flops"] < reference["flops"]
    better = max((half, plain), key=lambda row: row["psnr"])
    assert record["best"] == {"0.01": better["candidate"], "1000": None}
    assert "candidates after" in " ".join(texts(settings / "out/search_torch.svg"))
    assert (settings / "out/runs/half/checkpoints/best.ckpt").is_file()

    monkeypatch.setattr("vfi.training.command.run", None)  # what is kept is not trained again
    (settings / "out/search.json").unlink()
    assert main(command) == 0
    again = json.loads((settings / "out/search.json").read_text())
    assert [row["psnr"] for row in again["candidates"]] == [0, half["psnr"], plain["psnr"]]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"candidates": {}}, "there is no candidate"),
        ({"candidates": {"a/b": {"network": "rife-tiny"}}}, "a candidate is named 'a/b'"),
        ({"steps": -1}, "steps is -1"),
        ({"candidates": {"a": {"network": "rife-tiny", "options": {"widths": 2}}}}, "widths"),
        ({"candidates": {"a": {"network": "rife-huge"}}}, "rife-huge"),
    ],
)
def test_wrong_settings_end_before_work(settings, tmp_path, capsys, changes, line):
    search = yaml.safe_load((settings / "search.yaml").read_text()) | changes
    search["output"] = str(tmp_path / "out")
    (tmp_path / "search.yaml").write_text(yaml.safe_dump(search))
    assert main(["search", "-c", str(tmp_path / "search.yaml")]) == 2
    assert line in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
