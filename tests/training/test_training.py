"""The recipe of fine-tuning, run as users run it, and its callbacks one by one."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from lightning.pytorch import Callback

from tests.helpers.configs import whole
from tests.helpers.small_networks import fill, small_spec
from vfi.checkpoints import load_network, save_network
from vfi.cli import main
from vfi.data import SampleTriplets
from vfi.models import RIFE
from vfi.training import Averaging, DivergenceGuard
from vfi.training.averaging import warmed_up
from vfi.training.history import Log, read


class Disturbance(Callback):
    """Does something at a step: ``interrupt`` as Ctrl-C does, or ``spoil`` a weight."""

    def __init__(self, step: int, kind: str = "interrupt") -> None:
        self.step = step
        self.kind = kind

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step != self.step:
            return
        if self.kind == "interrupt":
            raise KeyboardInterrupt
        with torch.no_grad():
            next(pl_module.network.parameters()).fill_(math.inf)


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    """Two folders of numbered images in which textures slide, one of them for validation."""
    root = tmp_path_factory.mktemp("clips")
    for number, name in enumerate(("learn", "judge")):
        (root / name).mkdir()
        texture = SampleTriplets()[3 + number]["gt"].permute(1, 2, 0).numpy()
        for step in range(12):
            window = texture[4 * step : 4 * step + 96, 3 * step : 3 * step + 96]
            assert cv2.imwrite(str(root / name / f"{step:03d}.png"), np.ascontiguousarray(window))
    (root / "judge.txt").write_text("judge\n")
    return root


def recipe(folder: Path, clips: Path, *more: dict, **settings) -> Path:
    """The shipped configuration on a small network and clips, its run folder in ``folder``."""
    network = folder / "dense.safetensors"
    folder.mkdir(exist_ok=True)
    save_network(fill(RIFE(small_spec("rife_v4.0")), gain=1.0), network)
    text = yaml.safe_dump(whole("fit/prune.yaml")).replace("rife_v4.0", str(network))
    text = text.replace("runs/", f"{folder}/").replace("configs/splits/train_clips_val.txt", "LIST")
    config = yaml.safe_load(text.replace("LIST", str(clips / "judge.txt")))
    config["model"]["init_args"]["optimizer"] |= {"lr": 3e-3, "warmup": 2}
    train, val = config["data"]["train"], config["data"]["val"]
    train |= {"root": str(clips), "steps": 4, "batch_size": 2}
    train["stream"] |= {"stride": 1, "step": 1}
    train["augment"] |= {"crop": 96, "jitter": 0.0}
    val |= {"strides": [1, 3], "per_clip": 4, "size": 64}
    config["data"]["num_workers"] = 0
    config["trainer"] |= {"max_epochs": 3, "log_every_n_steps": 2, "accelerator": "cpu"} | settings
    *others, bar, pruning = config["trainer"]["callbacks"]
    policy = {"min_channels": 1, "multiple": 1, "scope": "layer"}
    pruning["init_args"] |= {"calibration": 1}
    pruning["init_args"]["policy"]["init_args"] |= policy
    assert "RichProgressBar" in bar["class_path"]
    config["trainer"]["enable_progress_bar"] = False
    config["trainer"]["callbacks"] = [*others, pruning, *more]
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def disturbance(step: int, kind: str = "interrupt") -> dict:
    name = f"{Disturbance.__module__}.{Disturbance.__name__}"
    return {"class_path": name, "init_args": {"step": step, "kind": kind}}


@pytest.fixture(scope="module")
def finished(tmp_path_factory, clips) -> Path:
    """The run folder of the recipe, run without a stop."""
    folder = tmp_path_factory.mktemp("whole")
    assert main(["fit", "-c", str(recipe(folder, clips))]) == 0
    return folder / "prune_fit"


def state(folder: Path) -> dict:
    """All that is kept of a run, but for the names of folders."""
    state = torch.load(folder / "checkpoints/last.ckpt", weights_only=True)
    for name, callback in state["callbacks"].items():
        if "ModelCheckpoint" in name:
            state["callbacks"][name] = callback["best_model_score"]
    return state


def assert_equal(a, b, where="") -> None:
    """The same bits, all the way down."""
    assert type(a) is type(b), where
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_equal(a[key], b[key], f"{where}/{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), where
        for place, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_equal(x, y, f"{where}/{place}")
    elif isinstance(a, torch.Tensor):
        assert a.equal(b), where
    else:
        assert a == b, where


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
    for picture in ("curves.png", "validation.png"):
        assert cv2.imread(str(finished / picture)) is not None


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


def test_resuming_equals_not_having_stopped(finished, clips, tmp_path, caplog):
    caplog.set_level("INFO")
    folder = tmp_path / "prune_fit"
    for step in (5, 8):  # within an epoch, and between two
        with pytest.raises(SystemExit):
            main(["fit", "-c", str(recipe(tmp_path, clips, disturbance(step)))])
        assert state(folder)["global_step"] == 4 * (step // 4)
    assert main(["fit", "-c", str(recipe(tmp_path, clips))]) == 0
    assert caplog.text.count("going on from") == caplog.text.count("stopped at step") == 2
    assert_equal(state(finished), state(folder))
    for name in ("losses.csv", "validation.csv"):
        assert (folder / name).read_text() == (finished / name).read_text()


def test_pruning_may_be_listed_after_the_average(finished, clips, tmp_path):
    path = recipe(tmp_path, clips)
    config = yaml.safe_load(path.read_text())
    pruning, *others = config["trainer"]["callbacks"]
    config["trainer"]["callbacks"] = [*others, pruning]  # as in a file that adds it to another's
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


def guarded(guard: DivergenceGuard, losses: list[float]) -> None:
    checkpoints = SimpleNamespace(checkpoint_callbacks=[], global_step=len(losses))
    checkpoints.strategy = SimpleNamespace(reduce=lambda loss, reduce_op: loss)
    for loss in losses:
        guard.on_before_backward(checkpoints, None, torch.tensor(loss))


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


def test_the_average_of_a_masked_network_is_masked(clips, tmp_path):
    config = yaml.safe_load(recipe(tmp_path, clips).read_text())
    config["trainer"]["callbacks"][0]["init_args"]["mode"] = "mask"
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
