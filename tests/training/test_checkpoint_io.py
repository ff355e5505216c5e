"""Checkpoints reach the disk whole or not at all, and a damaged one is refused."""

import random
import subprocess
import sys

import pytest
import torch

from tests.helpers.paths import ROOT
from tests.helpers.small_networks import fill, small_spec
from vfi.checkpoints import load_network
from vfi.checkpoints.integrity import content_digest
from vfi.models import RIFE
from vfi.training.checkpoint_io import SafeCheckpointIO


@pytest.fixture
def checkpoint() -> dict:
    network = fill(RIFE(small_spec("rife_v4.0")))
    state = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    return {"state_dict": state, "rife_spec": network.spec.to_dict(), "global_step": 3}


def test_what_is_written_is_what_is_read(checkpoint, tmp_path):
    path = tmp_path / "new" / "last.ckpt"
    SafeCheckpointIO().save_checkpoint(checkpoint, path)
    read = SafeCheckpointIO().load_checkpoint(path)
    assert content_digest(read) == content_digest(checkpoint)
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]
    assert load_network(path).spec == small_spec("rife_v4.0")


def test_no_flipped_bit_passes(checkpoint, tmp_path):
    path = tmp_path / "last.ckpt"
    SafeCheckpointIO().save_checkpoint(checkpoint, path)
    whole, digest = path.read_bytes(), content_digest(checkpoint)
    draw = random.Random(0)
    refused = 0  # or harmless
    for _ in range(60):
        content = bytearray(whole)
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
        try:
            read = SafeCheckpointIO().load_checkpoint(path)
        except ValueError as error:
            refused += str(path) in str(error) and "\n" not in str(error)
        else:  # a bit of the padding between the parts, or of a date
            assert content_digest(read) == digest
            refused += 1
    assert refused == 60


def test_a_file_with_good_checksums_and_other_contents_is_refused(checkpoint, tmp_path):
    path = tmp_path / "last.ckpt"
    SafeCheckpointIO().save_checkpoint(checkpoint, path)
    content = torch.load(path, weights_only=True)
    next(iter(content["state_dict"].values())).view(-1)[0] += 1
    torch.save(content, path)
    with pytest.raises(ValueError, match="does not match its SHA-256"):
        SafeCheckpointIO().load_checkpoint(path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_cut_checkpoint_is_refused(checkpoint, tmp_path, share):
    path = tmp_path / "last.ckpt"
    SafeCheckpointIO().save_checkpoint(checkpoint, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"cannot use .*last\.ckpt"):
        SafeCheckpointIO().load_checkpoint(path)


def test_what_is_no_checkpoint_is_told_by_its_name(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no checkpoint .*nothing\.ckpt"):
        SafeCheckpointIO().load_checkpoint(tmp_path / "nothing.ckpt")
    with pytest.raises(ValueError, match="it is a folder or a device"):
        SafeCheckpointIO().load_checkpoint(tmp_path)
    torch.save([1], tmp_path / "list.ckpt")
    with pytest.raises(ValueError, match="it is no checkpoint of fit"):
        SafeCheckpointIO().load_checkpoint(tmp_path / "list.ckpt")


FULL = """
import resource, sys, torch
from vfi.training.checkpoint_io import SafeCheckpointIO
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # as a full disk: writes fail
try:
    SafeCheckpointIO().save_checkpoint({"state_dict": {"a": torch.zeros(100_000)}}, sys.argv[1])
except ValueError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_full_disk_leaves_the_old_checkpoint(checkpoint, tmp_path):
    path = tmp_path / "best.ckpt"
    SafeCheckpointIO().save_checkpoint(checkpoint, path)
    before = path.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.startswith(f"cannot write {path}: ")
    assert "make room" in done.stdout
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["best.ckpt"]
