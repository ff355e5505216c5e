"""What is not as it was written is refused, and the digest stays that of files out there."""

import os
import re

import pytest
import torch

from vfi.checkpoints.integrity import DIGEST_KEY, check_zip, content_digest, load_torch

CONTENT = {
    "weights": torch.arange(6.0).reshape(2, 3),
    "half": torch.tensor([1.5], dtype=torch.bfloat16),
    "step": 7,
    "names": ["a", ("b", None)],
    "on": True,
}
DIGEST = "727d5a9ceabcad26ca0df34632eeaca5541570b1127ac3bfa50901ebe0ce9713"


def test_the_digest_is_that_of_checkpoints_that_are_there():
    assert content_digest(CONTENT) == DIGEST
    assert content_digest(CONTENT | {"weights": CONTENT["weights"].T.clone().T}) == DIGEST


@pytest.mark.parametrize(
    "change",
    [
        {"weights": torch.arange(6.0).reshape(3, 2)},
        {"weights": torch.arange(6.0).reshape(2, 3).double()},
        {"weights": torch.tensor([[0.0, 1, 2], [3, 4, 6]])},
        {"step": 8},
        {"step": "7"},
        {"on": 1},
        {"names": ["a", ("b",), None]},
        {"more": 0},
    ],
)
def test_any_change_changes_the_digest(change):
    assert content_digest(CONTENT | change) != DIGEST


def test_what_was_written_is_read_and_checked(tmp_path):
    path = tmp_path / "a.ckpt"
    torch.save(CONTENT | {DIGEST_KEY: DIGEST}, path)
    read = load_torch(path)
    assert DIGEST_KEY not in read
    assert content_digest(read) == DIGEST
    torch.save(CONTENT | {"step": 8, DIGEST_KEY: DIGEST}, path)
    with pytest.raises(ValueError, match=r"^it does not match its SHA-256: it is damaged, use ano"):
        load_torch(path)
    torch.save([1], path)
    assert load_torch(path) == [1]


def test_a_flipped_byte_is_found_by_the_checksums(tmp_path):
    path = tmp_path / "a.ckpt"
    torch.save(CONTENT, path)
    content = bytearray(path.read_bytes())
    place = content.index(torch.arange(6.0).numpy().tobytes())
    content[place + 3] ^= 1
    path.write_bytes(content)
    for read in (check_zip, load_torch):
        with pytest.raises(ValueError, match=r"^it is damaged: .*data.* does not match its checks"):
            read(path)


def test_what_is_no_file_or_no_tensors(tmp_path, monkeypatch):
    path = tmp_path / "a.ckpt"
    with pytest.raises(ValueError, match=r"^it is a folder or a device; give the weights file"):
        check_zip(tmp_path)
    with pytest.raises(FileNotFoundError):
        load_torch(path)
    path.write_bytes(b"text")
    check_zip(path)  # it is no zip
    with pytest.raises(ValueError, match=r"^it is not a weights file, is cut .* run \(.+\)$"):
        load_torch(path)
    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", raising=False)  # a command leaves it
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # nobody else lifts that
    torch.save(os.system, path)
    with pytest.raises(ValueError, match=re.escape("which are never run (UnpicklingError)")):
        load_torch(path)
