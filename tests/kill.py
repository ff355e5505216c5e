"""Kills commands at random moments, and looks whether anything is lost.

    python -m tests.kill --trials 90 --output runs/results/trust/kills.json

Each trial starts a command on a small network, sends SIGKILL or SIGTERM (two of the first, then one
of the second) at a random moment, looks at every file that is there under its final name, and runs
the same command again to its end: what it leaves must equal, to the bit, what a run that nobody
stopped left. A command that had ended before its signal is no trial. The same call goes on where
it was stopped, or where ``--seconds`` were over. ``--only`` tries some of the commands now, maybe
beside another call that tries others; ``--again`` forgets what came of a command before.
"""

import argparse
import contextlib
import json
import logging
import math
import os
import random
import shutil
import signal
import socket
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import filelock
import numpy as np
import pandas as pd
import yaml

import vfi.jobs.release
import vfi.jobs.sweep
import vfi.training.command  # noqa: F401 (all are loaded here, so that what is started need not)
from tests.helpers.recipe import assert_equal, recipe, state
from vfi.checkpoints import load_network
from vfi.checkpoints.integrity import load_torch
from vfi.cli import main
from vfi.data import SampleTriplets
from vfi.reporting import environment, write_json

logger = logging.getLogger(__name__)
HANGS = 240.0  # seconds in which nothing happens
PAUSE = 0.01
Check = Callable[[Path, Path], None]
Row = dict[str, Any]


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


JOBS: dict[str, tuple[Callable[[Path, Path], list[str]], Check]] = {
    "fit": (fit, same_fit),
    "fit, 2 processes": (lambda folder, data: fit(folder, data, 2), same_fit),
    "test": (test, same_test),
    "sweep": (sweep, same_sweep),
    "release": (release, same_release),
}


class Started:
    """A command in a process group of its own; forked, which spares it loading torch again.

    Args:
        command: the words after ``vfi``.
        log: gets what it tells.
        processes: of the command; several are started as by torchrun.
    """

    def __init__(self, command: list[str], log: Path, processes: int = 1) -> None:
        self.log = log
        self.status: int | None = None
        self.spent = 0.0
        port = str(free_port())
        self.pid = os.fork()
        if self.pid:
            return
        os.setsid()
        told = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(told, 1)
        os.dup2(told, 2)
        if processes > 1:
            os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "NODE_RANK": "0",
                           "WORLD_SIZE": str(processes), "LOCAL_RANK": "0"}  # fmt: skip
            for rank in range(1, processes):
                if os.fork() == 0:
                    os.environ["LOCAL_RANK"] = str(rank)
                    break
        self._run(command)

    def _run(self, command: list[str]) -> None:
        status = 1
        try:
            status = main(command)
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def wait(self, spent: float = math.inf) -> int | None:
        """The exit status, negative for a signal's number; None if it still runs then.

        Args:
            spent: seconds of the processor's time: what else this machine does, does not count.
        """
        idle = 0
        while self.status is None and self.spent < spent and idle < HANGS / PAUSE:
            before = self.spent
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                break
            time.sleep(PAUSE)
            self.spent = sum(map(float, self._times())) / os.sysconf("SC_CLK_TCK")
            idle = 0 if self.spent > before else idle + 1
        return self.status

    def _times(self) -> list[str]:
        """The ticks that its first process spent, its own and the system's."""
        text = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8")
        return text.rpartition(")")[2].split()[11:13]

    def told(self) -> str:
        """What it wrote to its streams."""
        return self.log.read_text(encoding="utf-8", errors="replace")


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return int(place.getsockname()[1])


def finish(command: list[str], log: Path, processes: int = 1) -> float:
    """Runs a command to its end; gives the seconds of the processor's time that it took."""
    process = Started(command, log, processes)
    assert process.wait() == 0, process.told()
    return process.spent


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


def stop_at(
    command: list[str], moment: float, number: signal.Signals, log: Path, processes: int
) -> int | None:
    """Sends a signal after so many seconds of work: SIGKILL to all processes, SIGTERM to one.

    Gives the exit status, None if it had ended before.
    """
    process = Started(command, log, processes)
    if process.wait(moment) is not None:
        return None
    if number == signal.SIGKILL:
        os.killpg(process.pid, number)
    else:
        os.kill(process.pid, number)
    status = process.wait()
    assert status is not None, f"hangs: {process.told()}"
    with contextlib.suppress(ProcessLookupError):  # as torchrun ends those that wait for it
        os.killpg(process.pid, signal.SIGKILL)
    assert "Traceback" not in process.told(), process.told()
    return status


