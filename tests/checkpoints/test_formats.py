"""How weights lie in a file, and how what does not fit is told."""

import copy
import os
import re

import pytest
import safetensors
import torch

from tests.helpers.small_networks import fill, small_spec
from vfi.checkpoints import save_network
from vfi.checkpoints.formats import Checkpoint, listed, read, weights_digest
from vfi.models import RIFE


@pytest.fixture
def network():
    return fill(RIFE(small_spec("rife_v4.0")))


def test_the_first_problems_are_told_and_the_others_counted():
    names = list("abcdefghij")
    assert listed(names[:2]) == "a; b"
    assert listed(names[:8]) == "a; b; c; d; e; f; g; h"
    assert listed(names[:9]) == "a; b; c; d; e; f; g; h; and 1 more"
    assert listed(names) == "a; b; c; d; e; f; g; h; and 2 more"


def test_a_file_is_as_safetensors_wants_it_and_keeps_its_texts(network, tmp_path):
    path = tmp_path / "a.safetensors"
    for extra in range(9):  # headers of all lengths
        save_network(network, path, licence="x" * extra)
        assert int.from_bytes(path.read_bytes()[:8], "little") % 8 == 0
        assert read(path).metadata == {"licence": "x" * extra}
    with safetensors.safe_open(path, "pt") as file:
        assert file.metadata()["format"] == "pt"


def test_what_is_built_is_for_inference_and_has_memory_of_its_own():
    network = fill(RIFE(small_spec("rife_v4.0", teacher=True)))
    checkpoint = Checkpoint(network.spec, network.state_dict())
    built = checkpoint.build()
    assert not built.training
    assert built.spec == network.spec.for_inference() != network.spec
    before = {name: tensor.clone() for name, tensor in checkpoint.state.items()}
    for weight in built.parameters():
        weight.data.zero_()
    for name, tensor in before.items():
        assert checkpoint.state[name].equal(tensor), name


@pytest.mark.parametrize("kind", ["int32", "complex64", "float8_e4m3fn"])
def test_tensors_of_other_types_are_no_weights(network, kind):
    kind = getattr(torch, kind)
    state = {name: tensor.to(kind) for name, tensor in network.state_dict().items()}
    words = rf"holds {kind} instead of floats; .*; and \d+ more$"
    with pytest.raises(ValueError, match=words):
        Checkpoint(network.spec, state)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such file")
def test_a_device_is_no_file():
    with pytest.raises(ValueError, match=": it is a device or a pipe; give the path of a file$"):
        read(os.devnull)


@pytest.mark.parametrize("content", [{1: torch.zeros(1)}, {"a": 1}])
def test_a_dictionary_of_something_else_is_no_state_dict(content, tmp_path):
    torch.save(content, tmp_path / "a.pkl")
    with pytest.raises(ValueError, match=r"a\.pkl: it holds no state dict but a dict$"):
        read(tmp_path / "a.pkl")


def test_weights_have_a_short_digest_of_their_own(network):
    other = copy.deepcopy(network)
    assert re.fullmatch("[0-9a-f]{16}", weights_digest(network))
    assert weights_digest(other) == weights_digest(network)
    with torch.no_grad():
        next(other.parameters())[0] += 1
    assert weights_digest(other) != weights_digest(network)
    assert weights_digest(torch.nn.ReLU()) != weights_digest(torch.nn.Sigmoid())
