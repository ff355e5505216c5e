"""The command line, run as users run it."""

import itertools
import json
import logging
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import lightning
import pandas as pd
import pytest
import yaml

from tests.helpers.configs import whole
from tests.helpers.paths import ROOT
from vfi.checkpoints import save_network
from vfi.cli import main
from vfi.commands import COMMANDS
from vfi.data import SampleTriplets
from vfi.models import RIFE, BlockSpec, RefineSpec, variant

CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> str:
    """The path of a small random network of the v4.0 family."""
    spec = variant("rife_v4.0").for_inference()
    blocks = (BlockSpec.uniform(16, 4), BlockSpec.uniform(16, 1))
    lightning.seed_everything(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_network(RIFE(spec.replace(blocks=blocks, refine=RefineSpec.uniform(8))), path)
    return str(path)


@pytest.fixture(scope="module")
def triplets(tmp_path_factory) -> Path:
    """Three triplets in the layout of the UCF-101 benchmark."""
    root = tmp_path_factory.mktemp("triplets")
    sample = SampleTriplets()
    for index in range(3):
        folder = root / str(index + 1)
        folder.mkdir()
        names = {"img0": "frame_00.png", "gt": "frame_01_gt.png", "img1": "frame_02.png"}
        for key, name in names.items():
            frame = sample[index][key][:, :96, :96].permute(1, 2, 0).numpy()
            assert cv2.imwrite(str(folder / name), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    return root


def config_for(name: str, output: Path, **report: object) -> Path:
    """A copy of a shipped configuration whose report goes to ``output``."""
    config = whole(f"test/{name}.yaml")
    for callback in config["trainer"]["callbacks"]:
        if callback["class_path"] == "vfi.training.EvaluationReport":
            callback["init_args"] |= report
    config["trainer"]["default_root_dir"] = str(output)
    path = output.with_suffix(".yaml")
    path.write_text(yaml.safe_dump(config))
    return path


def command_line(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs ``lightning_cli.py`` in a process of its own."""
    return subprocess.run(
        [sys.executable, str(ROOT / "lightning_cli.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        check=False,
    )


def test_a_test_writes_a_complete_run_folder(tiny, triplets, tmp_path):
    config = config_for("baseline", tmp_path / "run", latency_size=[64, 64], repeats=2)
    arguments = ["--model.network", tiny, "--data.source", "ucf101", "--data.root", str(triplets)]
    assert main(["test", "-c", str(config), *arguments]) == 0
    summary = json.loads((tmp_path / "run/metrics.json").read_text())
    rows = pd.read_csv(tmp_path / "run/per_triplet.csv")
    assert rows["index"].tolist() == [0, 1, 2]
    assert rows["id"].astype(str).tolist() == ["1", "2", "3"]
    for score in ("psnr", "ssim", "ssim_2d", "ie"):
        assert summary["scores"][score] == pytest.approx(rows[score].mean(), abs=1e-9)
    assert summary["config"]["data"]["root"] == str(triplets)
    assert summary["dataset"]["benchmark"] is False
    assert summary["model"]["flops"] == 2 * summary["model"]["macs"] > 0
    assert summary["model"]["median_ms"] > 0
    assert summary["environment"]["packages"]["torch"]
    assert pd.read_csv(tmp_path / "run/metrics.csv")["psnr"][0] == summary["scores"]["psnr"]
    assert cv2.imread(str(tmp_path / "run/triplets.png")) is not None


def test_two_processes_print_the_digits_of_one(tiny, triplets, tmp_path):
    arguments = ["--model.network", tiny, "--data.source", "ucf101", "--data.root", str(triplets)]
    cpu = ["--trainer.accelerator", "cpu"]
    results = {}
    for processes in (1, 2):
        output = tmp_path / f"run{processes}"
        config = config_for("baseline", output, latency_size=[64, 64], repeats=0)
        ddp = ["--trainer.devices", "2", "--trainer.strategy", "ddp"] if processes == 2 else []
        command = ["test", "-c", str(config), *arguments, *cpu, *ddp]
        if processes == 1:
            assert main(command) == 0
        else:
            done = command_line(*command)
            assert done.returncode == 0, done.stderr
        results[processes] = json.loads((output / "metrics.json").read_text())
    assert results[2]["processes"] == 2
    assert results[2]["scores"] == results[1]["scores"]
    one, two = ((tmp_path / f"run{n}/per_triplet.csv").read_text() for n in (1, 2))
    assert one == two


def command_of(config: Path) -> list[str]:
    """The subcommand that a shipped configuration says it is for, and all configurations of it."""
    lines = [line for line in config.read_text().splitlines() if line.startswith("#   vfi ")]
    assert lines, f"{config.name} names no command"
    words = lines[0].lstrip("# ").split()
    paths = [value for option, value in itertools.pairwise(words) if option == "-c"]
    name = config.relative_to(ROOT / "configs").as_posix()
    assert name in paths or config.name == "base.yaml"
    return [words[1], *paths]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT / "configs").with_suffix("").as_posix()


@pytest.mark.parametrize("path", CONFIGS, ids=name_of)
def test_every_shipped_configuration_says_how_it_is_run_and_parses(
    path, capsys, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)  # they are found from anywhere
    command, *paths = command_of(path)
    with pytest.raises(SystemExit) as stop:
        main([command, *(word for path in paths for word in ("-c", path)), "--print_config"])
    assert not stop.value.code
    text = capsys.readouterr().out
    assert yaml.safe_load(re.sub(r"^\[.*\n", "", text, flags=re.MULTILINE))  # DeepSpeed greets


SHORT = {
    "test": ["--trainer.limit_test_batches=2", "--data.train.steps=2"],
    "predict": ["--trainer.limit_predict_batches=2"],
    "sweep": [
        "--levels=[0.0,0.3]",
        "--limit=2",
        "--calibration=1",
        "--train.augment.crop=64",
        "--height=64",
        "--width=64",
        "--repeats=1",
        "--data.source=sample",
        "--data.clips=null",
        "--train.source=sample",
        "--train.hold_out=null",
    ],
}
"""What makes each command a matter of seconds."""


FULL_SIZE = ("sweep/finetuned", "test/base")  # plans fit the official widths alone; a base is none


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in CONFIGS
        if len(command_of(path)) == 2
        and command_of(path)[0] in SHORT
        and name_of(path) not in FULL_SIZE
    ],
    ids=name_of,
)
def test_every_shipped_configuration_runs_on_the_sample(path, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # outputs are relative
    text = path.read_text().replace("rife_v4.0", tiny)
    text = text.replace("latency_size: [480, 640]", "latency_size: [64, 64]")
    text = text.replace("steps: 200", "steps: 2")
    (tmp_path / path.name).write_text(text)
    command, _ = command_of(path)
    assert main([command, "-c", path.name, *SHORT[command]]) == 0
    written = {file.suffix for file in (tmp_path / "runs").rglob("*.*")}
    assert written & {".json", ".png"}


JOBS = [name for name, command in COMMANDS.items() if command.where]


def test_what_other_packages_tell_is_not_shown(capfd):
    main(["models"])
    elsewhere = logging.getLogger("elsewhere")
    elsewhere.info("cache stats")  # as torch does at exit where its import was interrupted
    elsewhere.warning("mind")
    error = capfd.readouterr().err
    assert "cache stats" not in error
    assert "mind" in error


@pytest.mark.parametrize("job", JOBS)
def test_jobs_explain_themselves(job, capsys):
    with pytest.raises(SystemExit) as stop:
        main([job, "--help"])
    assert stop.value.code == 0
    assert f"vfi {job}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model.network", "rife_v9"], "rife_v9"),
        (["--data.source", "ucf101", "--data.root", "nowhere"], "nowhere"),
        (["--data.source", "ucf101"], "--data.root"),
        (["--ckpt_path", "nothing.ckpt"], "nothing.ckpt"),
        (["--trainer.limit_test_batches=-1"], "limit_test_batches"),
    ],
)
def test_what_the_user_got_wrong_takes_one_line(arguments, message, tiny, tmp_path, caplog):
    config = config_for("baseline", tmp_path / "run", repeats=0)
    assert main(["test", "-c", str(config), "--model.network", tiny, *arguments]) == 2
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert message in errors[0]
    assert "\n" not in errors[0].strip()


def test_an_unwritable_run_folder_is_an_error_before_any_work(tiny, tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    config = config_for("baseline", tmp_path / "run")
    text = config.read_text().replace(str(tmp_path / "run"), str(tmp_path / "file/run"))
    config.write_text(text)
    assert main(["test", "-c", str(config), "--model.network", tiny]) == 2
    assert str(tmp_path / "file/run") in caplog.text


def test_a_frame_damaged_inside_is_one_line_too(tiny, triplets, tmp_path, caplog):
    root = tmp_path / "damaged"
    shutil.copytree(triplets, root)
    path = root / "2/frame_02.png"
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 3)
    path.write_bytes(content)
    config = config_for("baseline", tmp_path / "run", repeats=0)
    arguments = ["--model.network", tiny, "--data.root", str(root), "--data.num_workers", "1"]
    assert main(["test", "-c", str(config), *arguments]) == 2
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert str(path) in errors[0]
    assert "\n" not in errors[0]
