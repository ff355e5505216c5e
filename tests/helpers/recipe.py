"""The shipped recipe of fine-tuning on a small network and clips, and what it leaves."""

import math
import multiprocessing
import signal
import subprocess
from pathlib import Path

import torch
import yaml
from lightning.pytorch import Callback

from tests.helpers.configs import whole
from tests.helpers.small_networks import fill, shallow_spec
from vfi.checkpoints import save_network
from vfi.checkpoints.integrity import DIGEST_KEY
from vfi.models import RIFE
from vfi.training import Averaging, ChannelPruning
from vfi.training.sharding import whole as whole_tensor


class Disturbance(Callback):
    """Does something at a step: sends itself and its workers a signal, or ``spoil``s a weight."""

    def __init__(self, step: int, kind: str = "SIGINT", rank: int = 0) -> None:
        self.step = step
        self.kind = kind
        self.rank = rank
        self.done = False

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step != self.step or trainer.global_rank != self.rank or self.done:
            return
        self.done = True  # a step of several batches is one
        if self.kind.startswith("SIG"):
            number = getattr(signal, self.kind)
            workers = [str(worker.pid) for worker in multiprocessing.active_children()]
            for _ in range(2 if self.kind == "SIGHUP" else 1):  # the system's and the shell's
                if workers:  # as terminals and schedulers do; torch takes a parent's otherwise
                    subprocess.run(["kill", f"-{number:d}", *workers], check=True)
                signal.raise_signal(number)
            return
        if self.kind == "fail":
            raise ValueError(f"process {self.rank} failed")
        with torch.no_grad():
            next(pl_module.network.parameters()).fill_(math.inf)


class Gathered(Callback):
    """Writes the averaged weights that training ends with, put together from all processes."""

    def __init__(self, path: str) -> None:
        self.path = path

    def on_train_end(self, trainer, pl_module):
        (averaging,) = (c for c in trainer.callbacks if isinstance(c, Averaging))
        average = averaging._average_model.module.network
        state = {name: whole_tensor(part) for name, part in average.named_parameters()}
        if trainer.is_global_zero:
            torch.save(state, self.path)


class MasksHold(Callback):
    """Fails at the first step after which a channel that is masked is not zero."""

    def on_train_batch_end(self, trainer, pl_module, *_):
        (pruning,) = (c for c in trainer.callbacks if isinstance(c, ChannelPruning))
        zeroed = [part.index_select(dim, i) for _, part, dim, i in pruning._masks._slices()]
        assert zeroed
        assert not any(part.any() for part in zeroed), trainer.global_step


def recipe(folder: Path, clips: Path, *more: dict, pictures: bool = False, **settings) -> Path:
    """The shipped configuration on a small network and clips, its run folder in ``folder``.

    Pictures would take more time than all the rest.
    """
    network = folder / "dense.safetensors"
    folder.mkdir(exist_ok=True)
    save_network(fill(RIFE(shallow_spec()), gain=1.0), network)
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
    (report,) = (c for c in others if c["class_path"].endswith("TrainingReport"))
    report["init_args"] = {"pictures": pictures}
    config["trainer"]["enable_progress_bar"] = False
    config["trainer"]["callbacks"] = [*others, pruning, *more]
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def disturbance(step: int, kind: str = "SIGINT", rank: int = 0) -> dict:
    name = f"{Disturbance.__module__}.{Disturbance.__name__}"
    return {"class_path": name, "init_args": {"step": step, "kind": kind, "rank": rank}}


def state(folder: Path) -> dict:
    """All that is kept of a run, but for the names of folders."""
    state = torch.load(folder / "checkpoints/last.ckpt", weights_only=True)
    del state[DIGEST_KEY]
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
