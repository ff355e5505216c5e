"""How training scales: python docs/scaling.py <folder of clips> docs/results/scaling/scaling.json

Measures one and two processes, pinned to a core each, and fits a model of what a step costs to some
of the runs: seconds a step and a triplet, how much slower two cores are that work beside each other
(they share caches and memory, and may be one core that pretends), and the sum of the gradients. Two
other runs check it. Then it tells what larger jobs would take.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import yaml
from lightning.pytorch import Callback

STEPS, WARM = 60, 12  # of a run; the first ones do not count
NETWORK = "rife-nano"

# Not measured here: what a large job is computed with.
PER_CLIP = 12  # triplets taken of a clip in an epoch
SETS = {"UCF-101": 13_320, "a million clips": 1_000_000}
CORES = 32  # of a machine
GPU_SPEED = 100.0  # times a core of this machine
CORE_HOUR, GPU_HOUR = 0.04, 2.5  # dollars
GBIT = {"8 GPUs": 1000.0, "64 machines": 10.0}  # a second, between GPUs or machines


class Pace(Callback):
    """Writes the seconds of each step, and of the wait for its batch before it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.waits: list[float] = []
        self.steps: list[float] = []
        self.last = time.perf_counter()

    def on_train_batch_start(self, *_: Any) -> None:
        now = time.perf_counter()
        self.waits.append(now - self.last)
        self.last = now

    def on_train_batch_end(self, *_: Any) -> None:
        now = time.perf_counter()
        self.steps.append(now - self.last)
        self.last = now

    def on_train_end(self, trainer: Any, module: Any) -> None:
        size = sum(p.numel() * p.element_size() for p in module.network.parameters())
        record = {"wait": self.waits[WARM:], "step": self.steps[WARM:], "gradient_bytes": size}
        if trainer.is_global_zero and os.environ["CORE"] == "0":
            Path(self.path).write_text(json.dumps(record))


def config(clips: str, batch_size: int, folder: Path) -> Path:
    """A short training that does nothing but train."""
    train = {"root": clips, "hold_out": None, "steps": STEPS, "batch_size": batch_size}
    train |= {"stream": {"shuffle_mib": 2, "open_clips": 2}, "augment": {"crop": 128}}
    trainer = {"max_steps": STEPS, "max_epochs": 1, "accelerator": "cpu", "plugins": None}
    trainer |= dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar"), False)
    trainer |= {"limit_val_batches": 0, "num_sanity_val_steps": 0}
    trainer |= {"default_root_dir": str(folder)}
    trainer["callbacks"] = [{"class_path": "scaling.Pace", "init_args": {"path": f"{folder}/pace"}}]
    whole = {"base": "fit/quality.yaml", "ckpt_path": None, "trainer": trainer}
    whole["model"] = {"init_args": {"network": NETWORK}}
    whole["data"] = {"num_workers": 0, "train": train}
    path = folder / "scaling.yaml"
    path.write_text(yaml.safe_dump(whole))
    return path


