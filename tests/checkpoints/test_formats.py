"""How weights lie in a file, and how what does not fit is told."""

import copy
import re

import pytest
import safetensors
import torch

from tests.helpers.small_networks import fill, small_spec
from vfi.checkpoints import save_network
from vfi.checkpoints.formats import listed, read, weights_digest
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


def test_weights_have_a_short_digest_of_their_own(network):
    other = copy.deepcopy(network)
    assert re.fullmatch("[0-9a-f]{16}", weights_digest(network))
    assert weights_digest(other) == weights_digest(network)
    with torch.no_grad():
        next(other.parameters())[0] += 1
    assert weights_digest(other) != weights_digest(network)
    assert weights_digest(torch.nn.ReLU()) != weights_digest(torch.nn.Sigmoid())
