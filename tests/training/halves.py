"""Whether two processes with half the batch each follow one process.

``python -m tests.training.halves halves.json`` prunes rife_v4.0 to a half by the shipped recipe (by
L1, though), trains it on the sample's triplets for 20 steps, and writes the losses of both.
"""

import json
import sys
import tempfile
from pathlib import Path

import torch
import yaml

from tests.helpers.ranks import together
from tests.helpers.recipe import recipe
from vfi import reporting
from vfi.cli import main
from vfi.training.history import read

BATCH = 4


def training(
    folder: Path, processes: int, *more: dict, epochs: int = 5, network: str | None = None
) -> Path:
    """A training in epochs of 4 steps, on a set whose order is that of any number of processes.

    Args:
        folder: gets the configuration and the run folder.
        processes: share a batch of 4 triplets of 64x64 pixels.
        *more: callbacks, before that of pruning.
        epochs: how many.
        network: a known one instead of the tests' own small one.
    """
    path = recipe(folder, folder, max_epochs=epochs, log_every_n_steps=1, limit_val_batches=0)
    config = yaml.safe_load(path.read_text())
    train = config["data"]["train"]
    for name in ("root", "stream", "hold_out"):
        del train[name]
    train |= {"source": "sample", "batch_size": BATCH // processes, "steps": 4}
    train["augment"] |= {"crop": 64}
    config["data"]["val"] = {"source": "sample"}
    callbacks = config["trainer"]["callbacks"]
    pruning = callbacks[-1]["init_args"]
    pruning["calibration"] = processes  # batches: the same triplets
    arguments = config["model"]["init_args"]
    # the shipped recipe's rate: with the tests' own, of 3e-3, rounding grows by a step's sign
    arguments["optimizer"]["lr"] = 3e-4
    config["trainer"] |= {"plugins": None, "callbacks": [*callbacks[:-1], *more, callbacks[-1]]}
    if network is not None:
        arguments |= {"network": network, "dense": network}
        # Taylor's scores depend on how calibration is cut into batches, L1's on the weights alone
        pruning["policy"]["init_args"] = {"ratio": 0.5, "importance": "vfi.pruning.L1"}
    path.write_text(yaml.safe_dump(config))
    return path


def losses(folder: Path) -> list[float]:
    """Of each step, the mean over all processes."""
    return read(folder / "prune_fit/losses.csv")["loss"].tolist()


def command_line(output: str) -> None:
    """Trains both and writes their losses."""
    torch.set_num_threads(1)
    found = {}
    with tempfile.TemporaryDirectory() as name:
        for processes in (1, 2):
            folder = Path(name, str(processes))
            command = ["fit", "-c", str(training(folder, processes, network="rife_v4.0"))]
            command += ["-c", "strategy/ddp.yaml", "--trainer.accelerator", "cpu"]
            command += ["--trainer.devices", str(processes)]
            log = Path(name, "log")
            if any(together(processes, lambda command=command: main(command), log)):
                raise SystemExit(log.with_name("log.0").read_text())
            found[processes] = losses(folder)
    record = {
        "network": "rife_v4.0, half of its channels pruned",
        "batch": BATCH,
        "losses_of_one": found[1],
        "losses_of_two": found[2],
        "largest_difference": max(abs(a - b) for a, b in zip(*found.values(), strict=True)),
        "environment": reporting.environment(),
    }
    reporting.write_json(record, output)
    sys.stdout.write(json.dumps({"largest_difference": record["largest_difference"]}) + "\n")


if __name__ == "__main__":
    command_line(*sys.argv[1:])
