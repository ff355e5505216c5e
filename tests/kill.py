"""Kills commands at random moments, and looks whether anything is lost.

    python -m tests.kill --trials 20 --output docs/results/trust/kills.json

Each trial starts a command on a small network, sends SIGKILL or SIGTERM at a random moment, looks
at every file that is there under its final name, and runs the same command again to its end: what
it leaves must equal, to the bit, what a run that nobody stopped left.
"""

import argparse
import json
import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import yaml

from tests.helpers.paths import ROOT
from tests.helpers.recipe import assert_equal, recipe, state
from vfi.checkpoints import load_network
from vfi.checkpoints.integrity import load_torch
from vfi.cli import main
from vfi.data import SampleTriplets

logger = logging.getLogger(__name__)
HANGS = 600.0  # seconds
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
    """A training of 12 steps, with checkpoints in the middle of epochs, too."""
    saver = {"class_path": "lightning.pytorch.callbacks.ModelCheckpoint"}
    saver["init_args"] = {
        "filename": "last", "every_n_train_steps": 5, "enable_version_counter": False
    }  # fmt: skip
    path = recipe(folder, data, saver)
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    if processes > 1:
        config["trainer"] |= {"devices": processes, "strategy": "ddp"}
        path = path.with_name("2 processes.yaml")
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return ["fit", "-c", str(path)]


def test(folder: Path, data: Path) -> list[str]:
    """A test of a few triplets of the sample."""
    recipe(folder, data)
    arguments = ["--model", "vfi.training.RIFEModule", "--trainer.limit_test_batches", "6"]
    arguments += ["--model.network", str(folder / "dense.safetensors"), "--trainer.callbacks"]
    arguments += ["vfi.training.EvaluationReport", "--trainer.callbacks.repeats", "0"]
    arguments += ["--trainer.default_root_dir", str(folder / "run"), "--overwrite", "true"]
    return ["test", "--data.num_workers", "0", *arguments, "--trainer.accelerator", "cpu"]


def sweep(folder: Path, data: Path) -> list[str]:
    """A sweep of a few points."""
    recipe(folder, data)
    policy = {"scope": "layer", "min_channels": 1, "multiple": 1, "importance": "vfi.pruning.L1"}
    aware = {"class_path": "vfi.pruning.ArchitectureAware", "init_args": policy}
    arguments = ["--network", str(folder / "dense.safetensors"), "--levels", "[0.2,0.4]"]
    arguments += ["--policies", json.dumps({"aware": aware})]
    arguments += ["--height", "32", "--width", "32", "--repeats", "1", "--limit", "3"]
    return ["sweep", *arguments, "--calibration", "1", "--output", str(folder / "run")]


def same_fit(one: Path, other: Path) -> None:
    """The same weights, averages, optimizer, schedule and rows; not Lightning's own counters."""
    first, second = (state(folder / "prune_fit") for folder in (one, other))
    del first["loops"], second["loops"]
    assert_equal(first, second)
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


JOBS: dict[str, tuple[Callable[[Path, Path], list[str]], Check]] = {
    "fit": (fit, same_fit),
    "fit, 2 processes": (lambda folder, data: fit(folder, data, 2), same_fit),
    "test": (test, same_test),
    "sweep": (sweep, same_sweep),
}


class Started:
    """A command in a process group of its own; forked, which spares it loading torch again.

    Args:
        command: the words after ``vfi``.
        log: gets what it tells.
    """

    def __init__(self, command: list[str], log: Path) -> None:
        self.log = log
        self.status: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            self._run(command)

    def _run(self, command: list[str]) -> None:
        os.setsid()
        told = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(told, 1)
        os.dup2(told, 2)
        if any("2 processes" in word for word in command):  # Lightning repeats the command line
            line = [sys.executable, str(ROOT / "lightning_cli.py"), *command]
            os.execve(sys.executable, line, os.environ | {"PYTHONPATH": str(ROOT)})
        status = 1
        try:
            status = main(command)
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def wait(self, seconds: float) -> int | None:
        """The exit status, negative for a signal's number; None if it still runs then."""
        until = time.monotonic() + seconds
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > until:
                break
            else:
                time.sleep(0.01)
        return self.status

    def told(self) -> str:
        """What it wrote to its streams."""
        return self.log.read_text(encoding="utf-8", errors="replace")


def finish(command: list[str], log: Path) -> float:
    """Runs a command to its end; gives the seconds that it took."""
    began = time.monotonic()
    process = Started(command, log)
    assert process.wait(HANGS) == 0, process.told()
    return time.monotonic() - began


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


def stop_at(command: list[str], moment: float, number: signal.Signals, log: Path) -> int:
    """Sends a signal after so many seconds: SIGKILL to all processes, SIGTERM to the first."""
    process = Started(command, log)
    if process.wait(moment) is None:
        if number == signal.SIGKILL:
            os.killpg(process.pid, number)
        else:
            os.kill(process.pid, number)
    status = process.wait(HANGS)
    assert status is not None, f"hangs: {process.told()}"
    assert "Traceback" not in process.told(), process.told()
    return status


def trial(job: str, number: signal.Signals, moment: float, shelf: Path, data: Path) -> str:
    """One kill; gives how the command ended."""
    make, same = JOBS[job]
    folder = shelf / "broken"
    shutil.rmtree(folder, ignore_errors=True)
    command = make(folder, data)
    log = shelf / "told.txt"
    ended = stop_at(command, moment, number, log)
    whole(folder)
    finish(command, log)
    same(shelf / job, folder)
    return {0: "had finished", -number: "killed", 128 + number: "stopped"}.get(ended, str(ended))


def run(trials: int, seed: int, seconds: float, jobs: list[str]) -> dict[str, object]:
    """All trials, or as many as the time allows; gives the counts."""
    draw, began = random.Random(seed), time.monotonic()
    counts: Counter[str] = Counter()
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as place:
        shelf, data = Path(place), clips(Path(place) / "clips")
        took = {}
        for job in jobs:
            took[job] = finish(JOBS[job][0](shelf / job, data), shelf / "told.txt")
        for count in range(trials):
            if time.monotonic() - began > seconds:
                break
            job = jobs[count % len(jobs)]
            number = signal.SIGTERM if draw.random() < 1 / 3 else signal.SIGKILL
            moment = draw.uniform(0.2, 1.0) * took[job]
            name = f"{job}, {number.name} after {moment:.1f} s of {took[job]:.1f}"
            try:
                ended = trial(job, number, moment, shelf, data)
                counts[f"{job}, {number.name}: {ended}, then equal"] += 1
            except (AssertionError, ValueError) as error:
                failures.append(f"{name}: {error}")
                logger.info("FAILED %s", failures[-1])
            else:
                logger.info("%s: %s, then equal", name, ended)
    return {"seed": seed, "trials": sum(counts.values()) + len(failures),
            "counts": dict(sorted(counts.items())), "failures": failures}  # fmt: skip


def command_line() -> None:
    """Runs the trials and writes their counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=90)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no trial after so long")
    parser.add_argument("--jobs", nargs="*", default=list(JOBS), choices=list(JOBS))
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    counts = run(options.trials, options.seed, options.seconds, options.jobs)
    text = json.dumps(counts, indent=2)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")
    logger.info("%s", text)


if __name__ == "__main__":
    command_line()
