"""The recipe of docs/cluster.md: torchrun with two node ranks, one of whose processes is killed."""

import os
import subprocess
import sys
import time

import pytest
import yaml

from tests.helpers.paths import ROOT
from tests.helpers.ranks import free_port
from tests.helpers.recipe import disturbance, recipe
from vfi.cli import main
from vfi.training.history import read


@pytest.fixture
def config(clips, tmp_path):
    """Two epochs of four batches a process, kept every third; one process kills itself."""
    path = recipe(tmp_path, clips, disturbance(5, "SIGKILL", rank=1), max_epochs=2)
    config = yaml.safe_load(path.read_text())
    train = config["data"]["train"]
    for name in ("root", "stream", "hold_out"):
        del train[name]
    train |= {"source": "sample", "augment": {"crop": 64}}
    config["data"]["val"] |= {"root": str(clips), "per_clip": 1}
    trainer = config["trainer"]
    trainer |= {"plugins": None, "log_every_n_steps": 1, "limit_val_batches": 0}
    for callback in trainer["callbacks"]:
        if callback.get("init_args", {}).get("filename") == "last":
            callback["init_args"]["every_n_train_steps"] = 3
    path.write_text(yaml.safe_dump(config))
    return path


def node(rank: int, port: int, config: object) -> subprocess.Popen[str]:
    """The command of a machine, as the page gives it."""
    page = (ROOT / "docs/cluster.md").read_text()
    _, start, rest = page.partition("torchrun --nnodes")
    assert "lightning_cli.py fit -c fit/prune.yaml -c strategy/ddp.yaml" in rest
    words = f"-m torch.distributed.run{start.removeprefix('torchrun')}{rest.partition('```')[0]}"
    words = words.replace("\\\n", " ").replace("first.example", "127.0.0.1")
    words = words.replace("29500", str(port)).replace("node_rank 0", f"node_rank {rank}")
    words = words.replace("nproc_per_node 4", "nproc_per_node 1").replace("devices 4", "devices 1")
    words = words.replace("fit/prune.yaml", str(config)).replace("--data.train.root clips", "")
    return subprocess.Popen(
        [sys.executable, *words.split(), "--trainer.accelerator", "cpu"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )


def test_a_killed_process_ends_the_job_by_name_and_fewer_go_on(config, tmp_path):
    port = free_port()
    nodes = [node(rank, port, config) for rank in (0, 1)]
    try:
        told, _ = nodes[1].communicate(timeout=240)
        ended = time.monotonic()
        other, _ = nodes[0].communicate(timeout=60)
        assert time.monotonic() - ended < 60
    finally:
        for process in nodes:
            process.kill()
    assert [process.returncode for process in nodes] == [1, 1], told + other
    assert "Signal 9 (SIGKILL)" in told, told[-4000:]
    assert "rank      : 1" in told
    run = tmp_path / "prune_fit"
    assert len(read(run / "losses.csv")) >= 3
    text = config.read_text().replace("step: 5", "step: -1")  # no more of it
    config.write_text(text)
    # kept after three of four batches of two processes: two of eight are left for one, then four
    assert main(["fit", "-c", str(config), "--ckpt_path", "last"]) == 0
    losses = read(run / "losses.csv")
    assert losses["step"].tolist() == list(range(1, 10))