def together(count: int, *words: str, apart: bool = False) -> None:
    """Runs this file in so many processes that know of each other, or do not: ``apart``."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count)}
    place |= {"LOCAL_WORLD_SIZE": str(count), "TORCHELASTIC_RUN_ID": "scaling"}
    place |= {"OMP_NUM_THREADS": "1", "GROUP_RANK": "0"}
    ranks = [{"RANK": str(r), "LOCAL_RANK": str(r), "CORE": str(r)} for r in range(count)]
    if apart:
        place["WORLD_SIZE"] = place["LOCAL_WORLD_SIZE"] = "1"
        ranks = [rank | {"RANK": "0", "LOCAL_RANK": "0"} for rank in ranks]
    command = [sys.executable, __file__, "--rank", *words]
    started = [subprocess.Popen(command, env=os.environ | place | rank) for rank in ranks]
    if max(process.wait() for process in started):
        raise SystemExit("a process failed")


def as_rank(what: str, *words: str) -> int:
    """What one of those processes does."""
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[int(os.environ["CORE"])]})
    torch.set_num_threads(1)
    if what == "reduce":
        return reduce(int(words[0]), Path(words[1]))
    from vfi.cli import main

    strategy = ["-c", "strategy/ddp.yaml"] if os.environ["WORLD_SIZE"] != "1" else []
    devices = ["--trainer.devices", os.environ["WORLD_SIZE"], "--trainer.accelerator", "cpu"]
    if os.environ["CORE"] != os.environ["RANK"]:  # a run of its own
        devices += ["--trainer.default_root_dir", f"{Path(words[0]).parent}/other"]
    return main(["fit", "-c", words[0], *strategy, *devices])


def reduce(size: int, path: Path) -> int:
    """Writes the seconds of summing up so many bytes over all processes."""
    dist.init_process_group("gloo")
    data, seconds = torch.zeros(size // 4), []
    for _ in range(12):
        dist.barrier()
        began = time.perf_counter()
        dist.all_reduce(data)
        seconds.append(time.perf_counter() - began)
    if dist.get_rank() == 0:
        path.write_text(json.dumps(statistics.median(seconds[2:])))
    dist.barrier()
    dist.destroy_process_group()
    return 0


def measured(count: int, clips: str, batch_size: int, apart: bool = False) -> dict[str, float]:
    """Means of a run: seconds of a step and of its wait for data, triplets a second of all."""
    with tempfile.TemporaryDirectory() as name:
        together(count, "fit", str(config(clips, batch_size, Path(name))), apart=apart)
        pace = json.loads(Path(name, "pace").read_text())
    step, wait = statistics.fmean(pace["step"]), statistics.fmean(pace["wait"])
    rate = count * batch_size / (step + wait)
    run = {"processes": count, "batch_size": batch_size, "step_s": step, "wait_s": wait}
    return run | {"triplets_per_s": rate, "gradient_bytes": pace["gradient_bytes"]}


def read_bytes(clips: str) -> float:
    """Bytes of files that a triplet stands for, at `PER_CLIP` of a clip."""
    sizes = [path.stat().st_size for path in Path(clips).rglob("*") if path.is_file()]
    return statistics.fmean(sizes) / PER_CLIP


def large(clips: str, per_triplet: float, size: float, batch_size: int = 8) -> list[dict[str, Any]]:
    """What an epoch of the large sets would take, by the model and the assumptions above."""
    rows = []
    workers = {
        "8 GPUs": (8, 8, per_triplet / GPU_SPEED, 8 * GPU_HOUR),
        "64 machines": (64 * CORES, 64, per_triplet, 64 * CORES * CORE_HOUR),
    }
    for (name, count), (where, (ranks, ends, each, price)) in (
        (s, w) for s in SETS.items() for w in workers.items()
    ):
        reduced = 2 * (ends - 1) / ends * size * 8 / (GBIT[where] * 1e9)
        rate = ranks * batch_size / (batch_size * each + reduced)
        hours = count * PER_CLIP / rate / 3600
        rows.append(
            {
                "set": name,
                "on": where,
                "hours_an_epoch": hours,
                "dollars_an_epoch": hours * price,
                "clips_per_s": rate / PER_CLIP,
                "bytes_per_s": rate * read_bytes(clips),
                "share_of_time_summing_gradients": reduced / (batch_size * each + reduced),
            }
        )
    return rows


def main(clips: str, output: str) -> None:
    runs = {
        "one, batch 1": measured(1, clips, 1),
        "one, batch 4": measured(1, clips, 4),
        "two apart, batch 1": measured(2, clips, 1, apart=True),
        "one, batch 2": measured(1, clips, 2),
        "two, batch 2": measured(2, clips, 2),
    }
    size = int(runs["one, batch 1"]["gradient_bytes"])
    with tempfile.TemporaryDirectory() as name:
        together(2, "reduce", str(size), f"{name}/seconds")
        summed = json.loads(Path(name, "seconds").read_text())
    small, big, beside = (run["step_s"] + run["wait_s"] for run in list(runs.values())[:3])
    each = (big - small) / 3
    fixed = small - each
    slower = beside / small
    predicted = {
        "one, batch 2": 2 / (fixed + 2 * each),
        "two, batch 2": 4 / ((fixed + 2 * each) * slower + summed),
    }
    one, two = (runs[name]["triplets_per_s"] for name in predicted)
    record = {
        "network": NETWORK,
        "crop": 128,
        "runs": runs,
        "efficiency_of_two": two / (2 * one),
        "model": {
            "seconds_a_step": fixed,
            "seconds_a_triplet": each,
            "slower_beside_another": slower,
            "seconds_summing_gradients_of_two": summed,
        },
        "check": {
            name: {
                "predicted": value,
                "measured": runs[name]["triplets_per_s"],
                "error": value / runs[name]["triplets_per_s"] - 1,
            }
            for name, value in predicted.items()
        },
        "clips_per_s_a_core": one / PER_CLIP,
        "bytes_per_s_a_core": one * read_bytes(clips),
        "assumed": {
            "triplets_of_a_clip": PER_CLIP,
            "cores_of_a_machine": CORES,
            "gpu_in_cores": GPU_SPEED,
            "dollars_a_core_hour": CORE_HOUR,
            "dollars_a_gpu_hour": GPU_HOUR,
            "gbit_per_s": GBIT,
        },
        "large": large(clips, each, size),
    }
    from vfi import reporting

    reporting.write_json(record | {"environment": reporting.environment()}, output)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    if sys.argv[1] == "--rank":
        raise SystemExit(as_rank(*sys.argv[2:]))
    main(*sys.argv[1:])
