"""Commands on a small network that are stopped, and whether what they leave is right."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import yaml

import vfi.jobs.release
import vfi.jobs.sweep
import vfi.training.command
from tests.helpers.recipe import assert_equal, recipe, state
from tests.kill.processes import finish
from vfi.checkpoints import load_network, registry
from vfi.checkpoints.integrity import load_torch
from vfi.data import SampleTriplets

Check = Callable[[Path, Path], None]


def clips(root: Path) -> Path:
    """Two folders of numbered images in which textures slide."""
    for number, name in enumerate(("learn", "judge")):
        (root / name).mkdir(parents=True)
        texture = SampleTriplets()[3 + number]["gt"].permute(1, 2, 0).numpy()
        for step in range(12):
            window = texture[4 * step : 4 * step + 96, 3 * step : 3 * step + 96]
            cv2.imwrite(str(root / name / f"{step:03d}.png"), np.ascontiguousarray(window))
    (root / "judge.txt").write_text("judge\n", encoding="utf-8")
    return root


def fit(folder: Path, data: Path, processes: int = 1) -> list[str]:
    """A training of 12 steps in epochs of 4, with a checkpoint after every second step, too."""
    saver = {"class_path": "lightning.pytorch.callbacks.ModelCheckpoint"}
    saver["init_args"] = {
        "filename": "last", "every_n_train_steps": 2, "enable_version_counter": False
    }  # fmt: skip
    path = recipe(folder, data, saver)
    if processes == 1:
        return ["fit", "-c", str(path)]
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["trainer"] |= {"devices": processes, "strategy": "ddp"}
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return ["fit", "-c", str(path)]


def test(folder: Path, data: Path) -> list[str]:
    """A test of a few triplets of the sample."""
    recipe(folder, data)
    arguments = ["--model", "vfi.training.RIFEModule", "--trainer.limit_test_batches", "6"]
    arguments += ["--model.network", str(folder / "dense.safetensors"), "--trainer.callbacks"]
    arguments += ["vfi.training.EvaluationReport", "--trainer.callbacks.repeats", "0"]
    arguments += ["--trainer.callbacks.pictures", "false"]
    arguments += ["--trainer.default_root_dir", str(folder / "run"), "--overwrite", "true"]
    return ["test", "--data.num_workers", "0", *arguments, "--trainer.accelerator", "cpu"]


def sweep(folder: Path, data: Path) -> list[str]:
    """A sweep of a few points."""
    recipe(folder, data)
    policy = {"scope": "layer", "min_channels": 1, "multiple": 1, "importance": "vfi.pruning.L1"}
    aware = {"class_path": "vfi.pruning.ArchitectureAware", "init_args": policy}
    arguments = ["--network", str(folder / "dense.safetensors"), "--levels", "[0.4]"]
    arguments += ["--policies", json.dumps({"aware": aware})]
    arguments += ["--height", "32", "--width", "32", "--repeats", "1", "--limit", "3"]
    return ["sweep", *arguments, "--calibration", "1", "--output", str(folder / "run")]


def release(folder: Path, data: Path) -> list[str]:
    """A release of a training that is there."""
    trained = data.parent / "trained"
    if not trained.exists():
        finish(fit(trained, data), data.parent / "told.txt")
    folder.mkdir()
    arguments = ["--run", str(trained / "prune_fit"), "--name", "small"]
    arguments += ["--parent", str(trained / "dense.safetensors"), "--output", str(folder / "shelf")]
    return ["release", *arguments, "--height", "32", "--width", "32", "--repeats", "1",
            "--overwrite", "true"]  # fmt: skip


def release_over(folder: Path, data: Path) -> list[str]:
    """The same where another network has the name, and the signal comes between file and card."""
    command = release(folder, data)
    finish([*command, "--run", str(other_training(data))], data.parent / "told.txt")
    return command


def other_training(data: Path) -> Path:
    """A training of other weights than `release` takes."""
    folder = data.parent / "other"
    if not folder.exists():
        finish([*fit(folder, data), "--data.seed", "5"], data.parent / "told.txt")
    return folder / "prune_fit"


def same_fit(one: Path, other: Path) -> None:
    """The same weights, averages, optimizer, schedule, counters and rows, the last and the best."""
    assert_equal(*(state(folder / "prune_fit") for folder in (one, other)))
    best = [load_torch(f / "prune_fit/checkpoints/best.ckpt")["state_dict"] for f in (one, other)]
    assert_equal(*best)
    for name in ("losses.csv", "validation.csv"):
        first, second = ((f / "prune_fit" / name).read_bytes() for f in (one, other))
        assert first == second, name


def same_test(one: Path, other: Path) -> None:
    """The same scores."""
    first, second = ((f / "run/per_triplet.csv").read_bytes() for f in (one, other))
    assert first == second, "per_triplet.csv"


def same_sweep(one: Path, other: Path) -> None:
    """The same scores and channels at every point; times differ."""
    times = ["median_ms", "dense_median_ms", "fps", "speedup"]
    first, second = (pd.read_csv(f / "run/sweep.csv").drop(columns=times) for f in (one, other))
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def same_release(one: Path, other: Path) -> None:
    """The same weights and card, but for times."""
    first, second = ((f / "shelf/small.safetensors").read_bytes() for f in (one, other))
    assert first == second, "weights"
    cards = [json.loads((f / "shelf/models.json").read_text())["small"] for f in (one, other)]
    for card in cards:
        del card["speed"]
    assert_equal(*cards)


def refused(shelf: Path) -> None:
    """A file that is not the card's is not loaded by its name."""
    known, registry._SHIPPED = registry._SHIPPED, shelf
    told = ""
    try:
        load_network("small")
    except ValueError as error:
        told = str(error)
    finally:
        registry._SHIPPED = known
    assert "small" in told, "weights were loaded under the card of others"


def whole(folder: Path) -> None:
    """Every file under a final name can be read."""
    for path in folder.rglob("*"):
        if path.name.startswith(".") or not path.is_file():
            continue
        if path.suffix == ".ckpt":
            load_torch(path)
        elif path.suffix == ".safetensors":
            load_network(path)
        elif path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".csv":
            pd.read_csv(path)


JOBS: dict[str, tuple[Callable[[Path, Path], list[str]], Check]] = {
    "fit": (fit, same_fit),
    "fit, 2 processes": (lambda folder, data: fit(folder, data, 2), same_fit),
    "test": (test, same_test),
    "sweep": (sweep, same_sweep),
    "release": (release, same_release),
    "release over another": (release_over, same_release),
}
BETWEEN = {"release over another": (vfi.jobs.release.cards, "write")}
"""Where a job's signal comes, if not at any time: when this is called."""
