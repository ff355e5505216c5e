"""A training that was stopped goes on as if it had not been."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml
from lightning.pytorch.strategies import SingleDeviceStrategy

from tests.helpers.paths import ROOT
from tests.helpers.ranks import together
from tests.helpers.recipe import assert_equal, disturbance, recipe, state
from vfi.cli import main
from vfi.stopping import Stopped
from vfi.training import resume, runfolder, stopping
from vfi.training.history import read
from vfi.training.sharding import FullySharded

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")


def changed(path: Path, workers: int = 0, **trainer: object) -> Path:
    """The recipe with other settings."""
    config = yaml.safe_load(path.read_text())
    config["data"]["num_workers"] = workers
    config["trainer"] |= trainer
    path.write_text(yaml.safe_dump(config))
    return path


def command_line(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs a command in a process of its own."""
    return subprocess.run(
        [sys.executable, str(ROOT / "lightning_cli.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        check=False,
        timeout=240,
    )


def assert_same_run(one: Path, other: Path) -> None:
    assert_equal(state(one), state(other))
    best, same = (torch.load(f / "checkpoints/best.ckpt", weights_only=True) for f in (one, other))
    assert_equal(best["state_dict"], same["state_dict"])
    for name in ("losses.csv", "validation.csv"):
        assert (one / name).read_text() == (other / name).read_text()


@pytest.fixture(scope="module")
def unbroken(clips, tmp_path_factory):
    """The run folder of a training with these settings that nobody stopped."""
    done: dict[str, Path] = {}

    def unbroken(workers: int, **settings: object) -> Path:
        key = json.dumps([workers, settings])
        if key not in done:
            folder = tmp_path_factory.mktemp("whole")
            config = changed(recipe(folder, clips), workers, **settings)
            assert main(["fit", "-c", str(config)]) == 0
            done[key] = folder / "prune_fit"
        return done[key]

    return unbroken


@pytest.mark.parametrize(
    ("step", "kind", "status", "workers", "settings"),
    [
        (6, "SIGTERM", 143, 0, {}),  # of epochs with 4 batches
        (6, "SIGTERM", 143, 2, {}),
        (3, "SIGINT", 130, 1, {"accumulate_grad_batches": 2}),
        pytest.param(3, "SIGHUP", 129, 1, {"accumulate_grad_batches": 2}, marks=POSIX),
        (4, "SIGTERM", 143, 0, {}),  # before the validation at an epoch's end
        (12, "SIGTERM", 143, 0, {}),  # before the last one
        (8, "SIGTERM", 143, 0, {"max_steps": 8, "max_epochs": None}),
        (2, "SIGTERM", 143, 0, {"val_check_interval": 2, "max_epochs": 2}),  # amid an epoch
    ],
)
def test_stopped_and_resumed_equals_unbroken(
    unbroken, clips, tmp_path, caplog, step, kind, status, workers, settings
):
    caplog.set_level("INFO")
    path = changed(recipe(tmp_path, clips, disturbance(step - 1, kind)), workers, **settings)
    assert main(["fit", "-c", str(path)]) == status
    last = tmp_path / "prune_fit/checkpoints/last.ckpt"
    assert f"stopped by {kind} at step {step}; {last} is on disk" in caplog.text
    assert torch.load(last, weights_only=True)["global_step"] == step
    assert main(["fit", "-c", str(changed(recipe(tmp_path, clips), workers, **settings))]) == 0
    assert f"going on from {last}" in caplog.text
    assert_same_run(unbroken(workers, **settings), tmp_path / "prune_fit")


def test_two_processes_stop_together_and_go_on(clips, tmp_path):
    settings = {"devices": 2, "strategy": "ddp", "max_epochs": 2}

    def runs(folder: Path) -> None:
        command = ["fit", "-c", str(changed(recipe(folder, clips), **settings))]
        assert together(2, lambda: main(command), tmp_path / "log") == [0, 0]

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    runs(whole)
    # one of them is told, which is not the first, between two rows of losses
    told = disturbance(4, "SIGTERM", rank=1)
    done = command_line("fit", "-c", changed(recipe(broken, clips, told), **settings))
    assert done.returncode == 143, done.stderr
    assert "stopped by SIGTERM at step 5" in done.stderr.replace("\n", " ")
    runs(broken)
    assert_same_run(whole / "prune_fit", broken / "prune_fit")


@pytest.mark.parametrize(("rank", "kind"), [(0, "fail"), (1, "fail"), (1, "SIGKILL")])
def test_a_failure_of_one_process_ends_both(clips, tmp_path, rank, kind):
    path = recipe(tmp_path, clips, disturbance(2, kind, rank=rank))
    done = command_line("fit", "-c", changed(path, devices=2, strategy="ddp"))
    told = done.stderr.replace("\n", " ")
    assert done.returncode == 2, told
    if kind == "SIGKILL":
        assert re.search(r"process 1 of this run \(pid \d+\) was killed by SIGKILL", told), told
    else:
        assert f"process {rank} failed" in told


def test_a_row_of_losses_is_an_optimizer_step_and_the_mean_of_its_batches(clips, tmp_path):
    settings = {"accumulate_grad_batches": 2, "max_epochs": 1, "log_every_n_steps": 1}
    path = changed(recipe(tmp_path, clips), **settings)
    config = yaml.safe_load(path.read_text())
    config["model"]["init_args"]["optimizer"] |= {"lr": 1e-30, "weight_decay": 0.0}  # stands still
    path.write_text(yaml.safe_dump(config))
    assert main(["fit", "-c", str(path)]) == 0
    paired = read(tmp_path / "prune_fit/losses.csv")
    assert paired["step"].tolist() == [1, 2]
    config["trainer"] |= {"accumulate_grad_batches": 1, "default_root_dir": str(tmp_path / "one")}
    path.write_text(yaml.safe_dump(config))
    assert main(["fit", "-c", str(path)]) == 0
    single = read(tmp_path / "one/losses.csv")["loss"].to_numpy()
    assert paired["loss"].to_numpy() == pytest.approx(single.reshape(2, 2).mean(1), rel=1e-6)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, clips) -> Path:
    """The folder of a short run that came to its end."""
    folder = tmp_path_factory.mktemp("short")
    assert main(["fit", "-c", str(changed(recipe(folder, clips), max_epochs=1))]) == 0
    return folder


@pytest.fixture
def run(finished, tmp_path, clips):
    """A copy of that run, which commands may go on with; gives the status and the record."""
    (tmp_path / "prune_fit/checkpoints").mkdir(parents=True)
    for path in (finished / "prune_fit").rglob("*.*"):
        if path.is_file():
            target = tmp_path / "prune_fit" / path.relative_to(finished / "prune_fit")
            target.write_bytes(path.read_bytes())

    def run(*arguments: str, **trainer: object) -> tuple[int, dict]:
        config = changed(recipe(tmp_path, clips), **{"max_epochs": 1, **trainer})
        text = config.read_text()  # the network is the one that the run began with
        config.write_text(text.replace(str(tmp_path / "dense"), str(finished / "dense")))
        status = main(["fit", "-c", str(config), *arguments])
        return status, json.loads((tmp_path / "prune_fit/run.json").read_text())

    return run


def test_a_longer_run_must_say_what_becomes_of_the_learning_rate(run, caplog, tmp_path):
    caplog.set_level("INFO")
    status, _ = run(max_epochs=2)
    assert status == 2
    assert "was to end at step 4" in caplog.text
    assert "give --model.optimizer.steps 8" in caplog.text
    status, _ = run("--model.optimizer.steps", "8", max_epochs=2)
    assert status == 0
    assert "the learning rate now ends at step 8 instead of 4: at step 4" in caplog.text
    rates = read(tmp_path / "prune_fit/losses.csv")
    assert rates["step"].tolist() == [2, 4, 6, 8]
    assert rates["lr"].iloc[-2] > 0


def test_the_record_is_kept_and_changes_are_named(run, caplog):
    status, record = run("--model.optimizer.lr", "0.5", "--trainer.log_every_n_steps", "3")
    assert status == 0
    assert record["config"]["model"]["init_args"]["optimizer"]["lr"] == 3e-3
    (resumed,) = record["resumed"]
    assert resumed["step"] == 4
    lr = resumed["changes"]["model.init_args.optimizer.lr"]
    assert lr == {"before": 3e-3, "now": 0.5, "applies": False}
    assert "optimizer.lr 0.5 instead of 0.003, which does not apply" in caplog.text
    assert "log_every_n_steps 3 instead of 2, which applies from here on" in caplog.text


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("--data.train.batch_size", "3"),
        ("--data.val.per_clip", "2"),
        ("--data.seed", "7"),
        ("--model.init_args.refine", "false"),
    ],
)
def test_another_network_or_other_data_is_another_run(run, caplog, argument, value):
    status, record = run(argument, value)
    assert status == 2
    assert f"{argument[2:]} " in caplog.text
    assert "its network and data must stay" in caplog.text
    assert "resumed" not in record