def trial(job: str, number: signal.Signals, moment: float, shelf: Path, data: Path) -> str | None:
    """One kill; gives how the command ended, None if that was before."""
    make, same = JOBS[job]
    processes = 2 if "2 processes" in job else 1
    folder = shelf / "broken"
    shutil.rmtree(folder, ignore_errors=True)
    command = make(folder, data)
    log = shelf / "told.txt"
    ended = stop_at(command, moment, number, log, processes)
    if ended is None or (ended, number) == (0, signal.SIGKILL):
        return None
    whole(folder)
    finish(command, log, processes)
    same(shelf / job, folder)
    return {0: "came to its end", -number: "killed", 128 + number: "stopped"}.get(ended, str(ended))


def plan(count: int, seed: int, jobs: list[str]) -> tuple[str, signal.Signals, random.Random]:
    """The command, the signal and the chance of a trial."""
    number = signal.SIGTERM if count // len(jobs) % 3 == 2 else signal.SIGKILL
    return jobs[count % len(jobs)], number, random.Random(f"{seed}, {count}")


def run(
    numbers: list[int], seed: int, jobs: list[str], seconds: float, keep: Callable[[Row], object]
) -> None:
    """The trials of these numbers, or as many as the time allows; each is kept at once."""
    began = time.monotonic()
    commit = (environment()["git"] or {}).get("commit")
    with tempfile.TemporaryDirectory() as place:
        shelf, data = Path(place), clips(Path(place) / "clips")
        took: dict[str, float] = {}
        for count in numbers:
            if time.monotonic() - began > seconds:
                return
            job, number, draw = plan(count, seed, jobs)
            if job not in took:
                processes = 2 if "2 processes" in job else 1
                command = JOBS[job][0](shelf / job, data)
                took[job] = finish(command, shelf / "told.txt", processes)
            row: Row = {"number": count, "job": job, "signal": number.name, "commit": commit}
            try:
                ended = None
                while ended is None:
                    row["after"] = round(draw.uniform(0.05, 1.0) * took[job], 2)
                    ended = trial(job, number, row["after"], shelf, data)
                row |= {"ended": ended, "then": "equal"}
            except Exception as error:
                told = (shelf / "told.txt").read_text(encoding="utf-8", errors="replace")
                row |= {"then": "FAILED", "error": f"{type(error).__name__}: {error}", "told": told}
                kept = Path(tempfile.mkdtemp(prefix=f"kill-{count}-"))
                shutil.copytree(shelf, kept, dirs_exist_ok=True)
                logger.info("kept for a look: %s", kept)
            keep(row)
            logger.info("%d: %s", count, row)


def record(rows: list[Row], seed: int, jobs: list[str]) -> dict[str, Any]:
    """What is kept of the trials."""
    counts = Counter(
        f"{row['job']}, {row['signal']}: {row.get('ended', '')}, then {row['then']}" for row in rows
    )
    return {
        "seed": seed,
        "jobs": jobs,
        "trials": len(rows),
        "signals": Counter(row["signal"] for row in rows),
        "not equal": sum(row["then"] != "equal" for row in rows),
        "counts": dict(sorted(counts.items())),
        "rows": sorted(rows, key=lambda row: row["number"]),
        "environment": environment(),
    }


def command_line() -> None:
    """Runs the trials and writes what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=90)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no trial after so long")
    parser.add_argument("--jobs", nargs="*", default=list(JOBS), choices=list(JOBS))
    parser.add_argument("--only", nargs="*", default=list(JOBS), choices=list(JOBS))
    parser.add_argument("--again", nargs="*", default=[], choices=list(JOBS))
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    lock = filelock.FileLock(options.output.with_name(f".{options.output.name}.lock"))
    options.output.parent.mkdir(parents=True, exist_ok=True)

    def keep(*new: Row, forget: Sequence[str] = ()) -> set[int]:
        """Adds trials to the file; gives the numbers of all that are in it."""
        with lock:
            before = {"seed": options.seed, "jobs": options.jobs, "rows": []}
            if options.output.exists():
                before |= json.loads(options.output.read_text(encoding="utf-8"))
            if (before["seed"], before["jobs"]) != (options.seed, options.jobs):
                parser.error(f"{options.output} is of other trials; give another --output")
            rows = [row for row in before["rows"] if row["job"] not in forget]
            write_json(record([*rows, *new], options.seed, options.jobs), options.output)
        return {row["number"] for row in rows}

    done = keep(forget=options.again)
    wanted = (n for n in range(options.trials) if plan(n, 0, options.jobs)[0] in options.only)
    run([n for n in wanted if n not in done], options.seed, options.jobs, options.seconds, keep)


if __name__ == "__main__":
    command_line()
