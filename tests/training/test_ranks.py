"""Several processes give what one gives: figures to the last digit, and the same training."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml

from tests.helpers.ranks import together
from tests.helpers.recipe import Gathered, MasksHold
from tests.helpers.small_networks import fill, run, shallow_spec
from tests.training.halves import losses, training
from vfi.checkpoints import load_network, save_network
from vfi.cli import main
from vfi.data import SampleTriplets
from vfi.models import RIFE

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("network") / "small.safetensors"
    save_network(fill(RIFE(shallow_spec())), path)
    return str(path)


@pytest.fixture(scope="module")
def triplets(tmp_path_factory) -> str:
    """Five triplets, which no two or three processes share evenly."""
    root, sample = tmp_path_factory.mktemp("triplets"), SampleTriplets()
    for index in range(5):
        (root / str(index)).mkdir()
        names = {"img0": "frame_00.png", "gt": "frame_01_gt.png", "img1": "frame_02.png"}
        for key, name in names.items():
            frame = sample[index][key][:, :64, :64].permute(1, 2, 0).numpy()
            assert cv2.imwrite(str(root / str(index) / name), np.ascontiguousarray(frame))
    return str(root)


def in_processes(count: int, command: list[str], log: Path, nodes: int = 1) -> None:
    """Runs a command in so many processes; all must end well."""
    each = ["--trainer.devices", str(count // nodes), "--trainer.num_nodes", str(nodes)]
    statuses = together(count, lambda: main([*command, *each]), log, nodes)
    told = [log.with_name(f"{log.name}.{rank}").read_text() for rank in range(count)]
    assert statuses == [0] * count, "\n".join(told)


def test_one_two_and_three_processes_print_the_same_digits(network, triplets, tmp_path):
    figures, rows = {}, {}
    for count in (1, 2, 3):
        folder = tmp_path / str(count)
        command = ["test", "-c", "test/baseline.yaml", "-c", "strategy/ddp.yaml"]
        command += ["--data.root", triplets]
        command += ["--model.network", network, "--trainer.default_root_dir", str(folder)]
        command += ["--trainer.callbacks.repeats", "0", "--trainer.callbacks.pictures", "false"]
        command += ["--trainer.accelerator", "cpu", "--data.num_workers", "0"]
        nodes = 2 if count == 2 else 1  # whose processes find each other all the same
        in_processes(count, command, tmp_path / f"log{count}", nodes)
        summary = json.loads((folder / "metrics.json").read_text())
        assert summary["processes"] == count
        assert summary["triplets"] == 5
        figures[count] = summary["scores"]
        rows[count] = (folder / "per_triplet.csv").read_bytes()
    assert figures[2] == figures[1]
    assert figures[3] == figures[1]
    assert rows[1] == rows[2] == rows[3]


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> list[float]:
    """The losses of one process."""
    folder = tmp_path_factory.mktemp("alone")
    assert main(["fit", "-c", str(training(folder, 1))]) == 0
    assert len(losses(folder)) == 20
    return losses(folder)


def test_two_processes_with_half_the_batch_follow_one(alone, tmp_path):
    command = ["fit", "-c", str(training(tmp_path, 2)), "-c", "strategy/ddp.yaml"]
    in_processes(2, [*command, "--trainer.accelerator", "cpu"], tmp_path / "log")
    assert losses(tmp_path) == pytest.approx(alone, abs=1e-4)


def test_under_fsdp_too_and_its_checkpoint_is_the_trained_function(alone, tmp_path):
    gathered = {"class_path": f"{Gathered.__module__}.Gathered"}
    gathered["init_args"] = {"path": str(tmp_path / "trained.pt")}
    command = ["fit", "-c", str(training(tmp_path, 2, gathered, epochs=1))]
    command += ["-c", "strategy/fsdp.yaml", "--trainer.accelerator", "cpu"]
    in_processes(2, command, tmp_path / "log")
    assert len(losses(tmp_path)) == 4
    assert losses(tmp_path)[:2] == pytest.approx(alone[:2], abs=1e-4)  # then rates differ
    last, converted = tmp_path / "prune_fit/checkpoints/last.ckpt", tmp_path / "a.safetensors"
    assert last.is_dir()
    assert main(["convert", str(last), str(converted)]) == 0
    network = load_network(converted)
    dense = load_network(tmp_path / "dense.safetensors")
    assert sum(p.numel() for p in network.parameters()) < sum(p.numel() for p in dense.parameters())
    trained = RIFE(network.spec).eval()
    trained.load_state_dict(torch.load(tmp_path / "trained.pt", weights_only=True), strict=False)
    triplet = SampleTriplets()[0]
    frames = [triplet[key][None].float() / 255 for key in ("img0", "img1")]
    with torch.inference_mode():
        loaded, expected, untrained = (m(*frames).frame for m in (network, trained, dense))
    assert (loaded - expected).abs().max() < 1e-6
    assert (loaded - untrained).abs().max() > 1e-3
    assert run(network).equal(run(load_network(last)))


def under_deepspeed(command: list[str]) -> int:
    """The command, without the part of DeepSpeed whose compilation takes minutes."""
    os.environ["DS_ACCELERATOR"] = "cpu"
    import deepspeed

    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    return main(command)


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_under_deepspeed_on_the_cpu_too(stage, alone, tmp_path):
    pytest.importorskip("deepspeed")
    command = ["fit", "-c", str(training(tmp_path, 2, epochs=1))]
    command += ["-c", f"strategy/deepspeed_{stage}.yaml", "--trainer.accelerator", "cpu"]
    command += ["--trainer.devices", "2"]
    assert together(2, lambda: under_deepspeed(command), tmp_path / "log") == [0, 0], (
        tmp_path / "log.0"
    ).read_text()
    assert losses(tmp_path)[:2] == pytest.approx(alone[:2], abs=1e-4)
    last, converted = tmp_path / "prune_fit/checkpoints/last.ckpt", tmp_path / "a.safetensors"
    assert main(["convert", str(last), str(converted)]) == 0
    dense = load_network(tmp_path / "dense.safetensors")
    assert not run(load_network(converted)).equal(run(dense))


def test_masks_hold_in_both_processes_after_each_step(tmp_path):
    path = training(tmp_path, 2, epochs=1)
    config = yaml.safe_load(path.read_text())
    callbacks = config["trainer"]["callbacks"]
    callbacks[-1]["init_args"]["mode"] = "mask"
    callbacks.append({"class_path": f"{MasksHold.__module__}.MasksHold"})
    path.write_text(yaml.safe_dump(config))
    command = ["fit", "-c", str(path), "-c", "strategy/ddp.yaml", "--trainer.accelerator", "cpu"]
    in_processes(2, command, tmp_path / "log")
    assert len(losses(tmp_path)) == 4