def test_other_clips_are_other_data(run, caplog, clips, tmp_path):
    more = tmp_path / "more"
    for name in ("learn", "judge", "third"):
        (more / name).mkdir(parents=True)
        for image in (clips / ("learn" if name == "third" else name)).iterdir():
            (more / name / image.name).write_bytes(image.read_bytes())
    status, _ = run("--data.train.root", str(more))
    assert status == 2
    assert "the run that is resumed learnt from video clips" in caplog.text


def test_another_run_is_not_replaced_unless_it_is_said(run, caplog, tmp_path):
    status, record = run("--ckpt_path", "null")
    assert status == 2
    assert f"{tmp_path / 'prune_fit'} holds another run of fit" in caplog.text
    status, record = run("--overwrite", "true", max_epochs=2)
    assert status == 0
    assert "replacing the run in" in caplog.text
    assert record["config"]["trainer"]["max_epochs"] == 2
    assert state(tmp_path / "prune_fit")["global_step"] == 8


def test_last_is_found_with_a_logger(clips, tmp_path, caplog):
    caplog.set_level("INFO")
    logger = {"class_path": "lightning.pytorch.loggers.CSVLogger"}
    logger["init_args"] = {"save_dir": str(tmp_path / "logs")}
    for epochs, steps in ((1, []), (2, ["--model.optimizer.steps", "8"])):
        config = changed(recipe(tmp_path, clips), logger=logger, max_epochs=epochs)
        assert main(["fit", "-c", str(config), *steps]) == 0
    assert "training starts at step 0" in caplog.text
    assert f"going on from {tmp_path / 'prune_fit/checkpoints/last.ckpt'}" in caplog.text
    assert state(tmp_path / "prune_fit")["global_step"] == 8


