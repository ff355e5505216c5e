"""The recipe of fine-tuning, run as users run it, and its callbacks one by one."""

import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import pandas as pd
import pytest
import torch
import yaml

from tests.helpers.pictures import texts
from tests.helpers.recipe import assert_equal, disturbance, recipe, state
from vfi.checkpoints import load_network
from vfi.cli import main
from vfi.training import Averaging, DivergenceGuard
from vfi.training.averaging import warmed_up
from vfi.training.history import Log, read


@pytest.fixture(scope="module")
def finished(tmp_path_factory, clips) -> Path:
    """The run folder of the recipe, run without a stop."""
    folder = tmp_path_factory.mktemp("whole")
    assert main(["fit", "-c", str(recipe(folder, clips, pictures=True))]) == 0
    return folder / "prune_fit"


def test_the_run_folder_tells_all(finished):
    losses, scores = (pd.read_csv(finished / f"{name}.csv") for name in ("losses", "validation"))
    assert losses["step"].tolist() == [2, 4, 6, 8, 10, 12]  # means of two
    assert scores["step"].tolist() == [0, 4, 8, 12]
    assert losses["loss"].iloc[-1] < 0.8 * losses["loss"].iloc[0]
    terms = losses.filter(like="loss/")
    assert terms.shape[1] == 5
    assert terms.sum(axis=1).to_numpy() == pytest.approx(losses["loss"].to_numpy())
    assert scores["psnr"].iloc[-1] > scores["psnr"].iloc[0] + 1
    strides = scores[["psnr_stride1", "psnr_stride3"]].mean(axis=1)
    assert strides.to_numpy() == pytest.approx(scores["psnr"].to_numpy())  # two of each
    record = json.loads((finished / "run.json").read_text())
    assert record["pruning"]["ratio"] == pytest.approx(0.5, abs=0.1)
    assert record["train"]["count"] == 1
    assert record["validation"]["strides"] == [1, 3]
    assert cv2.imread(str(finished / "validation.png")) is not None
    assert {"psnr_stride1", "PSNR in validation, dB"} <= set(texts(finished / "curves.svg"))


def test_checkpoints_hold_the_average_and_load_as_networks(finished):
    last = state(finished)
    network = load_network(finished / "checkpoints/last.ckpt").state_dict()
    for name, tensor in network.items():
        assert tensor.equal(last["state_dict"][f"network.{name}"])
    changed = [
        name
        for name in network
        if not network[name].equal(last["current_model_state"][f"network.{name}"])
    ]
    assert len(changed) > len(network) / 2
    assert int(last["averaging_state"]["n_averaged"]) == 12
    load_network(finished / "checkpoints/best.ckpt")


def test_pruning_may_be_listed_after_the_average(finished, clips, tmp_path):
    path = recipe(tmp_path, clips)
    config = yaml.safe_load(path.read_text())
    *others, pruning = config["trainer"]["callbacks"]
    config["trainer"]["callbacks"] = [pruning, *others]  # where it stands does not matter
    path.write_text(yaml.safe_dump(config))
    assert main(["fit", "-c", str(path)]) == 0
    assert_equal(*(state(run)["state_dict"] for run in (finished, tmp_path / "prune_fit")))


def test_what_is_not_finite_stops_the_training_in_one_line(clips, tmp_path, caplog):
    config = recipe(tmp_path, clips, disturbance(6, "spoil"))
    assert main(["fit", "-c", str(config)]) == 2
    last = tmp_path / "prune_fit/checkpoints/last.ckpt"
    assert f"training stopped at step 6: the loss is nan; the last checkpoint is {last}" in (
        caplog.text
    )
    assert all(p.isfinite().all() for p in load_network(last).parameters())


def guarded(guard: DivergenceGuard, losses: list[float], folder: Path = Path()) -> None:
    trainer = SimpleNamespace(checkpoint_callbacks=[], global_step=len(losses))
    trainer.default_root_dir = folder
    trainer.strategy = SimpleNamespace(reduce=lambda loss, reduce_op: loss)
    for loss in losses:
        guard.on_before_backward(trainer, None, torch.tensor(loss))


def test_the_guard_tells_noise_from_divergence():
    guarded(DivergenceGuard(window=10), [9.0, 5.0, 1.0, 4.0, 2.0] * 20)
    with pytest.raises(ValueError, match=r"run away: 5\.\d+ over .* 10 steps, 5 times .* no check"):
        guarded(DivergenceGuard(window=10), [1.0] * 20 + [9.0] * 20)
    first = DivergenceGuard(window=10)
    guarded(first, [1.0] * 20)
    second = DivergenceGuard(window=10)
    second.load_state_dict(first.state_dict())
    with pytest.raises(ValueError, match="run away"):
        guarded(second, [9.0] * 9)
    with pytest.raises(ValueError, match=r"factor is 0\.5"):
        DivergenceGuard(factor=0.5)


def test_the_guard_names_what_is_on_disk_of_a_run_that_went_on(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/last.ckpt").touch()  # by the process before, and none since
    with pytest.raises(ValueError, match=r"run away.*the last checkpoint is .*last\.ckpt"):
        guarded(DivergenceGuard(window=10), [1.0] * 20 + [9.0] * 20, tmp_path)


def test_the_average_of_a_masked_network_is_masked(clips, tmp_path):
    config = yaml.safe_load(recipe(tmp_path, clips).read_text())
    config["trainer"]["callbacks"][-1]["init_args"]["mode"] = "mask"
    config["trainer"] |= {"max_epochs": 1, "limit_train_batches": 2, "limit_val_batches": 1}
    (tmp_path / "mask.yaml").write_text(yaml.safe_dump(config))
    assert main(["fit", "-c", str(tmp_path / "mask.yaml")]) == 0
    network = load_network(tmp_path / "prune_fit/checkpoints/last.ckpt")
    assert network.spec == load_network(tmp_path / "dense.safetensors").spec
    weights = [p.flatten(1) for p in network.parameters() if p.ndim == 4]
    assert sum((w == 0).all(1).sum() for w in weights) >= 0.3 * sum(len(w) for w in weights)


def test_the_average_forgets_where_it_started():
    mean, newest = torch.zeros(1), torch.ones(1)
    for count in range(1, 100):
        warmed_up(0.999)([mean], [newest], torch.tensor(count))
    assert mean > 0.99999  # 0.999 from the start would leave it at 0.094
    warmed_up(0.5)([mean], [torch.zeros(1)], torch.tensor(1000))
    assert mean.item() == pytest.approx(0.5, abs=1e-4)
    with pytest.raises(ValueError, match=r"decay is 1\.0"):
        Averaging(1.0)


def test_what_is_logged_again_counts(tmp_path):
    for step, loss in ((10, 0.5), (20, 0.1 + 0.2), (30, 0.3), (20, 0.25)):
        Log(tmp_path).add_losses({"step": step, "lr": 0.1, "loss": loss})
    assert read(tmp_path / "losses.csv")["loss"].tolist() == [0.5, 0.25]
    Log(tmp_path).add_losses({"step": 30, "lr": 0.1, "loss": 0.1 + 0.2})
    assert read(tmp_path / "losses.csv")["loss"].tolist() == [0.5, 0.25, 0.1 + 0.2]
