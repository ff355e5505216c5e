"""Folders that several processes wrote: whole networks come out of them, and nothing is run."""

import os
import pickle
from pathlib import Path

import pytest
import torch
import torch.distributed.checkpoint as dcp

from tests.helpers.ranks import together
from tests.helpers.small_networks import fill, small_spec
from vfi.checkpoints import load_network
from vfi.cli import main
from vfi.models import RIFE


def same(one: RIFE, other: RIFE) -> bool:
    state = other.state_dict()
    return one.spec == other.spec and all(t.equal(state[n]) for n, t in one.state_dict().items())


@pytest.fixture
def network() -> RIFE:
    return fill(RIFE(small_spec("rife_v4.0")))


@pytest.fixture
def folder(network, tmp_path) -> Path:
    """A checkpoint as FSDP leaves it."""
    path = tmp_path / "last.ckpt"
    state = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    dcp.save({"state_dict": state}, checkpoint_id=path, no_dist=True)
    torch.save({"rife_spec": network.spec.to_dict()}, path / "meta.pt")
    return path


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
def test_a_folder_of_fsdp_becomes_a_file(folder, network, tmp_path):
    converted = tmp_path / "a.safetensors"
    assert main(["convert", str(folder), str(converted)]) == 0
    assert same(network, load_network(converted))
    assert same(network, load_network(folder))


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: next(f.glob("*.distcp")).write_bytes(b""), "last.ckpt"),
        (lambda f: (f / "meta.pt").unlink(), "last.ckpt"),
        (lambda f: (f / ".metadata").write_bytes(b"none"), "no whole checkpoint"),
        (lambda f: (f / ".metadata").write_bytes(pickle.dumps(os.system)), "never run"),
        (lambda f: (f / ".metadata").write_bytes(pickle.dumps([])), "its index is none"),
    ],
)
def test_a_damaged_folder_takes_one_line(folder, tmp_path, caplog, spoil, words):
    spoil(folder)
    assert main(["convert", str(folder), str(tmp_path / "a.safetensors")]) == 2
    (error,) = [
        r.getMessage() for r in caplog.records if r.levelname == "ERROR" and r.name == "vfi.cli"
    ]
    assert words in error
    assert "\n" not in error
    assert not (tmp_path / "a.safetensors").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.ckpt", "a.safetensors"], "nothing.ckpt"),
        (["nothing.ckpt", "a.ckpt"], "ends in .safetensors"),
    ],
)
def test_what_cannot_be_converted(arguments, words, caplog, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["convert", *arguments]) == 2
    assert words in caplog.text


def zero(folder: Path) -> None:
    """Trains a little under every stage of ZeRO, on the CPU, and saves as Lightning does."""
    os.environ["DS_ACCELERATOR"] = "cpu"
    import deepspeed

    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False  # its build takes minutes
    for stage in (1, 2, 3):
        module = torch.nn.Module()
        module.network = fill(RIFE(small_spec("rife_v4.0"))).train()
        module.forward = lambda *frames, network=module.network: network(*frames).frame
        config = {
            "train_micro_batch_size_per_gpu": 1,
            "zero_optimization": {"stage": stage},
            "zero_allow_untested_optimizer": True,
        }
        optimizer = torch.optim.AdamW(module.parameters(), 1e-3)
        engine = deepspeed.initialize(model=module, optimizer=optimizer, config=config)[0]
        for _ in range(2):
            engine.backward(engine(*torch.rand(2, 1, 3, 32, 32)).mean())
            engine.step()
        spec = {"rife_spec": module.network.spec.to_dict()}
        engine.save_checkpoint(str(folder / str(stage)), tag="checkpoint", client_state=spec)


def test_deepspeed_trains_on_the_cpu_and_its_folders_become_files(network, tmp_path):
    pytest.importorskip("deepspeed")
    (tmp_path / "zero").mkdir()
    status = together(1, lambda: zero(tmp_path / "zero"), tmp_path / "log")
    assert status == [0], (tmp_path / "log.0").read_text()
    weights = {}
    for stage in (1, 2, 3):
        folder, file = tmp_path / f"zero/{stage}", tmp_path / f"{stage}.safetensors"
        assert main(["convert", str(folder), str(file)]) == 0
        weights[stage] = load_network(file)
        assert not same(network, weights[stage])