def test_what_a_killed_process_had_not_written_to_its_end_is_no_checkpoint(tmp_path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (folder / ".last.x1y2.ckpt").write_bytes(b"half of it")
    assert resume.newest(folder) is None
    (folder / "best.ckpt").write_bytes(b"whole")
    os.utime(folder / "best.ckpt", (0, 0))
    assert resume.newest(folder) == folder / "best.ckpt"
    runfolder.clear("fit", tmp_path, overwrite=False, resumed=str(folder / "best.ckpt"))
    assert [path.name for path in folder.iterdir()] == ["best.ckpt"]


@pytest.mark.parametrize(
    ("strategy", "left", "told"),
    [
        (SingleDeviceStrategy, "last.ckpt", "last.ckpt is on disk; with ckpt_path: last, the same"),
        (SingleDeviceStrategy, "best.ckpt", "best.ckpt is on disk; with ckpt_path: last, the same"),
        (SingleDeviceStrategy, None, "no checkpoint was written; the same command begins anew"),
        (FullySharded, "last.ckpt", "last.ckpt is on disk; under FSDP a training cannot go on"),
    ],
)
def test_a_stopped_training_tells_how_to_go_on(strategy, left, told, tmp_path, caplog):
    if left:
        (tmp_path / "checkpoints").mkdir()
        (tmp_path / "checkpoints" / left).touch()
    trainer = SimpleNamespace(
        strategy=strategy.__new__(strategy),
        checkpoint_callbacks=[],
        default_root_dir=tmp_path,
        global_step=7,
        is_global_zero=True,
        state=SimpleNamespace(fn="fit"),
    )
    with caplog.at_level(logging.INFO):
        stopping.Stopping().on_exception(trainer, None, Stopped(signal.SIGTERM))
    assert "stopped by SIGTERM at step 7; " in caplog.text
    assert told in caplog.text
